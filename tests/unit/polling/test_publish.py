"""Two answers about one pool at a time: neither is lost, and what fits follows both."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest
from support.fakes import LateWorker, fake_context

from exporter.polling.publish import Publisher
from exporter.snapshot.pool import Expiring, Listing, PoolKey, PoolState
from exporter.snapshot.resources import Amounts, PoolCapacity
from exporter.snapshot.workload import Workload
from exporter.waiting.analysis import with_waiting
from exporter.waiting.strategies import Strategies

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.fakes import FakeClock

KEY = PoolKey("r", "p", "pool-a")
UNTIL = 2_000.0
FULL, ROOMY = (Expiring(PoolCapacity(Amounts(16.0, 0.0), Amounts(held, 0.0)), UNTIL) for held in (16.0, 8.0))
NOBODY, WAITING = Listing(()), Listing((Workload(uid="u", type="train", status="Queue", cpu_cores=8.0),))

Change = partial[PoolState]
listed = partial(replace, listing=WAITING, fresh_until=UNTIL)
sized = partial(replace, capacity=ROOMY)


class Pool:
    """One pool in a store, and a worker who is told when to work."""

    def __init__(self, clock: FakeClock) -> None:
        self.worker = LateWorker()
        self.context = fake_context(clock, worker=self.worker)
        self.store = self.context.store
        self.publisher = Publisher(self.context, Strategies())
        self.store.publish(PoolState(KEY, listing=NOBODY, fresh_until=UNTIL, capacity=FULL))

    @property
    def state(self) -> PoolState:
        return self.store.states[KEY]

    def publish(self, change: Callable[[PoolState], PoolState]) -> asyncio.Task[PoolState]:
        return asyncio.ensure_future(self.publisher.publish(KEY, change))

    async def end(self, *tasks: asyncio.Task[PoolState]) -> None:
        """Let the worker work until all is published."""
        while not all(task.done() for task in tasks):
            self.worker.work()
            await asyncio.sleep(0)

    def fitting(self) -> int:
        assert self.state.waiting is not None
        assert self.state.waiting.value.fitting is not None
        return self.state.waiting.value.fitting["train"]


@pytest.mark.parametrize("changes", [(listed, sized), (sized, listed)], ids=["capacity last", "listing last"])
async def test_two_answers_at_a_time_are_both_kept(clock: FakeClock, changes: tuple[Change, Change]) -> None:
    """While the worker looks at one, the other comes: whichever is published first, the other is added."""
    pool = Pool(clock)
    await pool.end(*map(pool.publish, changes))
    assert (pool.state.listing, pool.state.capacity, pool.fitting()) == (WAITING, ROOMY, 1)


@pytest.mark.parametrize(
    ("first", "meanwhile"), [(listed, sized), (sized, listed)], ids=["listing", "capacity"]
)
async def test_what_others_publish_while_the_worker_is_late_wins_too(
    clock: FakeClock, first: Change, meanwhile: Change
) -> None:
    """Nothing is shown before the worker has done its part, and then all of the newest."""
    pool = Pool(clock)
    before = pool.state
    late = pool.publish(first)
    await pool.worker.asked()
    assert pool.state is before
    pool.store.publish(meanwhile(replace(before, name="Team A")))
    await pool.end(late)
    assert late.result() is pool.state
    assert (pool.state.listing, pool.state.capacity, pool.fitting()) == (WAITING, ROOMY, 1)
    assert pool.state.name == "Team A"


async def test_time_does_not_run_backwards_when_it_begins_again(clock: FakeClock) -> None:
    """Somebody else found meanwhile that a workload fits: it has done so for no time yet, not for less."""
    pool = Pool(clock)
    late = pool.publish(listed)
    await pool.worker.asked()
    clock.advance(5.0)
    fits = with_waiting(replace(listed(pool.state), capacity=ROOMY), None, clock.monotonic())
    pool.store.publish(replace(pool.state, capacity=ROOMY, waiting=fits.waiting))
    await pool.end(late)
    assert pool.state.waiting is not None
    assert pool.state.waiting.value.longest_fitting == 0.0


async def test_a_pool_that_is_forgotten_meanwhile_stays_so(clock: FakeClock) -> None:
    """The worker's late result does not bring it back."""
    pool = Pool(clock)
    late = pool.publish(sized)
    await pool.worker.asked()
    pool.store.forget(KEY)
    await pool.end(late)
    assert KEY not in pool.store.states


async def test_nothing_is_looked_at_where_neither_is_new(clock: FakeClock) -> None:
    """A failed poll is published without the worker, and what fits stays what it was."""
    pool = Pool(clock)
    failed = pool.publish(partial(replace, outcome="timeout"))
    await asyncio.sleep(0)
    assert failed.done()
    assert pool.state.outcome == "timeout"
