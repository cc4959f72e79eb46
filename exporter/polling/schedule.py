"""When a pool is due: pools spread over the interval, each at its own moment of it, with some jitter.

Whether a project's pools are polled as often as poll.interval says: by the settings, and by experience.
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


log = structlog.get_logger(__name__)

BEHIND = 1.15
"""Intervals between two polls of a pool, from which on they are late. One slow poll of a lone pool, which
leaves out the next moment, makes 1.1 of the mean."""

IN_TIME = 1.1
"""Intervals, below which they are in time again."""

ROUNDS = 10
"""Polls of every pool over which the mean is taken; older ones fade out."""


@dataclass(slots=True, kw_only=True)
class Pace:
    """The time between two polls of a pool, over all pools of one project.

    Attributes:
        region: where the project is.
        project_id: the project.
        interval: seconds that are to be between two polls of a pool.
        requests_per_second: how often the project may be asked.
        self_metrics: where it is told.
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

    def watch(self, pools: int) -> None:
        """From now on there are so many pools to poll."""
        self._pools = pools
        target = self.interval if pools else None
        self.self_metrics.set_poll_interval(self.region, self.project_id, target=target)
        self._judge()

    def note(self, seconds: float) -> None:
        """A pool was read again, so long after the time before.

        Only of pools that are read: one that fails is late too, and says so itself.
        """
        self._mean += (seconds - self._mean) / (ROUNDS * max(1, self._pools))
        self.self_metrics.set_poll_interval(
            self.region, self.project_id, target=self.interval, mean=self._mean
        )
        self._judge()

    def excess(self, pools: int) -> str | None:
        """Why so many pools cannot be polled within the interval, and what to do; None where they can.

        By the settings alone: a pool takes one request at least, and no answer makes them come faster.
        """
        needed = pools / self.interval
        if needed <= self.requests_per_second:
            return None
        return (
            f"{pools} pools every {self.interval:g} s are {needed:.3g} requests a second at least, and "
            f"poll.requests_per_second is {self.requests_per_second:g}, so a pool is read every "
            f"{pools / self.requests_per_second:.0f} s at best: raise poll.requests_per_second or "
            "poll.interval, or let more exporters share the pools (shard.total)"
        )

    def _late(self) -> str | None:
        """The same by experience."""
        limit = IN_TIME if self._behind else BEHIND
        if self._mean <= limit * self.interval:
            return None
        return (
            f"a pool is read every {self._mean:.0f} s lately, not every {self.interval:g} s; answers are "
            "slow, too few are asked for at a time, or the cloud asked for patience: raise poll.concurrency, "
            "poll.requests_per_second or poll.interval, let more exporters share the pools (shard.total), or "
            "give projects that share a credential one each"
        )

    def _judge(self) -> None:
        """One line when polls begin to fall behind, one when that is over."""
        reason = self.excess(self._pools) or self._late()
        if self._behind == bool(reason):
            return
        self._behind = bool(reason)
        report = log.bind(region=self.region, project_id=self.project_id, pools=self._pools)
        if reason:
            report.warning("the project's pools cannot all be read within poll.interval", reason=reason)
        else:
            report.info("the project's pools are read within poll.interval again")
