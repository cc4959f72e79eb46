"""Pools that are not watched any more: when what got through them is forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.fakes import FakeClock
from support.projects import EVERYTHING, FORBIDDEN, INTERVAL, Cloud, StepClock, project, run

from exporter.lifecycle.tracker import RETENTION
from exporter.polling.project import LIST_INTERVALS
from exporter.snapshot.pool import Listing, PoolKey, PoolState
from exporter.snapshot.store import SnapshotStore
from exporter.snapshot.workload import Workload

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.common.errors import PollError


async def test_pools_no_longer_configured_go_when_the_configuration_is_read_again() -> None:
    """What an earlier configuration watched and this one does not is forgotten at the start."""
    clock = StepClock(until=1.0)
    store = SnapshotStore()
    store.publish(PoolState(PoolKey("r", "p", "pool-old")))
    store.publish(PoolState(PoolKey("r", "other", "pool-old")))
    await run(project(Cloud(clock, {}), ("pool-a",), store), clock)
    assert set(store.states) == {PoolKey("r", "other", "pool-old"), PoolKey("r", "p", "pool-a")}


@pytest.mark.parametrize(
    ("names", "until", "kept"),
    [
        ({"pool-a": "A"}, RETENTION - INTERVAL, {"pool-a", "pool-gone"}),
        ({"pool-a": "A"}, RETENTION + INTERVAL, {"pool-a"}),
        (FORBIDDEN, RETENTION + INTERVAL, {"pool-a", "pool-gone"}),
    ],
    ids=["not found for a while", "not found for long", "nothing can be found"],
)
async def test_what_is_remembered_goes_only_when_its_pool_is_known_to_be_gone(
    names: dict[str, str] | PollError, until: float, kept: set[str]
) -> None:
    """Of pools that a state file tells of, those go that are not found for long after the start."""
    clock = StepClock(until=until)
    poller = project(Cloud(clock, names), EVERYTHING)
    for pool in ("pool-a", "pool-gone"):
        await poller.tracker.record(PoolKey("r", "p", pool), Listing(()), 0.0)
    await poller.tracker.record(PoolKey("r", "other", "pool-a"), Listing(()), 0.0)
    await run(poller, clock)
    assert {key.pool for key in poller.tracker.pools if key.project_id == "p"} == kept
    assert PoolKey("r", "other", "pool-a") in poller.tracker.pools


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


async def test_what_is_not_configured_any_more_is_forgotten_at_once() -> None:
    """Nobody's mistake: the configuration says so."""
    clock = StepClock(until=1.0)
    poller = project(Cloud(clock, {}), ("pool-a",))
    await poller.tracker.record(PoolKey("r", "p", "pool-old"), Listing(()), 0.0)
    await run(poller, clock)
    assert {key.pool for key in poller.tracker.pools} == {"pool-a"}


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
