"""The client against the simulated cloud, with everything that can go wrong between the two."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from support import cloud_faults
from support.cloud import POOL, PROJECT, cloud_of, jobs
from support.fakes import LateWorker
from support.fixed_pool import FixedPool, ListingRules

from exporter.api.client import ATTEMPTS
from exporter.api.pools import ListedPools
from exporter.api.schema import PAGE_LIMIT
from exporter.common.errors import (
    BadResponse,
    ConnectionFailed,
    CredentialsError,
    Forbidden,
    NotFound,
    PollError,
    RequestTimeout,
    ServerError,
    Throttled,
    Unauthorized,
)
from exporter.simulator.pools import Profile
from exporter.transport.http import MAX_BODY

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from support.cloud_faults import CloudFault
    from support.fakes import FakeClock

    from exporter.api.client import Client


async def test_a_listing_of_several_pages(clock: FakeClock) -> None:
    """1,200 signed workloads in three pages, oldest first, each once."""
    async with cloud_of(clock, jobs(1200)) as cloud:
        listing = await cloud.client.listing(POOL)
        assert [one.uid for one in listing.workloads] == [f"uid-{index:05}" for index in range(1200)]
        assert (listing.complete, listing.total) == (True, 1200)
        assert cloud.requests() == 3
        query = cloud.simulator.requests[0].query
        assert query == f"ascend=true&limit={PAGE_LIMIT}&offset=0&sort=create_time"
        assert cloud.sample("api_requests_total", endpoint="workloads", code="200") == 3.0


async def test_nobody_is_missed_while_jobs_vanish_between_pages(clock: FakeClock) -> None:
    """Seven old jobs vanish after the first page: those that stay are all read, over the wire too."""

    def vanish(pool: FixedPool, query: Any) -> None:
        if query.offset and len(pool.workloads) == 1200:
            pool.workloads = pool.workloads[7:]

    async with cloud_of(clock, jobs(1200)) as cloud:
        cloud.pool.before_page = vanish
        listing = await cloud.client.listing(POOL)
        assert {f"uid-{index:05}" for index in range(7, 1200)} <= {one.uid for one in listing.workloads}
        assert listing.complete


async def test_an_empty_pool_is_an_empty_listing(clock: FakeClock) -> None:
    """No workload is an answer, not an error."""
    async with cloud_of(clock) as cloud:
        listing = await cloud.client.listing(POOL)
        assert (listing.workloads, listing.complete, cloud.requests()) == ((), True, 1)


async def test_a_page_index_instead_of_an_item_index_is_a_short_listing(clock: FakeClock) -> None:
    """What the documentation leaves open is noticed when it turns out otherwise."""
    async with cloud_of(clock, jobs(1200), rules=ListingRules(offset="pages")) as cloud:
        listing = await cloud.client.listing(POOL)
        assert (listing.complete, len(listing.workloads)) == (False, PAGE_LIMIT)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (cloud_faults.login_page(), BadResponse),
        (cloud_faults.html(), BadResponse),
        (cloud_faults.empty_body(), BadResponse),
        (cloud_faults.CutJson(), BadResponse),
        (cloud_faults.nested(), BadResponse),
        (cloud_faults.Edited({"items": None}), BadResponse),
        (cloud_faults.Edited({"kind": "PoolList"}), BadResponse),
        (cloud_faults.Oversized(MAX_BODY, gzip=True), BadResponse),
        (cloud_faults.CutConnection(), ConnectionFailed),
        (cloud_faults.Reset(), ConnectionFailed),
        (cloud_faults.forbidden(), Forbidden),
        (cloud_faults.html(502), ServerError),
        (cloud_faults.too_many_requests(), Throttled),
    ],
    ids=str,
)
async def test_no_fault_passes_for_an_empty_queue(
    clock: FakeClock, fault: CloudFault, kind: type[PollError]
) -> None:
    """Whatever comes instead of the answer is an error of its kind, and the next poll is well again."""
    async with cloud_of(clock, jobs(3)) as cloud:
        cloud_faults.plant(cloud.simulator, fault)
        with pytest.raises(kind):
            await cloud.client.listing(POOL)
        cloud_faults.clear(cloud.simulator)
        clock.advance(3600.0)
        assert len((await cloud.client.listing(POOL)).workloads) == 3


@pytest.mark.parametrize("fault", [cloud_faults.Silence(), cloud_faults.StalledBody()], ids=str)
async def test_the_timeout_covers_the_body(clock: FakeClock, fault: CloudFault) -> None:
    """An answer that never begins and one that never ends are both given up."""
    async with cloud_of(clock, jobs(3), timeout=0.05) as cloud:
        cloud_faults.plant(cloud.simulator, fault)
        with pytest.raises(RequestTimeout, match=r"no complete answer from .* within 0\.05 s"):
            await cloud.client.listing(POOL)
        assert cloud.sample("api_requests_total", endpoint="workloads", code="timeout") == ATTEMPTS


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (cloud_faults.html(503), "server_error"),
        (cloud_faults.CutConnection(), "connection"),
        (cloud_faults.too_many_requests("2"), "throttled"),
    ],
    ids=str,
)
async def test_a_passing_fault_is_retried(clock: FakeClock, fault: CloudFault, reason: str) -> None:
    """One bad answer costs a pause and a retry, not the poll."""
    async with cloud_of(clock, jobs(3)) as cloud:
        cloud_faults.plant(cloud.simulator, fault, times=1)
        assert len((await cloud.client.listing(POOL)).workloads) == 3
        assert cloud.requests() == 2
        assert cloud.sample("api_retries_total", reason=reason) == 1.0


@pytest.mark.parametrize(
    "fault", [cloud_faults.forbidden(), cloud_faults.login_page(), cloud_faults.html(404)], ids=str
)
async def test_what_will_not_pass_is_not_retried(clock: FakeClock, fault: CloudFault) -> None:
    """A missing permission, a redirect or a missing pool is the same a second later."""
    async with cloud_of(clock) as cloud:
        cloud_faults.plant(cloud.simulator, fault)
        with pytest.raises(PollError):
            await cloud.client.listing(POOL)
        assert cloud.requests() == 1


async def test_retry_after_is_honoured(clock: FakeClock) -> None:
    """A pause as short as a request is waited out; a longer one ends the poll and holds up the next one."""
    async with cloud_of(clock, jobs(1)) as cloud:
        cloud_faults.plant(cloud.simulator, cloud_faults.too_many_requests("60"), times=1)
        before = clock.monotonic()
        with pytest.raises(Throttled):
            await cloud.client.listing(POOL)
        assert cloud.requests() == 1
        await cloud.client.listing(POOL)
        assert clock.monotonic() - before >= 60.0


async def test_a_limit_in_the_message_is_kept_to(clock: FakeClock) -> None:
    """After `limit:200,time:5 minute` the project is asked once in 1.5 s at most."""
    async with cloud_of(clock, jobs(1)) as cloud:
        cloud_faults.plant(cloud.simulator, cloud_faults.too_many_requests(limit=200, minutes=5), times=1)
        await cloud.client.listing(POOL)
        before = clock.monotonic()
        for _ in range(4):
            await cloud.client.listing(POOL)
        assert clock.monotonic() - before >= 4 * 1.5 - 0.001


async def test_a_wrong_key_is_refused_once_and_then_held_back(clock: FakeClock) -> None:
    """401 says where the credentials came from; the next polls send nothing, so the key is not locked."""
    async with cloud_of(clock, jobs(1), sk="wrong") as cloud:
        with pytest.raises(Unauthorized, match="ak and sk in the configuration"):
            await cloud.client.listing(POOL)
        for _ in range(10):
            clock.advance(5.0)
            with pytest.raises(
                CredentialsError, match=r"the next try is in .* its answer was HTTP 401, APIGW\.0301"
            ):
                await cloud.client.listing(POOL)
        assert cloud.requests() == 1


async def test_a_404_of_the_list_of_pools_is_not_about_a_pool(clock: FakeClock) -> None:
    """What can be wrong there is region, project and workspace, also for capacities; of a pool, its ID."""
    body = b'{"error_code": "ModelArts.50004000", "error_msg": "Not found."}'
    async with cloud_of(clock) as cloud:
        cloud_faults.plant(cloud.simulator, cloud_faults.Answer(404, body))
        for about_project in (cloud.client.pools("0"), cloud.client.runtime_metrics()):
            with pytest.raises(NotFound, match=r"check region, project_id and discover\.workspace_id"):
                await about_project
        about_pools: tuple[Awaitable[object], ...] = (
            cloud.client.listing(POOL),
            cloud.client.free_cards(POOL),
            cloud.client.statistics(POOL),
        )
        for about_pool in about_pools:
            with pytest.raises(NotFound, match="pools are named by ID"):
                await about_pool


async def test_a_missing_pool_names_the_clouds_words(clock: FakeClock) -> None:
    """404 carries the cloud's message."""
    async with cloud_of(clock) as cloud:
        with pytest.raises(NotFound, match=r"ModelArts\.50015001"):
            await cloud.client.listing("pool-that-is-not-there-0123456789abcdef01234567")


