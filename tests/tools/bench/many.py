"""100,000 workloads in 1,000 pools, every pool once a minute: what that takes of one core, and of memory."""

from __future__ import annotations

import time
from dataclasses import dataclass

from tools.bench import peers
from tools.bench.data import Size
from tools.bench.figures import Findings, Table, Verdict, shown
from tools.bench.polls import SERIES, Cost, step, watch
from tools.bench.scrapes import scraped_once

SIZE = Size(1_000, 100)
INTERVAL = 60.0

_LIMIT = 0.2
_SCRAPE_EVERY = 15.0


@dataclass(frozen=True, slots=True)
class Many:
    """What was found.

    Attributes:
        costs: for the table of polls.
        rss: bytes with so many workloads, by series.
        findings: verdicts and a table of its own.
    """

    costs: list[Cost]
    rss: dict[str, int]
    findings: Findings


def measure(window: float) -> Many:
    """Measure.

    Args:
        window: seconds to watch for, of a minute in which every pool has its turn.
    """
    many = Many([], {}, Findings())
    rows: list[tuple[str, ...]] = []
    for series in SERIES:
        cost = Cost(SIZE, series)
        with (
            peers.pages(SIZE) as pages,
            peers.exporter(pages, SIZE, series, interval=INTERVAL, stopwatch=()) as exporter,
        ):
            # All pools are polled at the start, and again in the minute that begins after half an interval.
            time.sleep(INTERVAL / 2 + 2.0)
            alone = watch(cost, pages, exporter, window)
            before, started = exporter.cpu(), time.monotonic()
            scraped_once(exporter.url, encoding="gzip")
            time.sleep(max(0.0, started + _SCRAPE_EVERY - time.monotonic()))
            scraped = (exporter.cpu() - before) / (time.monotonic() - started)
            many.rss[series] = exporter.rss()
        cost.script.append(_round_of_script(series))
        many.costs.append(cost)
        rows.append((series, shown(alone, 100, " %"), shown(scraped, 100, " %")))
        many.findings.verdicts.append(
            Verdict(
                f"100,000 workloads in 1,000 pools a minute, series {series}: share of a core", alone, _LIMIT
            )
        )
    many.findings.tables.append(
        Table(
            "100,000 workloads in 1,000 pools, each polled once a minute: share of one core",
            ("series", "polls", f"polls, and a gzip scrape every {_SCRAPE_EVERY:g} s"),
            rows,
        )
    )
    return many


def _round_of_script(series: str) -> float:
    with peers.pages(SIZE) as pages:
        pages.control("close")
        with peers.script(pages, SIZE, series) as script:
            return step(pages, script)
