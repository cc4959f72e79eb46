"""A listing against the count of the runtime metrics, which costs no request."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Literal

import pytest
from support.cloud import POOL, PROJECT, REGION
from support.fakes import FakeClock, NoThread
from support.scheduler import DAY, START, Scheduler, arrivals

from exporter.api.workloads import decode_page
from exporter.common.errors import NotFound
from exporter.polling.cross_check import DOUBTS, CheckedReader, changes, doubtful
from exporter.snapshot.pool import CloudCount, CountedWorkloads, Listing, PoolKey
from exporter.snapshot.workload import Workload

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.polling.cross_check import When

KEY = PoolKey(REGION, PROJECT, POOL)
STEP, INTERVAL, MINUTE = 5.0, 60.0, 60.0

Lag = Literal["moment", "average", "cells"]
"""What a count describes: one moment of the last minute; the average over it; or for each number another
moment of it."""


@dataclass
class Churn:
    """A pool in which jobs of minutes come and go, and end without a trace; and its watcher.

    Attributes:
        lag: how counts lag behind.
        loses: how many of ten workloads the listing leaves out.
        asked: how often the statistics were asked for.
    """

    lag: Lag
    rng: Random
    loses: int = 0
    asked: int = 0
    clock: FakeClock = field(default_factory=FakeClock)
    scheduler: Scheduler = field(default_factory=lambda: Scheduler(fifo=False))
    last: Listing | None = None
    cloud_count: CloudCount | None = None
    _past: deque[CountedWorkloads] = field(default_factory=lambda: deque(maxlen=int(MINUTE / STEP) + 1))
    reader: CheckedReader = field(init=False)

    def __post_init__(self) -> None:
        self.now = START
        self.jobs = [job for job in arrivals(self.rng, 15.0) if job.created < START + DAY]
        for job in self.jobs:
            job.hours /= 100  # a median of a minute and a half
        self.reader = CheckedReader(
            key=KEY,
            worker=NoThread(),
            listing=self.listing,
            counts=self.statistics,
            cloud_count=lambda: self.cloud_count,
            previous=lambda: self.last,
            clock=self.clock,
            when="paged",
        )

    async def listing(self) -> Listing:
        page = decode_page(self.scheduler.answers()["workloads"], where="GET x", now=self.now)
        return Listing(tuple(one for one in page.workloads if int(one.uid) % 10 >= self.loses))

    async def statistics(self) -> Mapping[tuple[str, str], int]:
        self.asked += 1
        return {
            ("train", "Queue"): len(self.scheduler.queue),
            ("train", "Running"): len(self.scheduler.running),
        }

    def step(self) -> None:
        self.now += STEP
        self.clock.advance(STEP)
        while self.jobs and self.jobs[0].created <= self.now:
            self.scheduler.queue.append(self.jobs.pop(0))
        self.scheduler.run(self.now)
        self._past.append(counted(len(self.scheduler.queue), len(self.scheduler.running)))

    def count(self) -> None:
        past = list(self._past)
        match self.lag:
            case "moment":
                counts = self.rng.choice(past)
            case "average":
                counts = {key: round(sum(one[key] for one in past) / len(past)) for key in past[0]}
            case _:
                counts = {key: self.rng.choice(past)[key] for key in past[0]}
        self.cloud_count = CloudCount(counts, self.clock.monotonic())

    async def a_day(self, phase: float) -> list[bool]:
        """Whether each listing of a day is complete; counts come so many seconds after the listings."""
        complete = []
        for number in range(int(DAY / STEP)):
            self.step()
            if number * STEP % INTERVAL == phase:
                self.count()
            if number * STEP % INTERVAL == 0:
                self.last = await self.reader.read()
                complete.append(self.last.complete)
        return complete


@pytest.mark.long
@pytest.mark.parametrize(
    ("lag", "phase"), [("moment", 0.0), ("moment", 5.0), ("cells", 30.0), ("cells", 55.0), ("average", 30.0)]
)
async def test_a_day_of_churn_is_never_called_short(lag: Lag, phase: float) -> None:
    """Six jobs come and go a minute, with counts up to a minute old: not even the statistics are asked."""
    churn = Churn(lag, Random(13))  # noqa: S311  (no secret)
    complete = await churn.a_day(phase)
    assert (len(complete), set(complete), churn.asked) == (1440, {True}, 0)


@pytest.mark.long
@pytest.mark.parametrize("lag", ["moment", "average", "cells"])
async def test_a_listing_that_loses_workloads_is_found_out(lag: Lag) -> None:
    """Half of a lively pool is lost: it is called short from the busy morning on."""
    churn = Churn(lag, Random(13), loses=5)  # noqa: S311  (no secret)
    complete = await churn.a_day(30.0)
    assert complete.count(False) > 0
    assert complete[: DOUBTS + 2] == [True] * (DOUBTS + 2)


def queued(*uids: str, kind: str = "train", status: str = "Queue") -> tuple[Workload, ...]:
    return tuple(Workload(uid=uid, type=kind, status=status) for uid in uids)


def counted(queue: int, allocated: int = 0) -> CountedWorkloads:
    return {("train", "queue"): queue, ("train", "allocated"): allocated}


@dataclass
class Quiet:
    """A pool with two workloads; its counts are as told, one for each poll."""

    counts: list[CloudCount | None]
    clock: FakeClock
    statistics: int | None = 9
    when: When = "paged"
    asked: int = 0
    size: int = 2
    last: Listing | None = None

    async def listing(self) -> Listing:
        return Listing(queued(*(f"u{index}" for index in range(self.size))))

    async def count(self) -> Mapping[tuple[str, str], int]:
        self.asked += 1
        if self.statistics is None:
            raise NotFound("HTTP 404", where="GET x", status=404)
        return {("train", "Queue"): self.statistics}

    async def polls(self) -> list[bool]:
        """Whether each listing was complete."""
        current: list[CloudCount | None] = [None]
        reader = CheckedReader(
            key=KEY,
            worker=NoThread(),
            listing=self.listing,
            counts=self.count,
            cloud_count=lambda: current[0],
            previous=lambda: self.last,
            clock=self.clock,
            when=self.when,
        )
        complete = []
        for current[0] in self.counts:
            self.last = await reader.read()
            complete.append(self.last.complete)
            self.clock.advance(INTERVAL)
        return complete


def every_minute(clock: FakeClock, *numbers: int) -> list[CloudCount | None]:
    """Counts that are requested half a minute before each poll."""
    begin = clock.monotonic() - INTERVAL / 2
    return [CloudCount(counted(number), begin + index * INTERVAL) for index, number in enumerate(numbers)]


async def test_two_doubtful_counts_and_two_of_the_statistics(clock: FakeClock) -> None:
    """No listing is from before the first counts; two later ones lead to the statistics, which decide."""
    quiet = Quiet(every_minute(clock, *[9] * 8), clock)
    assert await quiet.polls() == [*[True] * 5, *[False] * 3]
    assert quiet.asked == 4


async def test_jobs_between_the_polls_are_not_missing(clock: FakeClock) -> None:
    """Jobs of seconds, once a minute, are always counted and never listed: the statistics tell better."""
    quiet = Quiet(every_minute(clock, *[9] * 8), clock, statistics=2)
    assert await quiet.polls() == [True] * 8
    assert quiet.asked == 4


async def test_without_statistics_nothing_is_called_short(clock: FakeClock) -> None:
    """The runtime metrics alone are no proof."""
    assert await Quiet(every_minute(clock, *[9] * 8), clock, statistics=None).polls() == [True] * 8


async def test_doubts_end_with_a_count_that_agrees(clock: FakeClock) -> None:
    """Twice in a row it has to be."""
    quiet = Quiet(every_minute(clock, 2, 2, 2, *[9, 2] * 4), clock)
    assert await quiet.polls() == [True] * 11
    assert quiet.asked == 0


async def test_one_count_is_one_doubt(clock: FakeClock) -> None:
    """However many listings it is compared with."""
    counts = every_minute(clock, 2, 2, 2, 9)
    quiet = Quiet([*counts, *counts[-1:] * 3], clock)
    assert await quiet.polls() == [True] * 7
    assert quiet.asked == 0


@pytest.mark.parametrize(("when", "size"), [("paged", 501), ("always", 2)])
async def test_the_statistics_are_not_asked_where_there_is_a_count(
    clock: FakeClock, when: When, size: int
) -> None:
    """A count that is too old is as good as none."""
    quiet = Quiet(every_minute(clock, *[size] * 6), clock, when=when, size=size, statistics=size)
    assert await quiet.polls() == [True] * 6
    assert quiet.asked == 0
    quiet.counts = quiet.counts[:1] * 2
    await quiet.polls()
    assert quiet.asked == 2


@pytest.mark.parametrize(
    ("counts", "listed", "changed", "doubt"),
    [
        (counted(3), queued("a", "b"), 0, True),
        (counted(1, 2), queued("a", "b"), 0, True),
        (counted(2), queued("a", "b"), 0, False),
        (counted(3), queued("a", "b"), 1, False),
        ({("train", "queue"): 3}, queued("a"), 0, False),
        ({("train", "allocated"): 3}, queued("a"), 0, False),
        ({**counted(1), ("warmUpTask", "queue"): 9}, queued("a"), 0, False),
        (counted(1), queued("a", kind="odd"), 0, True),
        (counted(1), queued("a", status="Completed"), 0, True),
        ({}, (), 0, False),
    ],
)
def test_doubtful_counts(
    counts: CountedWorkloads, listed: tuple[Workload, ...], changed: int, doubt: bool
) -> None:
    """Both states have to be counted; only documented types, and no finished workloads."""
    assert doubtful(counts, changed, Listing(listed)) == doubt


@pytest.mark.parametrize(
    ("before", "now", "number"),
    [
        (queued("a"), queued("a"), 0),
        (queued("a"), queued("b"), 2),
        (queued("a"), queued("a", status="Running"), 1),
        (queued("a", status="Running"), queued("a"), 1),
        (queued("a", status="Creating"), queued("a", status="Running"), 0),
        (queued("a", status="Running"), queued("a", status="Failed"), 1),
        (queued("a", status="Failed"), (), 0),
        ((), queued("a", status="Failed"), 1),
    ],
)
def test_what_changes_between_listings(
    before: tuple[Workload, ...], now: tuple[Workload, ...], number: int
) -> None:
    """Those that came, ended, or moved between queue and resources."""
    assert changes(Listing(before), Listing(now)) == number