async def test_what_is_not_understood_is_counted(clock: FakeClock) -> None:
    """Rejected workloads and unparsable quantities have counters; the rest is shown, marked as short."""
    odd: list[dict[str, Any]] = [{"jobName": "nobody"}, {"uid": "x", "resourceRequirement": {"cpu": "lots"}}]
    async with cloud_of(clock, [*jobs(1), *odd]) as cloud:
        listing = await cloud.client.listing(POOL)
        assert (len(listing.workloads), listing.complete) == (2, False)
        assert cloud.sample("workloads_rejected_total", reason="no_uid") == 1.0
        assert cloud.sample("quantities_unparsable_total", resource="cpu") == 1.0


async def test_the_projects_pools_have_display_names(clock: FakeClock) -> None:
    """The catalogue gives names by ID; anything but a list of pools is refused."""
    async with cloud_of(clock) as cloud:
        assert {pool: entry.name for pool, entry in (await cloud.client.pools("0")).pools.items()} == {
            POOL: "Training"
        }
        assert await cloud.client.pools("another workspace") == ListedPools({})
        cloud_faults.plant(cloud.simulator, cloud_faults.Edited({"items": None}), endpoint="pools")
        with pytest.raises(BadResponse, match="is not a list of pools in JSON"):
            await cloud.client.pools("0")


