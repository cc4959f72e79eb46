"""Polls the pools of one project: decides which they are, and runs a polling loop for each."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import structlog

from exporter.polling.cross_check import CheckedReader
from exporter.polling.memory import CheckRecord, KnownPools
from exporter.polling.pool import PoolPoller
from exporter.polling.pool_list import BATCH, LIST_INTERVALS, PoolList
from exporter.polling.schedule import Schedule, lifetime, phases
from exporter.snapshot.pool import PoolKey

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from exporter.api.client import Client
    from exporter.common.errors import PollError
    from exporter.context import Context
    from exporter.lifecycle.tracker import Tracker
    from exporter.polling.capacity import CapacityPoller
    from exporter.polling.cross_check import CrossCheck
    from exporter.polling.memory import ProjectMemory
    from exporter.polling.publish import Publisher
    from exporter.polling.schedule import IntervalMonitor
    from exporter.polling.selection import Selection
    from exporter.snapshot.pool import CloudCount, Listing, PoolState

log = structlog.get_logger(__name__)

UNDER_WAY = 200
"""Polls of a project that are under way at the same time. More would only wait for a request's turn, with a
hundred objects each, and garbage collection stops the event loop for all of them."""

NO_LONGER_WATCHED = "the pool is no longer watched; its counters are kept for an hour"
"""Why: it is not in the list of pools any more, or the configuration does not select it any more."""


@dataclass(frozen=True, slots=True)
class ProjectResult:
    """The result of polling every pool of a project once.

    Attributes:
        states: the pools after it.
        discovery_error: why not all pools could be discovered; None if they were, or are configured by ID.
        elsewhere: how many of the project's pools other shards watch.
    """

    states: tuple[PoolState, ...]
    discovery_error: PollError | None
    elsewhere: int = 0

    @property
    def ok(self) -> bool:
        """Whether the project has pools, all are known, and every pool here was read completely."""
        known = bool(self.states or self.elsewhere) and self.discovery_error is None
        return known and all(state.outcome == "ok" for state in self.states)


@dataclass(slots=True, kw_only=True)
class ProjectPoller:
    """Polls the pools of one project.

    Attributes:
        region: where the project is.
        project_id: the project.
        selection: which pools are watched here.
        workspace_id: the workspace whose pools are listed.
        client: asks the cloud.
        context: clock, worker, self metrics, snapshot store and random generator.
        publisher: publishes the pools' states.
        tracker: compares the pools' listings.
        memory: what is known of the project from before, also by an earlier configuration.
        interval: seconds between two polls of a pool.
        monitor: measures whether polls keep to the interval.
        stale_after: seconds that a listing may be shown after the last success.
        estimates: whether to estimate when waiting workloads start.
        cross_check: which listings are compared with the cloud's own count.
        capacity: reads the capacities of the pools; None if they are not wanted.
        settled: whether the pools are known, or one attempt to discover them has ended.
        elsewhere: how many of the project's pools other shards watch, as far as known.
    """

    region: str
    project_id: str
    selection: Selection
    workspace_id: str
    client: Client
    context: Context
    publisher: Publisher
    tracker: Tracker
    memory: ProjectMemory
    interval: float
    monitor: IntervalMonitor
    stale_after: float
    estimates: bool
    cross_check: CrossCheck
    capacity: CapacityPoller | None = None
    settled: bool = False
    elsewhere: int = 0
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _selects_none: bool = False
    _phases: Iterator[float] = field(default_factory=phases)
    _under_way: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(UNDER_WAY))
    _pool_list: PoolList = field(init=False)

    def __post_init__(self) -> None:
        self._pool_list = PoolList(
            region=self.region,
            project_id=self.project_id,
            workspace_id=self.workspace_id,
            client=self.client,
            context=self.context,
            publisher=self.publisher,
            interval=self.interval,
            discovers=self.selection.discovers,
            known=self.memory.lists.get(self.workspace_id, KnownPools()),
        )

    async def run(self) -> None:
        """Poll until cancelled. An unexpected error ends this, and with it the process."""
        # Creates the sample with 0. After a reload, the old value stays until the first answer.
        self.context.self_metrics.pools.labels(self.region, self.project_id)
        self.memory.lists = {self.workspace_id: self._pool_list.known}
        async with asyncio.TaskGroup() as group:
            try:
                await self._begin(group)
                if not self._pool_list.wait():
                    await self._update_pools(group)
                if self.capacity:
                    group.create_task(self.capacity.run())
                while True:
                    await self.context.clock.sleep(self._pool_list.wait())
                    await self._update_pools(group)
            except asyncio.CancelledError:
                await self._end()
                raise

    async def once(self, polled: Callable[[PoolState], None] = lambda _: None) -> ProjectResult:
        """Poll every pool once. The project's rate limiter decides how many at a time.

        Args:
            polled: called with every pool's state as soon as its poll has ended.
        """
        error = None if self.selection.nothing_here else await self._pool_list.refresh()
        pollers = [self._poller(pool) for pool in self._select()]
        for poller in pollers:
            poller.register()
        await self._publish_list()

        async def poll(poller: PoolPoller) -> PoolState:
            state = await poller.poll()
            polled(state)
            return state

        states = await asyncio.gather(*map(poll, pollers))
        if self.capacity:
            await self.capacity.poll()
        known = self.context.store.states
        states = [known.get(state.key, state) for state in states]  # now with the capacities
        return ProjectResult(tuple(states), error if self.selection.discovers else None, self.elsewhere)

    @property
    def pools_known(self) -> bool:
        """Whether it is known which pools the project has, as far as this exporter wants to know."""
        return not self.selection.discovers or self._pool_list.known.pools is not None

    async def _begin(self, group: asyncio.TaskGroup) -> None:
        """Watch what is known already: pools by ID, or those that were discovered before a reload."""
        self._pool_list.show_outcome()
        await self._watch(self._to_watch(whole=False), group)
        await self._publish_list()
        self.settled = self.pools_known

    async def _end(self) -> None:
        """Cancel the polls, some at a time, as they were started."""
        while self._tasks:
            # The newest first: if one that is under way ended, the next in line would begin its poll. No
            # reference to the task stays, so it is freed at once, without garbage collection.
            self._tasks.popitem()[1].cancel()
            if len(self._tasks) % BATCH == 0:
                await asyncio.sleep(0)

    async def _update_pools(self, group: asyncio.TaskGroup) -> None:
        """List the project's pools, and watch those in the list."""
        if self.selection.nothing_here:
            self._pool_list.postpone()
        elif not self.selection.discovers:
            await self._pool_list.refresh()
        else:
            known = {key.pool for key in (*self._watched(), *self._remembered())}
            error = await self._pool_list.refresh(known)
            await self._watch(self._to_watch(whole=error is None), group)
        await self._publish_list()
        self.settled = True

    async def _publish_list(self) -> None:
        lasting = lifetime(self.stale_after, self.interval * LIST_INTERVALS)
        await self._pool_list.publish(self._watched(), lasting)

    def _watched(self) -> list[PoolKey]:
        """The project's pools in the store, including those that were watched before a reload."""
        return self.context.store.pools_of(self.region, self.project_id)

    def _remembered(self) -> Iterator[PoolKey]:
        """The project's pools that a restart or the last hour left in memory, of this shard."""
        owns = self.selection.shard.owns
        for key in self.tracker.pools:
            if key[:2] == (self.region, self.project_id) and owns(self.project_id, key.pool):
                yield key

    def _select(self) -> Sequence[str]:
        """The pools to watch here, as far as known."""
        selected = self.selection.select(self._pool_list.names)
        self.elsewhere = selected.elsewhere
        self._report_selection(found=bool(selected.pools or selected.elsewhere))
        return selected.pools

    def _report_selection(self, *, found: bool) -> None:
        """Log once when none of the listed pools is selected, and once when some is again."""
        selects_none = not found and bool(self._pool_list.names)
        if not self.selection.discovers or selects_none == self._selects_none:
            return
        self._selects_none = selects_none
        report = log.bind(region=self.region, project_id=self.project_id, listed=len(self._pool_list.names))
        if selects_none:
            report.warning(
                "no pool is watched: discover.include and discover.exclude select none of the project's pools"
            )
        else:
            report.info("some of the project's pools are selected again")

    def _to_watch(self, *, whole: bool) -> Sequence[str]:
        """The pools to watch here, with those that are watched and that the list lacks by mistake, perhaps.

        Args:
            whole: whether the list has just been read as a whole. If not, no pool is known to be gone.
        """
        selected = self._select()
        if not self.selection.discovers:
            return selected
        listed, doubtful = self._pool_list.names, self._pool_list.known.doubtful
        unlisted = (key.pool for key in self._watched() if key.pool not in listed)
        return (*selected, *(pool for pool in unlisted if not whole or pool in doubtful))

    async def _watch(self, pools: Sequence[str], group: asyncio.TaskGroup) -> None:
        """Start a loop for every pool that has none; end the loops of pools that are gone."""
        wanted, known = set(pools), {key.pool for key in self._watched()}
        self._count(wanted, known)
        self.memory.keep_pools(wanted)
        for key in self._watched():
            if key.pool not in wanted:
                if task := self._tasks.pop(key.pool, None):
                    task.cancel()
                self.context.store.forget(key)
                log.info(NO_LONGER_WATCHED, **key._asdict())
        for index, pool in enumerate(pools):
            if index % BATCH == 0:
                await asyncio.sleep(0)
            if pool in self._tasks:
                continue
            poller = self._poller(pool)
            poller.register()
            if self.selection.discovers and pool not in known:
                log.info("pool discovered", **poller.key._asdict(), name=self._pool_list.names[pool])
            self._tasks[pool] = group.create_task(poller.run(self._schedule(), self.monitor))

    def _count(self, pools: AbstractSet[str], known: AbstractSet[str]) -> None:
        project, self_metrics = (self.region, self.project_id), self.context.self_metrics
        self_metrics.pools.labels(*project).set(len(pools))
        self.monitor.set_pools(len(pools))
        if self.selection.discovers:
            self_metrics.pools_discovered.labels(*project).inc(len(pools - known))
            self_metrics.pools_gone.labels(*project).inc(len(known - pools))

    def _schedule(self) -> Schedule:
        now = self.context.clock.monotonic()
        return Schedule(now, self.interval, next(self._phases), self.context.rng)

    def _poller(self, pool: str) -> PoolPoller:
        key = PoolKey(self.region, self.project_id, pool)
        return PoolPoller(
            key=key,
            read=self._reader(key),
            names=lambda: self._pool_list.names,
            context=self.context,
            publisher=self.publisher,
            tracker=self.tracker,
            stale_after=self.stale_after,
            estimates=self.estimates,
            under_way=self._under_way,
        )

    def _reader(self, key: PoolKey) -> Callable[[], Awaitable[Listing]]:
        """A function that reads a pool's listing, and checks it if that is configured."""
        listing = partial(self.client.listing, key.pool)
        if self.cross_check == "off":
            return listing

        def previous() -> Listing | None:
            state = self.context.store.states.get(key)
            return state.listing if state else None

        def cloud_count() -> CloudCount | None:
            state = self.context.store.states.get(key)
            return state.cloud_count.value if state and state.cloud_count else None

        return CheckedReader(
            key=key,
            listing=listing,
            counts=partial(self.memory.api.statistics.ask, partial(self.client.statistics, key.pool)),
            cloud_count=cloud_count,
            previous=previous,
            clock=self.context.clock,
            when=self.cross_check,
            worker=self.context.worker,
            record=self.memory.checks.setdefault(key.pool, CheckRecord()),
        ).read
