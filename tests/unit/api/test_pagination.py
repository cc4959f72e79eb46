"""Pages become one listing in which nobody is missed and nobody counted twice."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING
from zlib import crc32

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from exporter.api.pagination import read_listing
from exporter.api.workloads import Page, decode_page
from exporter.common.errors import BadResponse, NotFound, PollError
from exporter.snapshot.workload import Workload

if TYPE_CHECKING:
    from exporter.snapshot.pool import Listing, Rejection

LIMIT = 10


@dataclass
class Server:
    """The cloud's list as it changes while it is read.

    Attributes:
        jobs: (uid, created), in any order; sorted by creation as the API does.
        changes: before each page, which jobs vanish and how many new ones come.
    """

    jobs: list[tuple[str, float]]
    changes: list[tuple[frozenset[int], int]] = field(default_factory=list)
    tells_total: bool = True
    shuffle: int = 0
    asked: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.alive_throughout = {uid for uid, _ in self.jobs}
        self._newest = max((created for _, created in self.jobs), default=0.0)
        self._born = 0

    async def page(self, offset: int) -> Page:
        if self.asked and self.changes:
            self._change(*self.changes.pop(0))
        self.asked.append(offset)
        # The order among equals is nobody's promise: it may differ from answer to answer.
        salt = self.shuffle * len(self.asked)
        ordered = sorted(
            self.jobs, key=lambda job: (job[1], crc32(f"{salt}{job[0]}".encode()) if salt else 0)
        )
        return as_page(ordered[offset : offset + LIMIT], len(ordered) if self.tells_total else None)

    def _change(self, vanish: frozenset[int], births: int) -> None:
        gone = {self.jobs[index % len(self.jobs)][0] for index in vanish} if self.jobs else set()
        self.jobs = [job for job in self.jobs if job[0] not in gone]
        self.alive_throughout -= gone
        for _ in range(births):
            self._born += 1
            self.jobs.append((f"new-{self._born}", self._newest + self._born // 2))


def as_page(jobs: list[tuple[str, float]], total: int | None) -> Page:
    workloads = tuple(Workload(uid=uid, created=created) for uid, created in jobs)
    return Page(workloads, len(jobs), total, created=tuple(created for _, created in jobs))


def uids(listing: Listing) -> list[str]:
    return [workload.uid for workload in listing.workloads]


def steady(count: int) -> list[tuple[str, float]]:
    return [(f"job-{index:04}", float(index)) for index in range(count)]


moments = st.lists(st.integers(0, 40), max_size=60) | st.lists(st.integers(0, 2), min_size=11, max_size=60)
jobs = moments.map(
    lambda created: [(f"job-{index:03}", float(moment)) for index, moment in enumerate(created)]
)
changes = st.lists(st.tuples(st.frozensets(st.integers(0, 59), max_size=15), st.integers(0, 4)), max_size=12)


@settings(max_examples=600)
@given(jobs=jobs, changes=changes, tells_total=st.booleans(), shuffle=st.integers(0, 5))
def test_a_job_alive_throughout_is_never_missed_and_never_counted_twice(
    jobs: list[tuple[str, float]], changes: list[tuple[frozenset[int], int]], tells_total: bool, shuffle: int
) -> None:
    """Whatever vanishes or comes between two pages, a complete listing holds every job that stayed.

    Ties of the creation time included, in an order that changes from page to page, whole pages of them too.
    """
    server = Server(jobs, changes, tells_total, shuffle)
    listing = asyncio.run(read_listing(server.page, limit=LIMIT))
    assert len(set(uids(listing))) == len(listing.workloads)
    if listing.complete:
        assert server.alive_throughout <= set(uids(listing))


@settings(max_examples=200)
@given(jobs=jobs, vanish=st.frozensets(st.integers(0, 59), max_size=15), births=st.integers(0, 4))
def test_one_change_between_pages_does_not_cost_completeness(
    jobs: list[tuple[str, float]], vanish: frozenset[int], births: int
) -> None:
    """The proof above is not bought by giving up: a list that changes once is read completely.

    Only where a whole page was created at once, nobody can tell.
    """
    assume(all(sum(other == moment for _, other in jobs) < LIMIT - 2 for _, moment in jobs))
    server = Server(jobs, [(vanish, births)])
    assert asyncio.run(read_listing(server.page, limit=LIMIT)).complete


@pytest.mark.parametrize(
    "tied", [0, 4], ids=["all created at different times", "four at the boundary created at once"]
)
async def test_a_job_at_the_boundary_is_found_though_others_vanished(tied: int) -> None:
    """Three old jobs vanish after the first page; the job that slipped over the boundary is read."""
    boundary = range(LIMIT - 1, LIMIT - 1 + tied)
    jobs = [
        (uid, float(boundary[0]) if index in boundary else at) for index, (uid, at) in enumerate(steady(25))
    ]
    server = Server(jobs, [(frozenset({0, 1, 2}), 0)])
    listing = await read_listing(server.page, limit=LIMIT)
    assert server.alive_throughout <= set(uids(listing))
    assert listing.complete


@pytest.mark.parametrize(
    ("count", "requests"), [(0, 1), (1, 1), (9, 1), (10, 2), (17, 2), (18, 3), (89, 11), (90, 12)]
)
async def test_a_steady_list_costs_few_requests(count: int, requests: int) -> None:
    """The overlap is two jobs a page; a full page is followed by another, since total is not promised."""
    server = Server(steady(count))
    listing = await read_listing(server.page, limit=LIMIT)
    assert (len(listing.workloads), listing.complete) == (count, True)
    assert len(server.asked) == requests


async def test_many_jobs_of_one_millisecond_are_read() -> None:
    """A batch larger than a page with one creation time for all, in a steady order, is read completely.

    All pages but the last are read twice.
    """
    server = Server([(f"job-{index:03}", 7.0) for index in range(35)])
    listing = await read_listing(server.page, limit=LIMIT)
    assert (len(listing.workloads), listing.complete) == (35, True)
    assert server.asked == [0, 8, 16, 24, 32, 0, 8, 16, 24]


@pytest.mark.parametrize("older", [0, 1, 4])
async def test_many_jobs_of_one_millisecond_with_others_are_read(older: int) -> None:
    """Whatever was created before and after such a batch, it is read completely, and without storms."""
    jobs = [(f"job-{index:03}", 0.0 if index < older else 7.0) for index in range(older + 35)]
    server = Server([*jobs, *((f"late-{index}", 8.0 + index) for index in range(15))])
    listing = await read_listing(server.page, limit=LIMIT)
    assert (len(listing.workloads), listing.complete) == (older + 50, True)
    assert len(server.asked) <= 15


async def test_whole_pages_of_ties_in_no_lasting_order_are_no_complete_listing() -> None:
    """600 jobs of one millisecond, shuffled in every answer: some slip through, though many stand in both."""
    jobs = [(f"job-{index:03}", 7.0) for index in range(600)]
    order = Random(0)  # noqa: S311  (no secret)

    async def shuffled(offset: int) -> Page:
        order.shuffle(jobs)
        return as_page(jobs[offset : offset + 500], len(jobs))

    for _ in range(10):
        listing = await read_listing(shuffled, limit=500)
        assert len(listing.workloads) < 600
        assert not listing.complete


async def test_whole_pages_of_ties_are_not_complete_without_a_total() -> None:
    """The order may have lasted by chance; then only a total can tell."""
    server = Server([(f"job-{index:03}", 7.0) for index in range(35)], tells_total=False)
    listing = await read_listing(server.page, limit=LIMIT)
    assert (len(listing.workloads), listing.complete) == (35, False)
    assert "created at once" in listing.shortfall


async def test_as_many_came_as_went_and_one_was_missed() -> None:
    """11 jobs of one millisecond and 10 of the next; after the first page three vanish and three come.

    One job of the eleven stands behind the first page, and before all others from then on. Found and total
    agree in every answer, and jobs stand in two pages in the same order; none of it proves anything.
    """
    tied = [(f"a-{index:02}", 0.0) for index in range(11)]
    later = [(f"b-{index:02}", 1.0) for index in range(10)]
    asked: list[int] = []

    async def fetch(offset: int) -> Page:
        asked.append(offset)
        if len(asked) == 1:
            return as_page((tied + later)[:LIMIT], 21)
        jobs = [tied[10], *tied[1:10], *later[2:], ("new-1", 1.0), ("new-2", 1.0), ("new-3", 2.0)]
        if offset == 0:
            raise BadResponse("HTTP 400", where="GET x", status=400)
        return as_page(jobs[offset : offset + LIMIT], len(jobs))

    with pytest.raises(BadResponse):  # what was missed is only found by a second look
        await read_listing(fetch, limit=LIMIT)
    assert asked[-1] == 0


@pytest.mark.parametrize("seed", range(200))
def test_ties_drawn_anew_are_never_complete_by_chance(seed: int) -> None:
    """The same lists and changes, with another order among ties in every answer."""
    rng = Random(seed)  # noqa: S311  (no secret)
    moments = [0.0] * 11 + [1.0] * 10
    server = Server(
        [(f"job-{index:02}", moment) for index, moment in enumerate(moments)],
        [(frozenset(rng.sample(range(21), 3)), 3)],
        shuffle=seed + 1,
    )
    listing = asyncio.run(read_listing(server.page, limit=LIMIT))
    assert not listing.complete or server.alive_throughout <= set(uids(listing))


@pytest.mark.parametrize("vanishing", [1, 5, 9])
async def test_jobs_that_slip_through_are_found_by_the_second_look(vanishing: int) -> None:
    """In an unsorted list found and total agree though some were lost, if others were read and vanished."""
    backwards = steady(25)[::-1]
    alive = {uid for uid, _ in backwards[vanishing:]}

    async def unsorted(offset: int) -> Page:
        if offset and len(backwards) == 25:
            del backwards[:vanishing]
        return as_page(backwards[offset : offset + LIMIT], len(backwards))

    listing = await read_listing(unsorted, limit=LIMIT)
    assert alive <= set(uids(listing))
    assert (listing.complete, listing.total) == (True, len(alive))


async def test_one_that_vanishes_before_the_second_look_leaves_it_unproven() -> None:
    """Nobody can tell it from one that was missed and is there."""
    jobs = [(f"job-{index:03}", 7.0) for index in range(35)]
    asked: list[int] = []

    async def fetch(offset: int) -> Page:
        asked.append(offset)
        if len(asked) == 7:
            del jobs[20]
        return as_page(jobs[offset : offset + LIMIT], len(jobs))

    listing = await read_listing(fetch, limit=LIMIT)
    assert (len(listing.workloads), listing.complete) == (35, False)
    assert "workloads may be missed between pages" in listing.shortfall
    assert asked == [0, 8, 16, 24, 32, 0, 8, 16, 24, 32]


async def test_no_second_look_where_it_proves_nothing() -> None:
    """Without a total, or with fewer found than it says, reading again would be wasted."""
    for total in (None, 40):
        asked: list[int] = []

        async def fetch(offset: int, asked: list[int] = asked, total: int | None = total) -> Page:
            asked.append(offset)
            jobs = [(f"job-{index:03}", 7.0) for index in range(35)]
            page = jobs[offset : offset + LIMIT]
            return as_page(page, total)

        listing = await read_listing(fetch, limit=LIMIT)
        assert (len(listing.workloads), listing.complete) == (35, False)
        assert asked[:5] == [0, 8, 16, 24, 32]
        assert 0 not in asked[1:]


async def test_a_total_that_counts_the_page_proves_nothing() -> None:
    """It is no count of what exists, and a second look is of no use."""
    jobs = [(f"job-{index:03}", 7.0) for index in range(35)]
    asked: list[int] = []

    async def fetch(offset: int) -> Page:
        asked.append(offset)
        page = jobs[offset : offset + LIMIT]
        return as_page(page, len(page))

    listing = await read_listing(fetch, limit=LIMIT)
    assert (len(listing.workloads), listing.complete) == (35, False)
    assert asked == [0, 8, 16, 24, 32]


async def test_an_unsorted_list_whose_pages_all_seem_sorted_is_noticed() -> None:
    """Three vanish and one slips through; the next page starts with one that should have been read before."""
    jobs = [(f"job-{at}", at) for at in (5.0, 6.0, 7.0, 8.0, 9.0, 1.0, 8.5, 10.0)]
    asked: list[int] = []

    async def fetch(offset: int) -> Page:
        asked.append(offset)
        if len(asked) == 2:
            del jobs[1:4]
            jobs.append(("new", 11.0))
        return as_page(jobs[offset : offset + 5], len(jobs))

    listing = await read_listing(fetch, limit=5)
    assert not listing.complete or "job-1.0" in uids(listing)
    assert 0 in asked[1:]


async def test_one_without_creation_time_takes_a_second_look() -> None:
    """Nobody knows where it stands in the order, so the times of the others prove nothing of it."""
    jobs = [Workload(uid=uid, created=None if uid == "job-0003" else at) for uid, at in steady(25)]
    asked: list[int] = []

    async def fetch(offset: int) -> Page:
        asked.append(offset)
        shown = tuple(jobs[offset : offset + LIMIT])
        return Page(shown, len(shown), len(jobs), created=tuple(job.created for job in shown))

    listing = await read_listing(fetch, limit=LIMIT)
    assert (len(listing.workloads), listing.complete) == (25, True)
    assert asked == [0, 8, 16, 0, 8]


@pytest.mark.parametrize("total", [5, None])
async def test_a_single_page_needs_no_order(total: int | None) -> None:
    """There is no boundary at which a job could be missed, sorted or not, with a total or without."""

    async def unsorted(_: int) -> Page:
        return as_page(steady(5)[::-1], total)

    assert (await read_listing(unsorted, limit=LIMIT)).complete


async def test_a_uid_on_two_pages_that_is_two_workloads_makes_the_listing_short() -> None:
    """They cannot be told apart, but the total counts both."""
    jobs = [*steady(25), ("job-0003", 40.0)]
    listing = await read_listing(Server(jobs).page, limit=LIMIT)
    assert (len(listing.workloads), listing.complete) == (25, False)
    assert listing.shortfall == "25 workloads were found, but the total is 26; two of them have the same uid"


async def test_a_uid_on_two_pages_that_is_two_workloads_is_noticed_without_a_total() -> None:
    """They were not created at the same time."""
    jobs = [*steady(25), ("job-0003", 40.0)]
    listing = await read_listing(Server(jobs, tells_total=False).page, limit=LIMIT)
    assert (len(listing.workloads), listing.complete) == (25, False)


async def test_an_offset_that_is_a_page_index_is_noticed() -> None:
    """An empty second page while total says more means that the listing is short, and says so."""

    async def page_index(offset: int) -> Page:
        return as_page(steady(25)[offset * LIMIT : (offset + 1) * LIMIT], 25)

    listing = await read_listing(page_index, limit=LIMIT)
    assert not listing.complete
    assert "is empty, but its total is 25" in listing.shortfall
    assert len(listing.workloads) == LIMIT


@pytest.mark.parametrize("total", [25, None])
async def test_an_offset_that_is_ignored_is_noticed(total: int | None) -> None:
    """The same page over and over is not a listing, and ends soon."""
    asked = []

    async def ignoring(offset: int) -> Page:
        asked.append(offset)
        return as_page(steady(25)[:LIMIT], total)

    listing = await read_listing(ignoring, limit=LIMIT)
    assert not listing.complete
    assert "brings nothing new" in listing.shortfall
    assert len(asked) == 2


async def test_an_offset_that_is_refused_is_noticed() -> None:
    """A 400 for a later page keeps what was read, marked as short; a 400 for the first page is an error."""

    async def multiples_only(offset: int) -> Page:
        if offset % LIMIT:
            raise BadResponse("HTTP 400", where="GET x", status=400)
        return as_page(steady(25)[offset : offset + LIMIT], 25)

    listing = await read_listing(multiples_only, limit=LIMIT)
    assert (listing.complete, len(listing.workloads)) == (False, LIMIT)

    async def refusing(_: int) -> Page:
        raise BadResponse("HTTP 400", where="GET x", status=400)

    with pytest.raises(BadResponse):
        await read_listing(refusing, limit=LIMIT)


async def test_a_failing_page_fails_the_listing() -> None:
    """Half a listing is no listing."""

    async def gone(offset: int) -> Page:
        if offset:
            raise NotFound("HTTP 404", where="GET x", status=404)
        return as_page(steady(25)[:LIMIT], 25)

    with pytest.raises(PollError):
        await read_listing(gone, limit=LIMIT)


async def test_fewer_workloads_than_total_are_a_short_listing() -> None:
    """The documented example, abridged to one of 234, is known to be short."""

    async def abridged(offset: int) -> Page:
        return as_page(steady(1)[offset:], 234)

    assert not (await read_listing(abridged, limit=LIMIT)).complete


async def test_a_workload_that_is_not_understood_makes_the_listing_short() -> None:
    """The counts miss it, so they must not pass for complete."""

    async def with_rejected(_: int) -> Page:
        return Page((Workload(uid="a"),), 2, 2, {1: "no_uid"}, created=(None, None))

    listing = await read_listing(with_rejected, limit=LIMIT)
    assert (listing.complete, listing.shortfall) == (False, "1 workloads could not be understood")


async def test_a_uid_that_all_workloads_have_makes_the_listing_short() -> None:
    """They cannot be told apart, so one is all that is shown, and never as if it were all there is."""
    items = ",".join(100 * ['{"uid": "same"}'])

    async def all_alike(_: int) -> Page:
        body = f'{{"kind": "WorkloadList", "total": 100, "items": [{items}]}}'
        return decode_page(body.encode(), where="GET x", now=1_700_000_000.0)

    listing = await read_listing(all_alike, limit=500)
    assert (len(listing.workloads), listing.complete) == (1, False)
    assert listing.rejected == {"repeated_uid": 99}


async def test_what_stands_in_the_overlap_of_two_pages_is_counted_once() -> None:
    """A workload that is not understood, and one with an odd quantity, each count once however often read."""

    async def odd_at_the_boundary(offset: int) -> Page:
        jobs = steady(15)[offset : offset + LIMIT]
        workloads = tuple(Workload(uid=uid, created=at) for uid, at in jobs if uid != "job-0008")
        created = tuple(None if uid == "job-0008" else at for uid, at in jobs)
        index = [uid for uid, _ in jobs].index("job-0008")
        return Page(workloads, len(jobs), 15, {index: "malformed"}, {"job-0009": ("cpu",)}, created)

    listing = await read_listing(odd_at_the_boundary, limit=LIMIT)
    assert (dict(listing.rejected), dict(listing.unparsable)) == ({"malformed": 1}, {"cpu": 1})
    assert len(listing.workloads) == 14


async def test_a_workload_that_is_not_understood_cannot_slip_past_the_count() -> None:
    """It moves to a place that was read before, where another stood: it is new all the same."""
    jobs = steady(15)
    asked: list[int] = []

    async def fetch(offset: int) -> Page:
        asked.append(offset)
        if len(asked) == 2:
            del jobs[:3]
        shown = jobs[offset : offset + LIMIT]
        index = {uid: index for index, (uid, _) in enumerate(shown)}.get("job-0012")
        workloads = tuple(Workload(uid=uid, created=at) for uid, at in shown if uid != "job-0012")
        created = tuple(None if uid == "job-0012" else at for uid, at in shown)
        rejected: dict[int, Rejection] = {} if index is None else {index: "malformed"}
        return Page(workloads, len(shown), len(jobs), rejected, created=created)

    listing = await read_listing(fetch, limit=LIMIT)
    assert (listing.complete, dict(listing.rejected)) == (False, {"malformed": 1})


async def test_no_items_where_there_should_be_some_are_no_empty_queue() -> None:
    """An empty first page with a total is a contradiction, and no reason to replace figures by zeros."""

    async def nothing(_: int) -> Page:
        return Page((), 0, 5)

    with pytest.raises(BadResponse, match="the answer is empty, but its total is 5"):
        await read_listing(nothing, limit=LIMIT)


async def test_a_smaller_page_than_asked_for_is_followed_while_total_says_more() -> None:
    """A server may cap pages below the limit."""

    async def capped(offset: int) -> Page:
        return as_page(steady(25)[offset : offset + 4], 25)

    listing = await read_listing(capped, limit=LIMIT)
    assert (listing.complete, len(listing.workloads)) == (True, 25)


async def test_an_unsorted_list_is_only_complete_with_its_total() -> None:
    """Where the API ignores the order, the proof does not hold; then only the total can tell."""
    backwards = steady(25)[::-1]

    async def unsorted(offset: int) -> Page:
        return as_page(backwards[offset : offset + LIMIT], 25)

    assert (await read_listing(unsorted, limit=LIMIT)).complete

    async def without_total(offset: int) -> Page:
        return as_page(backwards[offset : offset + LIMIT], None)

    assert not (await read_listing(without_total, limit=LIMIT)).complete