async def test_shares_of_a_pool_are_found(clock: FakeClock) -> None:
    """The list has them only if it is asked for them by their parent; a pool without shares costs nothing."""
    async with cloud_of(clock) as cloud:
        profile = Profile("pool-share-0123456789abcdef0123456789abcdef", name="Team B", parent=POOL)
        cloud.simulator.projects[PROJECT] = [*cloud.simulator.projects[PROJECT], FixedPool(profile, [])]
        listed = await cloud.client.pools("0")
        assert listed.pools.keys() == {POOL, profile.id}
        share = listed.pools[profile.id]
        assert (share.name, share.type, share.parent) == ("Team B", "Logical", POOL)
        assert cloud.requests("pools") == 2


async def test_requests_of_a_project_are_paced(clock: FakeClock) -> None:
    """Pages of one listing keep to the project's pace like everything else."""
    async with cloud_of(clock, jobs(1200), rate=2.0) as cloud:
        before = clock.monotonic()
        await cloud.client.listing(POOL)
        assert clock.monotonic() - before == pytest.approx(1.0)


@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.listing(POOL),
        lambda client: client.pools("0"),
        lambda client: client.runtime_metrics(),
        lambda client: client.free_cards(POOL),
        lambda client: client.statistics(POOL),
    ],
    ids=["listing", "pools", "capacities", "free_cards", "statistics"],
)
async def test_no_answer_is_understood_on_the_event_loop(
    clock: FakeClock, ask: Callable[[Client], Awaitable[object]]
) -> None:
    """Not even that it cannot be: a long answer takes a second, and the worker has it."""
    async with cloud_of(clock) as cloud:
        cloud_faults.plant(cloud.simulator, cloud_faults.html())
        worker = LateWorker()
        cloud.client.context = replace(cloud.client.context, worker=worker)
        answer = asyncio.ensure_future(ask(cloud.client))
        asked = asyncio.ensure_future(worker.asked())
        await asyncio.wait({answer, asked}, return_when=asyncio.FIRST_COMPLETED)
        assert not answer.done()
        worker.work()
        with pytest.raises(BadResponse):
            await answer
