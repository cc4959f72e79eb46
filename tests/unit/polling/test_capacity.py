"""When capacities are asked for, and what the answer, or its absence, does to the pools."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs
from support import cloud_faults
from support.cloud import POOL, PROJECT, REGION, cloud_of, jobs
from support.fakes import LateWorker, fake_context
from support.fixed_pool import FixedPool

from exporter.api.capacity import RuntimeMetrics
from exporter.api.nodes import MAX_ANSWERS
from exporter.api.optional_endpoint import HOUR
from exporter.common.errors import RequestTimeout
from exporter.polling.capacity import CapacityPoller
from exporter.polling.memory import ProjectMemory
from exporter.polling.publish import Publisher
from exporter.simulator.pools import Profile
from exporter.snapshot.pool import Listing, PoolKey, PoolState
from exporter.snapshot.resources import Amounts, FreeCards, PoolCapacity
from exporter.snapshot.store import SnapshotStore
from exporter.snapshot.workload import Workload
from exporter.waiting.strategies import Strategies

if TYPE_CHECKING:
    from support.cloud import Cloud
    from support.fakes import FakeClock

CARD = "huawei.com/ascend-1980"
KEY = PoolKey(REGION, PROJECT, POOL)


def poller(
    cloud: Cloud, clock: FakeClock, *, watched: bool = True, nodes: bool = False, events: bool = False
) -> CapacityPoller:
    store = SnapshotStore()
    if watched:
        store.publish(PoolState(KEY))
    context = fake_context(clock, store=store, self_metrics=cloud.self_metrics)
    return CapacityPoller(
        region=REGION,
        project_id=PROJECT,
        client=cloud.client,
        context=context,
        publisher=Publisher(context, Strategies()),
        memory=ProjectMemory(cloud.client.memory),
        interval=60.0,
        nodes=nodes,
        events=events,
        stale_after=300.0,
    )


def capacity_up(cloud: Cloud) -> float | None:
    return cloud.sample("capacity_up", region=REGION, project_id=PROJECT)


async def test_a_pool_gets_its_capacity(clock: FakeClock) -> None:
    """One request for the project; pools that nobody watches are left aside."""
    async with cloud_of(clock) as cloud:
        capacities = poller(cloud, clock)
        other = PoolState(PoolKey(REGION, "another project", POOL))
        capacities.context.store.publish(other)
        await capacities.poll()
        capacity = capacities.context.store.states[KEY].capacity
        assert capacity is not None
        assert capacity.value.total.known == {
            "cpu": 768.0,
            "memory": 6144 * 2.0**30,
            "huawei.com/ascend-1980": 32.0,
        }
        assert capacity.fresh_until == clock.monotonic() + 300.0
        assert capacities.context.store.states[other.key] is other
        assert capacities.context.store.states.keys() == {KEY, other.key}
        assert (cloud.requests("runtime"), capacity_up(cloud)) == (1, 1.0)
        assert cloud.sample("api_requests_total", endpoint="runtime", code="200") == 1.0


async def test_a_listing_that_comes_while_the_capacity_is_looked_at_is_kept(clock: FakeClock) -> None:
    """What fits is found out off the event loop, and follows both."""
    waiting = Workload(uid="u", type="train", status="Queue", cpu_cores=8.0)
    async with cloud_of(clock) as cloud:
        capacities = poller(cloud, clock)
        worker = LateWorker()
        capacities.context = replace(capacities.context, worker=worker)
        capacities.publisher = Publisher(capacities.context, Strategies())
        poll = asyncio.ensure_future(capacities.poll())
        await worker.asked()
        state = PoolState(KEY, outcome="ok", listing=Listing((waiting,)), fresh_until=2_000.0)
        capacities.context.store.publish(state)
        while not poll.done():
            worker.work()
            await asyncio.sleep(0)
        after = capacities.context.store.states[KEY]
        assert (after.outcome, after.listing) == ("ok", state.listing)
        assert after.capacity is not None
        assert after.waiting is not None
        assert after.waiting.value.fitting is not None
        assert after.waiting.value.fitting["train"] == 1


async def test_without_pools_nothing_is_asked(clock: FakeClock) -> None:
    """Before discovery has found anything there is nobody to ask for."""
    async with cloud_of(clock) as cloud:
        await poller(cloud, clock, watched=False).poll()
        assert cloud.requests("runtime") == 0


async def test_without_pools_nothing_is_told(clock: FakeClock) -> None:
    """When the last pool is gone, whether capacities could be read for it is not said any more."""
    async with cloud_of(clock) as cloud:
        capacities = poller(cloud, clock)
        await capacities.poll()
        assert capacity_up(cloud) == 1.0
        capacities.context.store.forget(KEY)
        await capacities.poll()
        assert capacity_up(cloud) is None
        capacities.context.store.publish(PoolState(KEY))
        await capacities.poll()
        assert capacity_up(cloud) == 1.0


async def test_a_region_without_the_endpoint_is_asked_once_an_hour(clock: FakeClock) -> None:
    """404: it is said once, nothing else suffers, and after an hour it is tried again."""
    async with cloud_of(clock, jobs(1)) as cloud:
        cloud_faults.plant(cloud.simulator, cloud_faults.html(404), endpoint="runtime")
        capacities = poller(cloud, clock)
        with capture_logs() as logs:
            for _ in range(60):
                await capacities.poll()
                clock.advance(HOUR / 60)
        assert (cloud.requests("runtime"), capacity_up(cloud)) == (1, 0.0)
        assert [line["outcome"] for line in logs] == ["not_found"]
        assert capacities.context.store.states[KEY] == PoolState(KEY)
        cloud_faults.clear(cloud.simulator)
        await capacities.poll()
        assert (cloud.requests("runtime"), capacity_up(cloud)) == (2, 1.0)
        assert capacities.context.store.states[KEY].capacity is not None


@pytest.mark.parametrize(
    "fault", [cloud_faults.forbidden(), cloud_faults.html(), cloud_faults.html(503)], ids=str
)
async def test_a_failure_is_visible_and_keeps_what_was_known(
    clock: FakeClock, fault: cloud_faults.CloudFault
) -> None:
    """The last capacity stays until it is too old; the pool's own outcome does not change."""
    async with cloud_of(clock) as cloud:
        capacities = poller(cloud, clock)
        await capacities.poll()
        before = capacities.context.store.states[KEY]
        cloud_faults.plant(cloud.simulator, fault, endpoint="runtime")
        with capture_logs() as logs:
            await capacities.poll()
            await capacities.poll()
        assert capacities.context.store.states[KEY] is before
        assert capacity_up(cloud) == 0.0
        assert len(logs) == 1


