"""What got through a pool: how many workloads were created, started, finished and requeued; waits and runs.

Only grows, for as long as the pool is watched; with `state.path` also over restarts.

How many durations are how long: fixed buckets, from a minute to a month.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from exporter.snapshot.workload import FINISHED, PRIORITIES, STATUSES, TYPES, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


Labels = tuple[str, ...]
"""Values of a family's own labels."""

ENDS = (*(status for status in STATUSES if status in FINISHED), UNKNOWN)
"""How a workload ends; unknown: it vanished without a final status."""


def _of_types() -> Mapping[Labels, int]:
    return dict.fromkeys(((kind,) for kind in TYPES), 0)


def _of_starts() -> Mapping[Labels, int]:
    return dict.fromkeys(((kind, priority) for kind in TYPES for priority in PRIORITIES), 0)


def _of_ends() -> Mapping[Labels, int]:
    return dict.fromkeys(((kind, end) for kind in TYPES for end in ENDS), 0)


@dataclass(frozen=True, slots=True)
class Throughput:
    """Counts and durations since the pool was first listed.

    Counts are there for every documented value from the start: `rate()` and `increase()` do not see the event
    with which a series begins. Distributions, eighteen series each, begin when a type is first listed.

    Attributes:
        created: workloads that appeared, by (type,).
        started: those that were given their resources, by (type, priority).
        finished: those that ended, by (type, end); an end is one of `ENDS`.
        requeued: those that went back to the queue, by (type,).
        waits: how long those that started had waited, by (type, priority).
        runs: how long those that ended had run, by (type, end).
    """

    created: Mapping[Labels, int] = field(default_factory=_of_types)
    started: Mapping[Labels, int] = field(default_factory=_of_starts)
    finished: Mapping[Labels, int] = field(default_factory=_of_ends)
    requeued: Mapping[Labels, int] = field(default_factory=_of_types)
    waits: Mapping[Labels, Distribution] = field(default_factory=dict)
    runs: Mapping[Labels, Distribution] = field(default_factory=dict)


MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
AGE_BUCKETS = (
    *(MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE),
    *(HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 12 * HOUR),
    *(DAY, 2 * DAY, 3 * DAY, 7 * DAY, 14 * DAY, 30 * DAY),
)
"""Seconds; upper bounds, each included."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """Durations by bucket.

    Attributes:
        buckets: how many by bucket of `AGE_BUCKETS`, each duration once; the last is over all of them.
        total: seconds of all of them together.
    """

    buckets: tuple[int, ...] = (0,) * (len(AGE_BUCKETS) + 1)
    total: float = 0.0

    @classmethod
    def of(cls, durations: Iterable[float]) -> Distribution:
        """Of so many seconds each."""
        counts = [0] * (len(AGE_BUCKETS) + 1)
        total = 0.0
        for seconds in durations:
            counts[bisect_left(AGE_BUCKETS, seconds)] += 1
            total += seconds
        return cls(tuple(counts), total)

    @property
    def count(self) -> int:
        """How many."""
        return sum(self.buckets)

    def plus(self, seconds: float) -> Distribution:
        """The same with one more duration."""
        index = bisect_left(AGE_BUCKETS, seconds)
        buckets = (*self.buckets[:index], self.buckets[index] + 1, *self.buckets[index + 1 :])
        return Distribution(buckets, self.total + seconds)
