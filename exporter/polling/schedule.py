"""When each pool is polled, and whether the polls keep to `poll.interval`.

The pools of a project are spread over the interval: each has its own fraction of it, with some jitter.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from exporter.self_metrics import SelfMetrics

log = structlog.get_logger(__name__)

JITTER = 0.05
"""Fraction of the interval, in both directions, so that exporters that start together drift apart."""

_GOLDEN = 0.6180339887498949

BEHIND = 1.15
"""Mean time between two polls, in intervals, above which polls are reported as late. One slow poll of a
single pool, which skips the next poll, makes a mean of 1.1."""

IN_TIME = 1.1
"""Mean time between two polls, in intervals, up to which they are reported as in time again."""

POLLS = 10
"""Polls of each pool in the mean. It is a moving average, in which older polls count less."""


def phases() -> Iterator[float]:
    """Fractions of the interval, one per pool. Any number of them is evenly spread (golden-ratio sequence).

    So a pool that is discovered later fits into a gap, and no other pool has to move.
    """
    for index in count():
        yield index * _GOLDEN % 1.0


def lifetime(stale_after: float, interval: float) -> float:
    """How long an answer may be shown, if it is requested once per `interval`. All in seconds.

    At least two intervals, so that one failed request does not remove the answer.
    """
    return max(stale_after, 2 * interval)


@dataclass(frozen=True, slots=True)
class Schedule:
    """The moments at which one pool is polled.

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
        """Seconds until the next poll, if the last one ended at `now`.

        This is at least about half an interval: after a slow poll, the next one is skipped.
        """
        moment = self.start + self.phase * self.interval
        earliest = now + self.interval / 2
        intervals = max(0, -(-(earliest - moment) // self.interval))
        jitter = self.rng.uniform(-JITTER, JITTER) * self.interval
        return moment + intervals * self.interval + jitter - now


@dataclass(slots=True, kw_only=True)
class IntervalMonitor:
    """Measures the mean time between two polls of a project's pools, and warns if it is too long.

    Attributes:
        region: where the project is.
        project_id: the project.
        interval: seconds that should lie between two polls of a pool.
        requests_per_second: the limit for the project.
        self_metrics: gets the mean and the target.
    """

    region: str
    project_id: str
    interval: float
    requests_per_second: float
    self_metrics: SelfMetrics
    _pools: int = 0
    _mean: float = 0.0
    _behind: bool = False

    def __post_init__(self) -> None:
        self._mean = self.interval

    def set_pools(self, count: int) -> None:
        """Set how many pools are polled."""
        self._pools = count
        target = self.interval if count else None
        self.self_metrics.set_poll_interval(self.region, self.project_id, target=target)
        self._report()

    def observe(self, seconds: float) -> None:
        """Add the time between two successful polls of a pool.

        Failed polls are left out, because a failing pool reports its own error.
        """
        self._mean += (seconds - self._mean) / (POLLS * max(1, self._pools))
        self.self_metrics.set_poll_interval(
            self.region, self.project_id, target=self.interval, mean=self._mean
        )
        self._report()

    def overload(self, pools: int) -> str | None:
        """Why this many pools cannot be polled within the interval, and what to do; None if they can.

        This follows from the settings alone, because a poll takes at least one request.
        """
        needed = pools / self.interval
        if needed <= self.requests_per_second:
            return None
        return (
            f"{pools} pools every {self.interval:g} s need at least "
            f"{_told_apart(needed, self.requests_per_second)} requests a second, and "
            f"poll.requests_per_second is {self.requests_per_second:g}, so a pool is read every "
            f"{_told_apart(pools / self.requests_per_second, self.interval)} s at best: raise "
            "poll.requests_per_second or poll.interval, or let more exporters share the pools (shard.total)"
        )

    def _lateness(self) -> str | None:
        """Why polls are late, by the measured mean, and what to do; None if they are in time."""
        limit = IN_TIME if self._behind else BEHIND
        if self._mean <= limit * self.interval:
            return None
        return (
            f"a pool was recently read every {_told_apart(self._mean, self.interval)} s, not every "
            f"{self.interval:g} s; answers are slow, too few requests are in flight, or the cloud throttles "
            "them: raise poll.concurrency, poll.requests_per_second or poll.interval, let more exporters "
            "share the pools (shard.total), or give projects that share a credential one each"
        )

    def _report(self) -> None:
        """Log once when polls fall behind, and once when they are in time again."""
        reason = self.overload(self._pools) or self._lateness()
        if self._behind == bool(reason):
            return
        self._behind = bool(reason)
        report = log.bind(region=self.region, project_id=self.project_id, pools=self._pools)
        if reason:
            report.warning("the project's pools cannot all be read within poll.interval", reason=reason)
        else:
            report.info("the project's pools are read within poll.interval again")


def _told_apart(figure: float, target: float) -> str:
    """The figure with three digits, or with as many as it takes to differ from the target: 2.31 beside 2."""
    rounded = (float(f"{figure:.{digits}g}") for digits in range(3, 10))
    return f"{next((value for value in rounded if value != target), figure):.10g}"