async def test_a_slow_pace_does_not_make_capacities_stale(clock: FakeClock) -> None:
    """What is asked for once an hour may be shown for two."""
    async with cloud_of(clock) as cloud:
        capacities = poller(cloud, clock)
        capacities.interval = 3600.0
        await capacities.poll()
        capacity = capacities.context.store.states[KEY].capacity
        assert capacity is not None
        assert capacity.fresh_until == clock.monotonic() + 7200.0


async def test_free_cards_node_by_node(clock: FakeClock) -> None:
    """One request a pool, several where it has many nodes; the pool that most are free on is told."""
    async with cloud_of(clock) as cloud:
        whole = cloud.pool.profile.node_capacity
        cloud.pool.free = (*(whole._replace(cards=0b11),) * 700, whole._replace(cards=0b1111_0111))
        capacities = poller(cloud, clock, nodes=True)
        await capacities.poll()
        free_cards = capacities.context.store.states[KEY].free_cards
        assert free_cards is not None
        assert free_cards.value.total == {CARD: 1407.0}
        assert free_cards.value.most_on_a_node == {CARD: 7.0}
        assert (cloud.requests("nodes"), cloud.requests("runtime"), capacity_up(cloud)) == (2, 1, 1.0)


async def test_nodes_are_asked_for_only_where_wanted(clock: FakeClock) -> None:
    """Not by default; and not of a pool that cannot be read, which says so itself."""
    async with cloud_of(clock) as cloud:
        await poller(cloud, clock).poll()
        failing = poller(cloud, clock, nodes=True)
        failing.context.store.publish(PoolState(KEY, outcome="not_found"))
        await failing.poll()
        assert (cloud.requests("nodes"), capacity_up(cloud)) == (0, 1.0)


