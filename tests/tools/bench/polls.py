"""What a poll costs, beside the script that a user would write; where it goes; how it grows.

With one pool, polls are let through one by one, of the exporter and of the script in turn, so that the
machine's noise meets both. With several, the exporter polls at its own pace and its listings are counted.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tools.bench import peers
from tools.bench.data import Size
from tools.bench.figures import Findings, Table, Verdict, median, ratio, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tools.bench.peers import Pages, Running
    from tools.bench.stopwatch import Figures

SERIES = ("none", "all")
LARGE, TENTH = Size(1, 10_000), Size(1, 1_000)
STEPPED = (Size(1, 500), TENTH, LARGE)
FLOWING = (Size(20, 500),)

_LIMITS = {"none": 1 / 20, "all": 1 / 8}
_GROWTH = 11.0
_INTERVAL = 4.0
_LOOK = 0.005


@dataclass(slots=True)
class Cost:
    """What polls of one size cost.

    Attributes:
        size: of the pools.
        series: which workloads have series of their own.
        exporter: CPU seconds of each poll of all pools.
        script: likewise.
        figures: the stopwatch's, of each poll.
    """

    size: Size
    series: str
    exporter: list[float] = field(default_factory=list)
    script: list[float] = field(default_factory=list)
    figures: list[Figures] = field(default_factory=list)

    @property
    def ratio(self) -> float | None:
        """The exporter's CPU time over the script's."""
        return ratio(median(self.exporter), median(self.script))

    def row(self) -> tuple[str, ...]:
        """Microseconds per workload; the wall time in milliseconds."""
        per_workload = 1e6 / self.size.workloads
        whole = median(self.exporter)
        parts = {
            name: median(figures.cpu.get(name, 0.0) for figures in self.figures) or 0.0
            for name in ("decode", "compare", "aggregate", "rendering", "compress")
        }
        rest = (
            None
            if whole is None
            else max(0.0, whole - parts["decode"] - parts["compare"] - parts["rendering"])
        )
        render = parts["rendering"] - parts["aggregate"] - parts["compress"]
        split = (rest, parts["decode"], parts["compare"], parts["aggregate"], render, parts["compress"])
        walls = [wall for figures in self.figures for wall in figures.to_scrapable]
        return (
            str(self.size),
            self.series,
            shown(whole, per_workload),
            *(shown(part, per_workload) for part in split),
            shown(median(walls), 1e3),
            shown(median(self.script), per_workload),
            shown(self.ratio),
        )


def table(costs: Iterable[Cost]) -> Table:
    """One row for each cost."""
    return Table(
        "CPU of a poll, microseconds per workload",
        (
            *("pools x workloads", "series", "exporter"),
            *("receive", "decode", "compare", "aggregate", "render", "compress"),
            *("to scrapable, ms", "script", "exporter / script"),
        ),
        [cost.row() for cost in costs],
        "`receive` is what is not one of the others: HTTP, signing, joining pages, the event loop. "
        "`to scrapable`: wall time from a poll's last byte to its new text being served. "
        "`script`: Huawei's SDK in a loop with prometheus_client gauges. With several pools the exporter "
        "polls spread over time, and the script in one go, which is kinder to caches.",
    )


def measure(series: Sequence[str], repeats: int, *, several: bool) -> tuple[list[Cost], Findings]:
    """Measure polls.

    Args:
        series: of `SERIES`.
        repeats: polls of each.
        several: also more than one pool.
    """
    costs: list[Cost] = []
    findings = Findings()
    for which in series:
        stepped = _stepped(which, repeats)
        costs += stepped
        if several:
            costs += [_flowing(size, which, repeats) for size in FLOWING]
        findings.verdicts += _verdicts(which, {cost.size: cost for cost in stepped})
    return costs, findings


def _verdicts(series: str, costs: dict[Size, Cost]) -> list[Verdict]:
    growth = ratio(median(costs[LARGE].exporter), median(costs[TENTH].exporter))
    return [
        Verdict(
            f"CPU of a poll of {LARGE}, series {series}, over the script's",
            costs[LARGE].ratio,
            _LIMITS[series],
        ),
        Verdict(f"CPU of a poll of {LARGE} over one of {TENTH}, series {series}", growth, _GROWTH),
    ]


def _stepped(series: str, repeats: int) -> list[Cost]:
    costs = [Cost(size, series) for size in STEPPED]
    with ExitStack() as running:
        subjects: list[tuple[Cost, Pages, Running, bool]] = []
        for cost in costs:
            for ours in (True, False):
                pages = running.enter_context(peers.pages(cost.size))
                pages.control("close")
                subject = running.enter_context(
                    peers.exporter(pages, cost.size, series, stopwatch=())
                    if ours
                    else peers.script(pages, cost.size, series)
                )
                subjects.append((cost, pages, subject, ours))
        for _, pages, subject, _ in subjects:  # the first poll fills caches and is not counted
            step(pages, subject)
        for _ in range(repeats):
            for cost, pages, subject, ours in subjects:
                if ours:
                    subject.figures()
                (cost.exporter if ours else cost.script).append(step(pages, subject))
                if ours:
                    cost.figures.append(subject.figures())
    return costs


def step(pages: Pages, subject: Running) -> float:
    """Let one poll through the gate; CPU seconds until nothing more is done about it."""
    _at_the_gate(pages)
    subject.settle()
    before = subject.cpu()
    pages.control("step")
    _at_the_gate(pages)
    subject.settle()
    return subject.cpu() - before


def _at_the_gate(pages: Pages) -> None:
    while not pages.control("look")["held"]:
        time.sleep(_LOOK)


def _flowing(size: Size, series: str, repeats: int) -> Cost:
    cost = Cost(size, series)
    with (
        peers.pages(size) as pages,
        peers.exporter(pages, size, series, interval=_INTERVAL, stopwatch=()) as exporter,
    ):
        time.sleep(_INTERVAL)  # all pools are polled at the start; from then on each at its own moment
        for _ in range(repeats):
            watch(cost, pages, exporter, _INTERVAL)
    with peers.pages(size) as pages:
        pages.control("close")
        with peers.script(pages, size, series) as script:
            step(pages, script)
            cost.script += [step(pages, script) for _ in range(repeats)]
    return cost


def watch(cost: Cost, pages: Pages, exporter: Running, seconds: float) -> float:
    """Add what one poll of every pool costs, from some time of polling; the share of a core that it took."""
    exporter.figures()
    listings, before, started = pages.control("look")["listings"], exporter.cpu(), time.monotonic()
    time.sleep(seconds)
    spent, elapsed = exporter.cpu() - before, time.monotonic() - started
    polled = (pages.control("look")["listings"] - listings) / cost.size.pools
    figures = exporter.figures()
    cost.exporter.append(spent / polled)
    figures.cpu = {name: seconds / polled for name, seconds in figures.cpu.items()}
    cost.figures.append(figures)
    return spent / elapsed
