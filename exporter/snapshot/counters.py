"""Throughput counters of a pool, and distributions of durations in fixed buckets."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from exporter.snapshot.workload import FINISHED, PRIORITIES, STATUSES, TYPES, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


Labels = tuple[str, ...]
"""Values of a family's own labels."""

ENDS = (*(status for status in STATUSES if status in FINISHED), UNKNOWN)
"""How a workload ends; unknown means that it vanished without a final status."""


# All pools share these keys.
_BY_TYPE: Mapping[Labels, int] = dict.fromkeys(((kind,) for kind in TYPES), 0)
_BY_TYPE_AND_PRIORITY: Mapping[Labels, int] = dict.fromkeys(
    ((kind, priority) for kind in TYPES for priority in PRIORITIES), 0
)
_BY_TYPE_AND_END: Mapping[Labels, int] = dict.fromkeys(((kind, end) for kind in TYPES for end in ENDS), 0)


@dataclass(frozen=True, slots=True)
class Throughput:
    """How many workloads were created, started, finished and requeued since the pool was first listed.

    The counts only grow while the pool is watched; with `state.path` also across restarts. They start at 0
    for every documented value: `rate()` and `increase()` do not see an event that creates its series.
    Distributions have eighteen series each, so each starts with its first duration.

    Attributes:
        created: workloads that appeared, by (type,).
        started: those that got their resources, by (type, priority).
        finished: those that ended, by (type, end), where end is one of `ENDS`.
        requeued: those that waited again after they had started, by (type,).
        waits: how long started ones had waited, by (type, priority).
        runs: how long finished ones had run, by (type, end).
    """

    created: Mapping[Labels, int] = field(default_factory=lambda: _BY_TYPE)
    started: Mapping[Labels, int] = field(default_factory=lambda: _BY_TYPE_AND_PRIORITY)
    finished: Mapping[Labels, int] = field(default_factory=lambda: _BY_TYPE_AND_END)
    requeued: Mapping[Labels, int] = field(default_factory=lambda: _BY_TYPE)
    waits: Mapping[Labels, Distribution] = field(default_factory=dict)
    runs: Mapping[Labels, Distribution] = field(default_factory=dict)


MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
AGE_BUCKETS = (
    *(MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE),
    *(HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 12 * HOUR),
    *(DAY, 2 * DAY, 3 * DAY, 7 * DAY, 14 * DAY, 30 * DAY),
)
"""Upper bounds in seconds, inclusive."""


class Distribution(msgspec.Struct, frozen=True, gc=False):
    """Durations by bucket. Without garbage collection, because it holds numbers only.

    Attributes:
        buckets: how many durations are in each bucket of `AGE_BUCKETS`, not cumulative. The last one is for
            durations over all bounds.
        total: the sum of the durations, in seconds.
    """

    buckets: tuple[int, ...] = (0,) * (len(AGE_BUCKETS) + 1)
    total: float = 0.0

    @classmethod
    def of(cls, durations: Iterable[float]) -> Distribution:
        """The distribution of these durations, in seconds."""
        counts = [0] * (len(AGE_BUCKETS) + 1)
        total = 0.0
        for seconds in durations:
            counts[bisect_left(AGE_BUCKETS, seconds)] += 1
            total += seconds
        return cls(tuple(counts), total)

    @property
    def count(self) -> int:
        """How many durations there are."""
        return sum(self.buckets)

    def plus(self, seconds: float) -> Distribution:
        """The same with one more duration."""
        index = bisect_left(AGE_BUCKETS, seconds)
        buckets = (*self.buckets[:index], self.buckets[index] + 1, *self.buckets[index + 1 :])
        return Distribution(buckets, self.total + seconds)