async def test_a_region_without_nodes_still_has_capacities(clock: FakeClock) -> None:
    """404: told once and left alone for an hour, for all pools of the project."""
    async with cloud_of(clock) as cloud:
        cloud_faults.plant(cloud.simulator, cloud_faults.html(404), endpoint="nodes")
        capacities = poller(cloud, clock, nodes=True)
        capacities.context.store.publish(PoolState(KEY._replace(pool="pool-other")))
        await capacities.poll()
        await capacities.poll()
        assert (cloud.requests("nodes"), cloud.requests("runtime"), capacity_up(cloud)) == (1, 2, 0.0)
        assert capacities.context.store.states[KEY].capacity is not None
        cloud_faults.clear(cloud.simulator)
        clock.advance(HOUR)
        await capacities.poll()
        assert cloud.requests("nodes") == 3
        assert capacities.context.store.states[KEY].free_cards is not None


async def test_endless_nodes_of_one_pool_are_left_alone_for_an_hour(clock: FakeClock) -> None:
    """A cursor that never ends costs a hundred requests an hour, not an interval; other pools are read."""
    other = KEY._replace(pool="pool-other-0123456789abcdef0123456789abcdef")
    async with cloud_of(clock) as cloud:
        cloud.simulator.projects[PROJECT] = [cloud.pool, FixedPool(Profile(other.pool))]
        endless = cloud_faults.EndlessNodes()
        cloud_faults.plant(cloud.simulator, endless, endpoint="nodes", pool=KEY.pool)
        capacities = poller(cloud, clock, nodes=True)
        capacities.context.store.publish(PoolState(other))
        with capture_logs() as logs:
            for _ in range(5):
                await capacities.poll()
        assert (endless.answers, cloud.requests("nodes")) == (MAX_ANSWERS, MAX_ANSWERS + 5)
        assert [line["outcome"] for line in logs] == ["bad_response"]
        assert "not asked for again within an hour" in logs[0]["reason"]
        states = capacities.context.store.states
        assert (states[KEY].free_cards, states[other].free_cards is not None) == (None, True)
        cloud_faults.clear(cloud.simulator)
        clock.advance(HOUR)
        await capacities.poll()
        assert capacities.context.store.states[KEY].free_cards is not None


async def test_nodes_that_do_not_answer_cost_no_capacity(clock: FakeClock) -> None:
    """While one node request hangs, capacities are read on and on, and keep the pools' figures fresh."""

    class Stop(Exception):
        pass

    class Hanging:
        """A cloud whose nodes never come."""

        asked = 0

        async def runtime_metrics(self) -> RuntimeMetrics:
            self.asked += 1
            if self.asked == 10:
                raise Stop
            return RuntimeMetrics({POOL: PoolCapacity(Amounts(float(self.asked)), Amounts())})

        async def free_cards(self, _: str) -> FreeCards:
            await asyncio.Event().wait()
            raise AssertionError

    async with cloud_of(clock) as cloud:
        capacities = poller(cloud, clock, nodes=True)
        capacities.client = Hanging()  # type: ignore[assignment]  # the two questions that are asked
        with pytest.raises(ExceptionGroup) as caught:
            await capacities.run()
        assert caught.group_contains(Stop)
        capacity = capacities.context.store.states[KEY].capacity
        assert capacity is not None
        assert (capacity.value.total.cpu_cores, capacity.fresh_until > clock.monotonic()) == (9.0, True)


async def test_a_round_of_nodes_ends_where_no_answer_comes(clock: FakeClock) -> None:
    """It is told once, capacities are told apart from it, and the next round begins with the others."""
    other = KEY._replace(pool="pool-other")
    asked: list[str] = []

    class Slow:
        """A cloud in which one pool's nodes take too long."""

        slow = True

        async def runtime_metrics(self) -> RuntimeMetrics:
            return RuntimeMetrics({})

        async def free_cards(self, pool: str) -> FreeCards:
            asked.append(pool)
            if pool == POOL and self.slow:
                raise RequestTimeout("no whole answer", where="GET nodes")
            return FreeCards({}, {})

    async with cloud_of(clock) as cloud:
        capacities = poller(cloud, clock, nodes=True)
        capacities.context.store.publish(PoolState(other))
        capacities.client = slow = Slow()  # type: ignore[assignment]  # the two questions that are asked
        with capture_logs() as logs:
            await capacities.poll()
            assert (asked, capacity_up(cloud)) == ([POOL], 0.0)
            await capacities.poll()
            assert (asked, capacity_up(cloud)) == ([POOL, other.pool, POOL], 0.0)
            slow.slow = False
            await capacities.poll()
        assert capacity_up(cloud) == 1.0
        assert [line["event"] for line in logs] == [
            "some of the pools' nodes cannot be read",
            "the pools' nodes can be read again",
        ]


