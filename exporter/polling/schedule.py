"""When a pool is due: pools spread over the interval, each at its own moment of it, with some jitter."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

JITTER = 0.05
"""Of the interval, to either side: two exporters started together drift apart."""

_GOLDEN = 0.6180339887498949


def phases() -> Iterator[float]:
    """Fractions of the interval, one a pool, evenly spread however many are taken (golden-ratio sequence).

    So a pool that is discovered later finds a gap, and no pool that is there has to move.
    """
    for index in count():
        yield index * _GOLDEN % 1.0


def lifetime(stale_after: float, interval: float) -> float:
    """Seconds that an answer may be shown which is asked for once in `interval` seconds.

    What is asked for rarely lives longer than `stale_after`: one failed request is no reason to drop it.
    """
    return max(stale_after, 2 * interval)


@dataclass(frozen=True, slots=True)
class Schedule:
    """One pool's moments.

    Attributes:
        start: the monotonic moment from which intervals are counted.
        interval: seconds.
        phase: this pool's fraction of the interval.
        rng: for the jitter.
    """

    start: float
    interval: float
    phase: float
    rng: random.Random

    def wait(self, now: float) -> float:
        """Seconds until the next poll, when the last one ended just now.

        Never less than about half an interval: after a slow poll the next moment is left out.
        """
        moment = self.start + self.phase * self.interval
        earliest = now + self.interval / 2
        rounds = max(0, -(-(earliest - moment) // self.interval))
        jitter = self.rng.uniform(-JITTER, JITTER) * self.interval
        return moment + rounds * self.interval + jitter - now
