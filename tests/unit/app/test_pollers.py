"""What outlives a configuration, and for how long."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs
from support import cloud_faults
from support.cloud import POOL, PROJECT, REGION, cloud_of
from support.fixed_pool import FixedPool
from support.fleet import process_of, project_settings, settings_of

from exporter.app.wiring import Pollers
from exporter.common.errors import CredentialsError, Throttled
from exporter.lifecycle.tracker import RETENTION
from exporter.polling.memory import KnownPools, ProjectAt
from exporter.simulator.iam import User
from exporter.simulator.pools import Profile
from exporter.simulator.server import Simulator, serve
from exporter.snapshot.pool import Listing, PoolDescription, PoolKey, PoolState

if TYPE_CHECKING:
    from support.fakes import FakeClock

    from exporter.app.process import Process

NOBODY = "http://127.0.0.1:9"
A, B = (PoolKey(REGION, PROJECT, f"pool-{name}-0123456789abcdef0123456789abcdef") for name in "ab")


async def opened(process: Process, **project: Any) -> Pollers:
    """The pollers after a reload with this project alone; nothing is sent."""
    pollers = await Pollers.open(settings_of(project_settings(NOBODY, **project)), process)
    await pollers.forget_unwatched()
    pollers.forget_absent()
    return pollers


async def watching(process: Process, *keys: PoolKey) -> None:
    """These pools have been polled before."""
    for key in keys:
        process.context.store.publish(PoolState(key, name=key.pool))
        await process.tracker.record(key, Listing(()), 0.0)


@pytest.mark.parametrize("project", [{"pools": [B.pool]}, {"include": "-b-"}], ids=["by ID", "discovered"])
async def test_a_pool_that_a_reload_drops_keeps_its_counters_for_an_hour(
    clock: FakeClock, project: dict[str, Any]
) -> None:
    """Each time, and both times it is told; its series are gone at once."""
    settings = {"discover": project} if "include" in project else project
    process = process_of(clock)
    memory = process.memories.of(ProjectAt(REGION, PROJECT, NOBODY), clock)
    memory.lists["0"] = KnownPools({key.pool: PoolDescription(key.pool) for key in (A, B)})
    await watching(process, A, B)
    for _ in range(2):
        await watching(process, A)
        with capture_logs() as logs:
            pollers = await opened(process, **settings)
            assert set(process.context.store.states) == {B}
            clock.advance(RETENTION - 1.0)
            pollers.forget_absent()
            assert set(process.tracker.pools) == {A, B}
            clock.advance(1.0)
            pollers.forget_absent()
        assert set(process.tracker.pools) == {B}
        told = [line["event"] for line in logs if line.get("pool") == A.pool]
        assert told == [
            "the pool is no longer watched; its counters are kept for an hour",
            "the pool's counters are forgotten",
        ]
        await pollers.close()


async def test_a_pool_that_is_back_within_the_hour_goes_on_counting(clock: FakeClock) -> None:
    """The hour begins again when it is dropped again."""
    process = process_of(clock)
    await watching(process, A, B)
    for _ in range(3):
        await (await opened(process, pools=[B.pool])).close()
        clock.advance(RETENTION - 1.0)
        await watching(process, A)
        await (await opened(process, pools=[A.pool, B.pool])).close()
    assert set(process.tracker.pools) == {A, B}


async def test_nothing_is_forgotten_while_it_is_not_known_which_pools_there_are(clock: FakeClock) -> None:
    """After a restart with a state file, discovery may fail for a day."""
    process = process_of(clock)
    await process.tracker.record(A, Listing(()), 0.0)
    pollers = await opened(process)
    clock.advance(86_400.0)
    pollers.forget_absent()
    assert set(process.tracker.pools) == {A}
    await pollers.close()


async def test_a_pause_that_the_cloud_asked_for_outlives_a_reload(clock: FakeClock) -> None:
    """429 with Retry-After: 120 is one request, however many reloads follow it; then it is tried again."""
    async with cloud_of(clock) as cloud:
        cloud_faults.plant(cloud.simulator, cloud_faults.too_many_requests(retry_after="120"))
        settings = settings_of(project_settings(cloud.url, pools=[POOL]))
        process = process_of(clock)
        for _ in range(20):
            async with await Pollers.open(settings, process, max_pause=10.0) as pollers:
                await pollers.forget_unwatched()
                with pytest.raises(Throttled):
                    await pollers.projects[0].client.listing(POOL)
        assert cloud.requests() == 1
        cloud_faults.clear(cloud.simulator)
        clock.advance(121.0)
        async with await Pollers.open(settings, process, max_pause=10.0) as pollers:
            assert (await pollers.projects[0].client.listing(POOL)).workloads == ()


async def test_a_reload_is_no_login(clock: FakeClock) -> None:
    """The token of the first one is used until it is to be renewed; another password is tried at once."""
    simulator = Simulator(
        clock, {PROJECT: [FixedPool(Profile(POOL), ())]}, users=[User("exporter", "right", "acme")]
    )
    process = process_of(clock)
    async with serve(simulator) as url:
        for password in (*["right"] * 20, "wrong"):
            login = {"username": "exporter", "password": password, "domain": "acme"}
            project = {**project_settings(url, pools=[POOL]), "credentials": login, "iam_endpoint": url}
            async with await Pollers.open(settings_of(project), process, max_pause=10.0) as pollers:
                await pollers.forget_unwatched()
                with nullcontext() if password == "right" else pytest.raises(CredentialsError):
                    await pollers.projects[0].client.listing(POOL)
            logins = [recorded for recorded in simulator.requests if recorded.endpoint == "token"]
            assert len(logins) == (1 if password == "right" else 2)
