"""What listings at intervals miss of what truly happens, by how often a pool is listed.

Each event of the simulated pools is held against the counters: a job that comes and goes between two listings
is not seen, nor a requeue that is over by the next. Where finished jobs stay listed, no end is missed.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from exporter.lifecycle.pool_history import PoolHistory
from exporter.simulator.demand import HOUR
from tools.bench.figures import Findings, Table
from tools.bench.simulated import POOLS, SimulatedPool

if TYPE_CHECKING:
    from exporter.snapshot.counters import Throughput

INTERVALS = (15, 30, 60, 120, 300)
EVENTS = ("created", "started", "requeued", "finished")
SPEED = 15.0
"""Of the demo: jobs run for minutes, some for seconds."""

_SETTLING = 2
"""Listings after the end, without anything new: what has vanished is counted by the second."""


def measure(hours: float) -> Findings:
    """Watch the demo's pools for so many hours of the exporter's time."""
    rows = []
    for retention, said in ((3 * HOUR, "for hours"), (0.0, "not at all")):
        truth: Counter[str] = Counter()
        counted = {interval: Counter[str]() for interval in INTERVALS}
        for index in POOLS:
            _watch(SimulatedPool(index, speed=SPEED, retention=retention), hours * HOUR, truth, counted)
        for event in EVENTS:
            missed = (1 - counted[interval][event] / truth[event] for interval in INTERVALS)
            rows.append((said, event, f"{truth[event]:,}", *(f"{share:.1%}" for share in missed)))
    columns = (
        "finished jobs listed",
        "event",
        "truly",
        *(f"missed at {interval} s" for interval in INTERVALS),
    )
    note = (
        f"The demo's three pools for {hours:g} hours at {SPEED:g} times the pace of life: jobs are Creating "
        "for 8 to 40 s and run for some minutes."
    )
    return Findings([Table("What is missed between two listings", columns, rows, note)])


def _watch(
    pool: SimulatedPool, seconds: float, truth: Counter[str], counted: dict[int, Counter[str]]
) -> None:
    memories = {interval: PoolHistory() for interval in INTERVALS}
    start, first = pool.clock.wall(), pool.listing()
    for memory in memories.values():
        memory.update(first, start)
    for now, listing in pool.listings(INTERVALS[0], seconds):
        for interval, memory in memories.items():
            if (now - start) % interval == 0:
                memory.update(listing, now)
    last = pool.listing()
    for interval, memory in memories.items():
        for _ in range(_SETTLING):
            memory.update(last, pool.clock.wall())
        counted[interval] += _counts(memory.throughput)
    truth.update(event.kind for event in pool.cluster.log if event.at > start)


def _counts(throughput: Throughput) -> Counter[str]:
    return Counter({event: sum(getattr(throughput, event).values()) for event in EVENTS})