async def test_scheduled_events_are_read_where_wanted(clock: FakeClock) -> None:
    """One request more for each pool; they last for two of their intervals of five minutes."""
    async with cloud_of(clock) as cloud:
        await poller(cloud, clock).poll()
        assert cloud.requests("events") == 0
        cloud.pool.events = [{"id": "e1", "type": "node_reboot", "state": "scheduled"}]
        capacities = poller(cloud, clock, events=True)
        await capacities.poll()
        events = capacities.context.store.states[KEY].events
        assert events is not None
        assert events.value.counts["node_reboot", "scheduled"] == 1
        assert events.fresh_until == clock.monotonic() + 600.0
        [request] = [one for one in cloud.simulator.requests if one.endpoint == "events"]
        assert request.query == f"limit=100&offset=0&poolName={POOL}"
        assert capacities.context.store.states[KEY].without_capacity().events is None


async def test_a_region_without_scheduled_events_is_asked_once_an_hour(clock: FakeClock) -> None:
    """404: it is said with the setting that asks, and the capacities stay."""
    async with cloud_of(clock) as cloud:
        cloud_faults.plant(cloud.simulator, cloud_faults.html(404), endpoint="events")
        capacities = poller(cloud, clock, events=True)
        with capture_logs() as logs:
            await capacities.poll()
            await capacities.poll()
        [line] = logs
        assert "scheduled events are not available here" in line["event"]
        assert line["event"].endswith("capacity.events sets what is read")
        assert (cloud.requests("events"), cloud.requests("runtime")) == (1, 2)
        clock.advance(HOUR)
        await capacities.poll()
        assert cloud.requests("events") == 2


async def test_it_asks_at_its_own_pace(clock: FakeClock) -> None:
    """At once, then once an interval, with some jitter; a reload or a slow answer does not add up."""

    class Stop(Exception):
        pass

    async with cloud_of(clock) as cloud:
        capacities = poller(cloud, clock)
        waits: list[float] = []

        async def sleep(seconds: float) -> None:
            waits.append(seconds)
            clock.advance(seconds)
            if len(waits) == 10:
                raise Stop

        clock.sleep = sleep  # type: ignore[method-assign]  # the throttle never waits at this rate
        with pytest.raises(ExceptionGroup) as caught:
            await capacities.run()
        assert caught.group_contains(Stop)
        assert cloud.requests("runtime") == 10
        assert all(54.0 <= wait <= 66.0 for wait in waits)


@pytest.mark.parametrize("new", [False, True])
async def test_a_reload_does_not_make_capacities_due(clock: FakeClock, new: bool) -> None:
    """What was read 50 s ago is read again 10 s later; with a pool that is new, at once."""

    class Stop(Exception):
        pass

    async with cloud_of(clock) as cloud:
        before = poller(cloud, clock)
        await before.poll()
        clock.advance(50.0)
        if new:
            before.context.store.publish(PoolState(KEY._replace(pool="pool-other")))
        after = replace(before)
        waits: list[float] = []

        async def sleep(seconds: float) -> None:
            waits.append(seconds)
            clock.advance(seconds)
            if len(waits) == (1 if new else 2):
                raise Stop

        clock.sleep = sleep  # type: ignore[method-assign]  # the throttle never waits at this rate
        with pytest.raises(ExceptionGroup) as caught:
            await after.run()
        assert caught.group_contains(Stop)
        assert cloud.requests("runtime") == 2
        assert waits[0] == pytest.approx(60.0 if new else 10.0, abs=3.1)
