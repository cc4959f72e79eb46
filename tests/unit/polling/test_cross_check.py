"""A listing against the cloud's own count: lively pools are not called short, short ones are."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs
from support import cloud_faults
from support.cloud import POOL, PROJECT, REGION, cloud_of, jobs
from support.fakes import FakeClock, NoThread
from support.fixed_pool import ListingRules

from exporter.api.pagination import read_listing
from exporter.api.statistics import decode_statistics
from exporter.api.workloads import decode_page
from exporter.common.errors import Forbidden, PollError
from exporter.polling.cross_check import POLLS_SKIPPED, CheckedReader, When, changes, missing
from exporter.simulator.answers import statistics_object
from exporter.simulator.cluster import Cluster, ClusterPool
from exporter.simulator.jobs import Phase, ResourceRequest, Submission
from exporter.simulator.nodes import Nodes
from exporter.simulator.pools import Profile, WorkloadQuery
from exporter.snapshot.pool import Listing, PoolKey
from exporter.snapshot.workload import Workload

if TYPE_CHECKING:
    from collections.abc import Mapping

    from support.fixed_pool import FixedPool

    from exporter.api.workloads import Page

INTERVAL = 60.0
PAGE = 50
PAST = 300.0
KEY = PoolKey(REGION, PROJECT, POOL)
ARRIVAL = 2.0
"""Seconds between two jobs: thirty come and go between two polls."""


def busy(clock: FakeClock, rng: Random, retention: float, polls: int) -> ClusterPool:
    """A pool with a queue, in which jobs of seconds to hours come, end, are given up and vanish."""
    profile = Profile("pool-busy-0123456789abcdef0123456789abcdef")
    start = clock.wall() - PAST
    submissions = (
        Submission(
            uid=f"u{index:06}",
            job_uuid=f"j{index}",
            name="n",
            job_name="n",
            type=rng.choice(["train", "infer", "x-infer"]),
            user="u",
            priority=rng.randrange(4),
            created=round(start + index * ARRIVAL + rng.uniform(0, 1), 3),
            request=ResourceRequest(1, rng.choice([1, 2, 4, 8]), 1000, 2**30),
            phases=(Phase("Creating", rng.uniform(1, 20)), Phase("Running", rng.expovariate(1 / 120))),
            outcome=rng.choice(["Completed", "Failed"]),
            patience=rng.choice([30.0, 600.0, float("inf")]),
        )
        for index in range(int((PAST + 1.5 * polls * INTERVAL) / ARRIVAL))
    )
    nodes = Nodes(profile.nodes * 2, profile.node_capacity)
    return ClusterPool(profile, Cluster(nodes, submissions, retention=retention), clock)


@dataclass
class Busy:
    """Reads a busy pool page by page, while time goes on; some workloads may be hidden from the listing."""

    clock: FakeClock
    pool: ClusterPool
    rng: Random
    hides: int = 0
    last: Listing | None = None
    reader: CheckedReader = field(init=False)

    def __post_init__(self) -> None:
        self.reader = CheckedReader(
            key=KEY,
            worker=NoThread(),
            listing=self.listing,
            counts=self.counts,
            cloud_count=lambda: None,
            clock=self.clock,
            previous=lambda: self.last,
            when="always",
        )

    async def fetch(self, offset: int) -> Page:
        self.clock.advance(self.rng.uniform(0.05, 0.5))
        query = WorkloadQuery(sort=True, ascend=True, offset=offset, limit=PAGE)
        listed = [
            item
            for item in self.pool.select(query)
            if isinstance(item, dict) and int(str(item["uid"])[1:]) % 100 >= self.hides
        ]
        items = query.page(listed)
        body = msgspec.json.encode({"kind": "WorkloadList", "items": items, "total": len(listed)})
        return decode_page(body, where="GET x", now=self.clock.wall())

    async def listing(self) -> Listing:
        return await read_listing(self.fetch, limit=PAGE)

    async def counts(self) -> Mapping[tuple[str, str], int] | None:
        body = msgspec.json.encode(statistics_object(self.pool.select(WorkloadQuery())))
        self.clock.advance(self.rng.uniform(0.05, 3.0))
        return decode_statistics(body, where="GET x")

    async def polls(self, count: int) -> list[bool]:
        """Whether each of so many listings is complete."""
        complete = []
        for _ in range(count):
            self.last = await self.reader.read()
            complete.append(self.last.complete)
            self.clock.advance(INTERVAL)
        return complete


@settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 10**9), st.sampled_from([0.0, 20.0, 300.0]))
async def test_a_lively_pool_is_never_called_short(seed: int, retention: float) -> None:
    """Jobs come, start, end and vanish between the count and the pages, and between the pages."""
    clock, rng = FakeClock(), Random(seed)  # noqa: S311  (test data)
    reading = Busy(clock, busy(clock, rng, retention, polls=8), rng)
    assert await reading.polls(8) == [True] * 8


@settings(deadline=None, max_examples=3, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 10**9))
async def test_a_listing_that_leaves_many_out_is_found_out(seed: int) -> None:
    """Most of a lively queue is hidden from the listing: from the third poll on it is called short."""
    clock, rng = FakeClock(), Random(seed)  # noqa: S311  (test data)
    reading = Busy(clock, busy(clock, rng, 20.0, polls=6), rng, hides=80)
    assert await reading.polls(6) == [True, True, *[False] * 4]
    assert reading.last is not None
    assert "more unfinished workloads than it lists" in reading.last.shortfall


WAITING = [Workload(uid=f"u{index}", status="Queue") for index in range(4)]
DONE = [Workload(uid=f"u{index}", status="Completed") for index in range(4)]


@pytest.mark.parametrize(
    ("counts", "before", "now", "number"),
    [
        ({("train", "Queue"): 4}, WAITING, WAITING, 0),
        ({("train", "Queue"): 7}, WAITING, WAITING, 3),
        ({("train", "Queue"): 1, ("infer", "Running"): 4}, WAITING, WAITING, 1),
        ({("train", "Queue"): 4, ("train", "Completed"): 900}, WAITING, WAITING, 0),
        ({("train", "Queue"): 4}, WAITING, WAITING[:1], 0),
        ({("train", "Queue"): 4}, WAITING, DONE, 0),
        ({("train", "Queue"): 4}, [], DONE, 0),
        ({("train", "Queue"): 5}, WAITING[:1], WAITING, 0),
        ({("train", "Queue"): 2}, WAITING, WAITING, 0),
        ({}, WAITING, WAITING, 0),
    ],
)
def test_what_is_missing(
    counts: dict[tuple[str, str], int], before: list[Workload], now: list[Workload], number: int
) -> None:
    """More is counted than is listed, has ended, or came; finished ones and types do not matter."""
    listing = Listing(tuple(now))
    assert missing(counts, changes(Listing(tuple(before)), listing), listing) == number


async def test_pages_cut_short_are_found_out_over_the_wire(clock: FakeClock) -> None:
    """No total, and 100 workloads a page of those asked for: the listing ends early and believes itself."""
    everything = jobs(1200)

    def cut(pool: FixedPool, query: WorkloadQuery) -> None:
        pool.workloads = everything[:100] if query.sort else everything

    async with cloud_of(clock, everything, rules=ListingRules(total=False)) as cloud:
        cloud.pool.before_page = cut
        last: list[Listing] = []
        reader = CheckedReader(
            key=KEY,
            worker=NoThread(),
            listing=partial(cloud.client.listing, POOL),
            counts=partial(cloud.client.statistics, POOL),
            cloud_count=lambda: None,
            clock=clock,
            previous=lambda: last[-1] if last else None,
            when="always",
        )
        for _ in range(3):
            last += [await reader.read()]
        assert [listing.complete for listing in last] == [True, True, False]
        assert (cloud.requests("statistics"), cloud.requests("workloads")) == (2, 3)


@pytest.mark.parametrize(
    ("when", "size", "asked"),
    [("paged", 500, 0), ("paged", 501, 3), ("always", 0, 3)],
)
async def test_when_it_is_asked(when: When, size: int, asked: int) -> None:
    """Not before there is a listing to compare with; paged from the first workload of a second page on."""
    listing = Listing(tuple(Workload(uid=f"u{index}") for index in range(size)))
    last: list[Listing] = []
    questions: list[None] = []

    async def read() -> Listing:
        return listing

    async def count() -> Mapping[tuple[str, str], int]:
        questions.append(None)
        return {}

    reader = CheckedReader(
        key=KEY,
        worker=NoThread(),
        listing=read,
        counts=count,
        cloud_count=lambda: None,
        clock=FakeClock(),
        previous=lambda: last[-1] if last else None,
        when=when,
    )
    for _ in range(4):
        last += [await reader.read()]
    assert len(questions) == asked


async def test_a_count_that_cannot_be_had_costs_nothing() -> None:
    """The listing counts as it is; and what was missing before does not count as twice in a row."""
    answers: list[Mapping[tuple[str, str], int] | PollError] = [
        {("train", "Queue"): 9},
        Forbidden("HTTP 403", where="GET x", status=403),
        {("train", "Queue"): 9},
        {("train", "Queue"): 9},
    ]

    async def read() -> Listing:
        return Listing(())

    async def count() -> Mapping[tuple[str, str], int]:
        answer = answers.pop(0)
        if isinstance(answer, PollError):
            raise answer
        return answer

    reader = CheckedReader(
        key=KEY,
        worker=NoThread(),
        listing=read,
        counts=count,
        cloud_count=lambda: None,
        clock=FakeClock(),
        previous=lambda: Listing(()),
        when="always",
    )
    complete = [(await reader.read()).complete for _ in range(4 + POLLS_SKIPPED)]
    assert (answers, complete) == ([], [*[True] * (3 + POLLS_SKIPPED), False])


async def test_a_count_that_does_not_come_is_left_alone_for_a_while(clock: FakeClock) -> None:
    """Asked for once, without retries, then for ten polls not at all; it is said when it comes again."""
    async with cloud_of(clock, jobs(3)) as cloud:
        cloud_faults.plant(cloud.simulator, cloud_faults.html(503), endpoint="statistics")
        reader = CheckedReader(
            key=KEY,
            worker=NoThread(),
            listing=partial(cloud.client.listing, POOL),
            counts=partial(cloud.client.statistics, POOL),
            cloud_count=lambda: None,
            clock=clock,
            previous=lambda: Listing(()),
            when="always",
        )
        with capture_logs() as logs:
            listings = [await reader.read() for _ in range(2 * POLLS_SKIPPED)]
            assert (len(listings[-1].workloads), cloud.requests("statistics")) == (3, 2)
            cloud_faults.clear(cloud.simulator)
            for _ in range(POLLS_SKIPPED):
                await reader.read()
        assert [(line["log_level"], line["pool"]) for line in logs] == [("warning", POOL), ("info", POOL)]
