"""Shards against the simulator: together they show what one exporter would, and cost what they must."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING

import pytest
from support.cloud import KEY, PROJECT, REGION
from support.fleet import (
    StoodStill,
    cloud_of_pools,
    polled,
    pool_id,
    process_of,
    project_settings,
    settings_of,
)

from exporter.app.wiring import Pollers
from exporter.polling.selection import owner
from exporter.simulator.server import serve
from exporter.snapshot.pool import Listing, PoolKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from support.fleet import Exporter

pytestmark = pytest.mark.long

POOLS = 1000


@pytest.fixture
def still() -> StoodStill:
    return StoodStill()


def union(shards: Sequence[Exporter]) -> Counter[str]:
    return sum((shard.of_pools for shard in shards), Counter())


@pytest.mark.timeout(600)  # 2,000 listings, on machines that are slow and busy
async def test_a_thousand_pools_over_four_shards(still: StoodStill) -> None:
    """No series is missing, none is there twice, and every value is what a single exporter shows."""
    cloud = cloud_of_pools(still, POOLS)
    async with serve(cloud) as url:
        alone = await polled(still, project_settings(url))
        shards = [await polled(still, project_settings(url), index=index, total=4) for index in range(4)]
    assert len(alone.pools) == POOLS
    assert union(shards) == alone.of_pools
    assert max(alone.of_pools.values()) == 1
    sizes = [len(shard.pools) for shard in shards]
    assert sum(sizes) == POOLS
    assert all(200 < size < 300 for size in sizes)
    assert [shard.elsewhere for shard in shards] == [POOLS - size for size in sizes]
    assert [shard.own("shard") for shard in shards] == [
        [f'modelarts_exporter_shard{{index="{index}"}} 4.0'] for index in range(4)
    ]
    assert alone.own("shard") == ['modelarts_exporter_shard{index="0"} 1.0']


async def test_a_fifth_shard_takes_a_fifth(still: StoodStill) -> None:
    """From four to five, only pools of the new one move; and back, only they return."""
    cloud = cloud_of_pools(still, 40)
    async with serve(cloud) as url:
        four = [await polled(still, project_settings(url), index=index, total=4) for index in range(4)]
        five = [await polled(still, project_settings(url), index=index, total=5) for index in range(5)]
    assert union(five) == union(four)
    moved = set().union(*(before.pools - after.pools for before, after in zip(four, five, strict=False)))
    assert moved == five[4].pools
    assert all(after.pools <= before.pools for before, after in zip(four, five, strict=False))


@pytest.mark.parametrize("pools", [None, [pool_id(index) for index in range(20)]], ids=["discover", "named"])
async def test_shards_ask_for_their_own_listings_only(still: StoodStill, pools: list[str] | None) -> None:
    """What is asked once a project, each of them asks; every listing is asked for by one."""
    cloud = cloud_of_pools(still, 20)
    given = {"pools": pools} if pools else {}
    async with serve(cloud) as url:
        shards = [
            await polled(still, project_settings(url, **given), index=index, total=4) for index in range(4)
        ]
    asked = Counter(request.endpoint for request in cloud.requests)
    assert all(shard.pools for shard in shards)
    assert asked == {"workloads": 20, "pools": 4, "runtime": 4}


async def test_a_project_of_other_shards_costs_nothing(still: StoodStill) -> None:
    """With its pools named, the shard sends nothing at all for it: no login, no list, no capacities."""
    cloud = cloud_of_pools(still, 1)
    mine = owner(PROJECT, pool_id(0), 4)
    async with serve(cloud) as url:
        login = {"username": "u", "password": "p", "domain": "d"}
        project = project_settings(url, pools=[pool_id(0)], iam_endpoint=url, credentials=login)
        other = await polled(still, project, index=(mine + 1) % 4, total=4)
    assert list(cloud.requests) == []
    assert other.pools == set()
    assert other.elsewhere == 1
    assert all(round_.ok for round_ in other.rounds)
    assert not other.of_pools


async def test_where_pools_are_discovered_an_empty_share_costs_one_request(still: StoodStill) -> None:
    """Which pools there are has to be asked; capacities are not."""
    cloud = cloud_of_pools(still, 1)
    mine = owner(PROJECT, pool_id(0), 4)
    async with serve(cloud) as url:
        other = await polled(still, project_settings(url), index=(mine + 1) % 4, total=4)
    assert [request.endpoint for request in cloud.requests] == ["pools"]
    assert all(round_.ok for round_ in other.rounds)
    assert other.own("capacity_up") == []


async def test_shards_with_one_wrong_key_are_refused_five_times_at_most(still: StoodStill) -> None:
    """Four, each with two projects to ask for: a sixth refusal would lock the key for everybody."""
    cloud = cloud_of_pools(still, 4)
    other = "f" * 32
    cloud.projects[other] = cloud.projects[PROJECT]
    async with serve(cloud) as url:
        wrong = project_settings(url, credentials={"ak": KEY.ak, "sk": "wrong"})
        projects = [wrong, wrong | {"project_id": other}]
        for index in range(4):
            settings = settings_of(*projects, index=index, total=4)
            async with await Pollers.open(settings, process_of(still)) as pollers:
                await asyncio.gather(*(project.once() for project in pollers.projects))
    assert len(cloud.requests) == 4


async def test_projects_are_shared_one_by_one(still: StoodStill) -> None:
    """Pools of several projects that are called alike are spread; each is watched once."""
    cloud = cloud_of_pools(still, 15)
    other = "f" * 32
    cloud.projects[other] = cloud.projects[PROJECT]
    async with serve(cloud) as url:
        projects = [project_settings(url), project_settings(url) | {"project_id": other}]
        alone = await polled(still, *projects)
        shards = [await polled(still, *projects, index=index, total=3) for index in range(3)]
    assert union(shards) == alone.of_pools
    names = [[{state.key.pool for state in round_.states} for round_ in shard.rounds] for shard in shards]
    assert any(first != second for first, second in names)
    assert len(list(chain.from_iterable(chain.from_iterable(names)))) == 30


async def test_what_was_kept_or_told_of_other_shards_pools_goes_at_once(still: StoodStill) -> None:
    """A state file of before, and credentials that this one does not renew any more, which would alert."""
    pools = [pool_id(index) for index in range(20)]
    keys = {pool: PoolKey(REGION, PROJECT, pool) for pool in pools}
    process = process_of(still)
    for key in keys.values():
        await process.tracker.record(key, Listing(()), still.wall())
    settings = settings_of(project_settings("http://127.0.0.1:1"), index=1, total=4)
    async with await Pollers.open(settings, process) as pollers:
        await pollers.forget_unwatched()
    assert set(process.tracker.pools) == {keys[pool] for pool in pools if owner(PROJECT, pool, 4) == 1}

    process.context.self_metrics.set_credentials_expiry(REGION, PROJECT, still.wall())
    only = pool_id(0)
    mine = owner(PROJECT, only, 4)
    for index, told in ((mine, 1), ((mine + 1) % 4, 0)):
        settings = settings_of(project_settings("http://127.0.0.1:1", pools=[only]), index=index, total=4)
        async with await Pollers.open(settings, process) as pollers:
            await pollers.forget_unwatched()
        [family] = process.context.self_metrics.credentials_expiry.collect()
        assert len(family.samples) == told
