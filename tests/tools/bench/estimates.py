"""How far estimated starts are from the true ones, in simulated pools."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from exporter.lifecycle.pool_history import PoolHistory
from exporter.simulator.demand import HOUR
from tools.bench.figures import Findings, Table, median, shown
from tools.bench.simulated import POOLS, SimulatedPool

if TYPE_CHECKING:
    from collections.abc import Iterable

_INTERVAL = 60.0
_LOOK = 10
"""Listings from one whose estimates are held against the truth to the next."""

_SLOWER = 15.0
"""Measured at the pace of life: so many of its hours are one of the demo's."""

_AFTERWARDS = 48 * HOUR
_FACTOR = 2.0


class Guess(NamedTuple):
    """Seconds until a start, as estimated and as it turned out."""

    estimated: float
    true: float

    @property
    def close(self) -> bool:
        """Whether the estimate is within a factor of two."""
        return self.true / _FACTOR <= self.estimated <= self.true * _FACTOR


def measure(hours: float) -> Findings:
    """Watch the demo's pools for so many hours of the demo, and a pool whose jobs are all alike."""
    rows = []
    seconds = hours * _SLOWER * HOUR
    everywhere: list[Guess] = []
    for index in POOLS:
        guesses, unknown = _watch(SimulatedPool(index, speed=1.0, retention=HOUR), seconds)
        everywhere += guesses
        rows.append(_row(f"demo's pool {index + 1}", guesses, unknown))
    rows.append(_row("all of them", everywhere, None))
    guesses, unknown = _watch(SimulatedPool(None, speed=1.0, retention=HOUR), seconds)
    rows.append(_row("equal jobs, one priority", guesses, unknown))
    columns = (
        *("pool", "estimates", "without one", "median time to start, s"),
        *("median absolute error, s", "within a factor of 2"),
    )
    note = (
        f"Every ten minutes of {seconds / HOUR:g} hours, each waiting job that started later. In the demo's "
        "pools small jobs pass large ones; where all are alike the queue is served in order."
    )
    return Findings([Table("Estimated against true time to start", columns, rows, note)])


def _watch(pool: SimulatedPool, seconds: float) -> tuple[list[Guess], int]:
    """The guesses, and how many jobs had none."""
    memory = PoolHistory()
    memory.update(pool.listing(), pool.clock.wall())
    asked: list[tuple[str, float, float | None]] = []
    for number, (now, listing) in enumerate(pool.listings(_INTERVAL, seconds)):
        memory.update(listing, now)
        if number % _LOOK == 0:
            completed = memory.annotate(listing, estimates=True)
            asked += [(one.uid, now, one.estimated_start) for one in completed.workloads if one.waiting]
    pool.clock.advance(_AFTERWARDS)
    pool.listing()
    starts: defaultdict[str, list[float]] = defaultdict(list)
    for at, what, uid in pool.cluster.log:
        if what == "started":
            starts[uid].append(at)
    known = [(uid, now, estimate) for uid, now, estimate in asked if starts[uid] and starts[uid][-1] > now]
    guesses = [
        Guess(estimate, starts[uid][bisect_right(starts[uid], now)] - now)
        for uid, now, estimate in known
        if estimate is not None
    ]
    return guesses, len(known) - len(guesses)


def _row(name: str, guesses: Iterable[Guess], unknown: int | None) -> tuple[str, ...]:
    guesses = list(guesses)
    close = sum(guess.close for guess in guesses) / len(guesses) if guesses else None
    return (
        name,
        f"{len(guesses):,}",
        shown(unknown),
        shown(median(guess.true for guess in guesses)),
        shown(median(abs(guess.estimated - guess.true) for guess in guesses)),
        shown(close, 100, "%"),
    )
