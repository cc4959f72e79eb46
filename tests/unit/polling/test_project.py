"""The pools of a project: when they are polled, and what is told of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.fakes import FakeClock
from support.projects import EVERYTHING, FORBIDDEN, INTERVAL, Cloud, StepClock, project, run

from exporter.polling.pool_list import LIST_INTERVALS
from exporter.snapshot.pool import PoolDescription, PoolKey, PoolState
from exporter.snapshot.store import SnapshotStore

if TYPE_CHECKING:
    from exporter.polling.selection import Discovery


async def test_pools_are_polled_at_once_and_then_spread_over_the_interval() -> None:
    """Every pool is tried right at the start, later once in each interval, each at its own moment."""
    clock = StepClock(until=10 * INTERVAL)
    names = tuple(f"pool-{index}" for index in range(6))
    cloud = Cloud(clock, {})
    start = clock.monotonic()
    await run(project(cloud, names), clock)
    assert {pool for pool, moment in cloud.listed if moment == start} == set(names)
    for pool in names:
        moments = [moment for other, moment in cloud.listed if other == pool]
        assert 9 <= len(moments) <= 11
    later = sorted(
        moment for _, moment in cloud.listed if start + 4 * INTERVAL <= moment < start + 5 * INTERVAL
    )
    assert len({round(moment) for moment in later}) >= 5


async def test_names_come_from_the_projects_list() -> None:
    """Configured pools get their display names; a project that may not be listed has none and works."""
    clock = StepClock(until=1.0)
    poller = project(Cloud(clock, {"pool-a": "Team A"}), ("pool-a", "pool-b"))
    await run(poller, clock)
    states = poller.context.store.states
    assert states[PoolKey("r", "p", "pool-a")].name == "Team A"
    assert states[PoolKey("r", "p", "pool-b")].name is None

    clock = StepClock(until=1.0)
    poller = project(Cloud(clock, FORBIDDEN), ("pool-a",))
    await run(poller, clock)
    assert poller.context.store.states[PoolKey("r", "p", "pool-a")].outcome == "ok"


async def test_what_the_projects_list_says_gets_old_slowly() -> None:
    """Phase and nodes live until the list has failed twice; they come with the first look."""
    clock = StepClock(until=1.0)
    poller = project(Cloud(clock, {"pool-a": "A"}), EVERYTHING)
    start = clock.monotonic()
    await run(poller, clock)
    description = poller.context.store.states[PoolKey("r", "p", "pool-a")].description
    assert description is not None
    assert description.value == PoolDescription("A")
    assert description.fresh_until == start + 2 * LIST_INTERVALS * INTERVAL


async def test_a_pool_polled_lately_is_not_due_because_of_a_reload() -> None:
    """Reading the configuration again costs no extra requests for pools that stay."""
    clock = StepClock(until=INTERVAL - 1)
    store = SnapshotStore()
    attempted_at = clock.monotonic() - 0.5
    store.publish(PoolState(PoolKey("r", "p", "pool-a"), outcome="ok", attempted_at=attempted_at))
    cloud = Cloud(clock, {})
    await run(project(cloud, ("pool-a", "pool-b"), store), clock)
    assert "pool-a" not in {pool for pool, _ in cloud.listed}
    assert "pool-b" in {pool for pool, _ in cloud.listed}


async def test_an_unexpected_error_ends_the_poller() -> None:
    """A defect is not swallowed: it ends the run, and with it the process."""
    clock = StepClock(until=10.0)
    cloud = Cloud(clock, {})
    cloud.crash = ZeroDivisionError()
    with pytest.raises(ExceptionGroup) as caught:
        await run(project(cloud, ("pool-a",)), clock)
    assert caught.group_contains(ZeroDivisionError)


async def test_once_polls_every_pool_and_says_what_could_not_be_found_out() -> None:
    """A round tells every pool's state; a project whose pools cannot be discovered is not well."""
    clock = FakeClock()
    polled: list[str] = []
    done = await project(Cloud(clock, {}), ("pool-a", "pool-b")).once(
        lambda state: polled.append(state.key.pool)
    )
    assert (done.ok, sorted(polled)) == (True, ["pool-a", "pool-b"])
    undiscovered = await project(Cloud(clock, FORBIDDEN), EVERYTHING).once()
    assert (undiscovered.ok, undiscovered.discovery_error) == (False, FORBIDDEN)


@pytest.mark.parametrize("pools", [("pool-a",), EVERYTHING], ids=["configured", "discovered"])
async def test_once_tells_what_the_projects_list_says(pools: tuple[str, ...] | Discovery) -> None:
    """Phase, type and nodes are there after one round, as they are in the daemon."""
    round_ = await project(Cloud(FakeClock(), {"pool-a": "A"}), pools).once()
    [state] = round_.states
    assert state.description is not None
    assert state.description.value == PoolDescription("A")
