"""Pools that are not watched any more: when what got through them is forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs
from support.fakes import FakeClock
from support.projects import EVERYTHING, INTERVAL, Cloud, StepClock, project, run

from exporter.polling.pool_list import LIST_INTERVALS
from exporter.snapshot.pool import Listing, PoolKey, PoolState
from exporter.snapshot.store import SnapshotStore
from exporter.snapshot.workload import Workload

if TYPE_CHECKING:
    from collections.abc import Callable


async def test_pools_no_longer_configured_go_when_the_configuration_is_read_again() -> None:
    """What an earlier configuration watched and this one does not is forgotten at the start."""
    clock = StepClock(until=1.0)
    store = SnapshotStore()
    store.publish(PoolState(PoolKey("r", "p", "pool-old")))
    store.publish(PoolState(PoolKey("r", "other", "pool-old")))
    await run(project(Cloud(clock, {}), ("pool-a",), store), clock)
    assert set(store.states) == {PoolKey("r", "other", "pool-old"), PoolKey("r", "p", "pool-a")}


@pytest.mark.parametrize("mistake", [{}, {"pool-b": "B"}], ids=["empty", "short"])
async def test_a_pool_that_comes_back_goes_on_counting(mistake: dict[str, str]) -> None:
    """Answers that lack it by mistake, even again and again, end its watching, not its counters."""
    look = INTERVAL * LIST_INTERVALS
    every = {"pool-a": "A", "pool-b": "B"}
    cloud: Cloud

    def say(names: dict[str, str]) -> Callable[[], None]:
        return lambda: setattr(cloud, "names", names)

    # Absent at every other look, over more than an hour.
    answers = {(index - 0.5) * look: say(mistake if index % 2 else every) for index in range(1, 20)}
    clock = StepClock(until=19.5 * look, at=answers)
    cloud = Cloud(clock, every)
    poller = project(cloud, EVERYTHING)
    key = PoolKey("r", "p", "pool-a")
    job = Workload(uid="u", type="train", status="Queue")
    await poller.tracker.record(key, Listing(()), 0.0)
    _, passed = await poller.tracker.record(key, Listing((job,)), 60.0)
    await run(poller, clock)
    assert key not in poller.context.store.states
    remembered = poller.tracker.throughput(key)
    assert remembered is not None
    assert remembered.created == passed.created


@pytest.mark.parametrize("gone", [False, True])
@pytest.mark.parametrize("mistake", [{}, {"pool-b": "B"}], ids=["empty", "short"])
async def test_a_pool_goes_when_two_lists_in_a_row_lack_it(mistake: dict[str, str], gone: bool) -> None:
    """The list is asked for again after one poll interval, and until then the pool is polled as before."""
    every = {"pool-a": "A", "pool-b": "B"}
    again = INTERVAL * LIST_INTERVALS + INTERVAL
    cloud: Cloud

    def short() -> None:
        cloud.names = mistake

    def second() -> None:
        assert PoolKey("r", "p", "pool-a") in poller.context.store.states
        cloud.names = mistake if gone else every

    clock = StepClock(until=again + 0.5 * INTERVAL, at={INTERVAL: short, again - 0.5 * INTERVAL: second})
    cloud = Cloud(clock, every)
    poller = project(cloud, EVERYTHING)
    start = clock.monotonic()
    await run(poller, clock)
    assert [moment - start for moment in cloud.asked] == pytest.approx(
        [0.0, again - INTERVAL, again], abs=1.0
    )
    assert {key.pool for key in poller.context.store.states} == (set(mistake) if gone else set(every))
    lost = poller.context.self_metrics.registry.get_sample_value(
        "modelarts_exporter_pools_gone_total", {"region": "r", "project_id": "p"}
    )
    assert lost == (2.0 - len(mistake) if gone else 0.0)


async def test_a_list_that_goes_on_somewhere_ends_no_pool() -> None:
    """A cursor says that there are more: what it has is watched, what was known stays, and that is told."""
    cloud: Cloud

    def cut() -> None:
        cloud.names, cloud.whole = {"pool-c": "C"}, False

    clock = StepClock(until=INTERVAL * (LIST_INTERVALS + 3.5), at={INTERVAL: cut})
    cloud = Cloud(clock, {"pool-a": "A", "pool-b": "B"})
    poller = project(cloud, EVERYTHING)
    with capture_logs() as logs:
        await run(poller, clock)
    assert {key.pool for key in poller.context.store.states} == {"pool-a", "pool-b", "pool-c"}
    assert [line["log_level"] for line in logs if "not whole" in line["event"]] == ["warning"]
    up = poller.context.self_metrics.registry.get_sample_value(
        "modelarts_exporter_discovery_up", {"region": "r", "project_id": "p"}
    )
    assert up == 0.0


async def test_a_list_that_goes_on_somewhere_is_not_well() -> None:
    """`check` and `once` read what it has, say that it is not all, and end with status 1."""
    clock = FakeClock()
    cloud = Cloud(clock, {"pool-a": "A"})
    cloud.whole = False
    result = await project(cloud, EVERYTHING).once()
    assert [state.outcome for state in result.states] == ["ok"]
    assert result.discovery_error is not None
    assert (result.discovery_error.outcome, result.ok) == ("incomplete", False)


async def test_what_got_through_before_the_start_is_shown_before_the_first_poll() -> None:
    """Counters that a state file kept never go back, not even for the time of a poll."""
    clock = FakeClock()
    poller = project(Cloud(clock, {}), ("pool-a",))
    key = PoolKey("r", "p", "pool-a")
    _, passed = await poller.tracker.record(key, Listing(()), 0.0)
    pool = poller._poller("pool-a")
    pool.register()
    assert (state := poller.context.store.states[key]).outcome is None
    assert state.throughput is passed
