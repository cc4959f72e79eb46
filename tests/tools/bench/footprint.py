"""Memory, and the time from start to the first answer; of the exporter's own command."""

from __future__ import annotations

import http.client
import socket
import time
from typing import TYPE_CHECKING

from tools.bench import peers
from tools.bench.data import Size
from tools.bench.figures import Findings, Table, Verdict, median, ratio, shown
from tools.bench.polls import SERIES, step
from tools.bench.scrapes import scraped_once

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from tools.bench.peers import Running

LARGE, EMPTY = Size(1, 10_000), Size(1, 0)
MANY_WORKLOADS = 100_000

_MIB = 2**20
_IDLE_LIMIT = 60.0
_START_LIMIT = 1.0
_POLLS = 5
_OK = 200


def measure(many: dict[str, int], starts: int) -> Findings:
    """Measure.

    Args:
        many: bytes with `MANY_WORKLOADS`, by series; empty where not measured.
        starts: how often to start.
    """
    findings = Findings()
    rows: list[tuple[str, ...]] = []
    for series in SERIES:
        idle, ours = _resident(EMPTY, series, ours=True), _resident(LARGE, series, ours=True)
        script = _resident(LARGE, series, ours=False)
        per_workload = (many[series] - idle) / MANY_WORKLOADS if series in many else None
        rows.append(
            (
                series,
                *(shown(value, 1 / _MIB) for value in (idle, ours, many.get(series))),
                shown((ours - idle) / LARGE.workloads),
                shown(per_workload),
                shown(script, 1 / _MIB),
            )
        )
        findings.verdicts += [
            Verdict(f"RSS idle, series {series}", idle / _MIB, _IDLE_LIMIT, " MiB"),
            Verdict(f"RSS at 10,000 workloads over the script's, series {series}", ratio(ours, script), 1.0),
        ]
    findings.tables.append(
        Table(
            "Resident memory, MiB, after five polls and a scrape, plain and gzip",
            ("series", "idle", "10,000", "100,000", "bytes a workload", "at 100,000", "script at 10,000"),
            rows,
            "`idle`: one empty pool. 100,000 workloads are in 1,000 pools, each polled once or twice, "
            "scraped once with gzip, measured with the stopwatch of `polls` in the process.",
        )
    )
    took = median(_start() for _ in range(starts))
    findings.verdicts.append(Verdict("start-up to the first 200 on /metrics", took, _START_LIMIT, " s"))
    return findings


def _resident(size: Size, series: str, *, ours: bool) -> int:
    with peers.pages(size) as pages:
        pages.control("close")
        starting: AbstractContextManager[Running] = (peers.exporter if ours else peers.script)(
            pages, size, series
        )
        with starting as subject:
            for _ in range(_POLLS):
                step(pages, subject)
            for encoding in ("identity", "gzip"):
                scraped_once(subject.url, encoding=encoding)
            return subject.rss()


def _start() -> float:
    """Seconds from exec to a whole answer."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    with peers.pages(EMPTY) as pages:
        started = time.monotonic()
        with peers.exporter(pages, EMPTY, "none", listen=f"127.0.0.1:{port}", announced=False):
            while not _answers(port):
                time.sleep(0.002)
            return time.monotonic() - started


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        answer.read()
    except OSError:
        return False
    else:
        return answer.status == _OK
    finally:
        connection.close()
