"""How many durations are how long: fixed buckets, from a minute to a month."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

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
