"""Polls the pools of one project: decides which they are, and runs a polling loop for each."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import structlog

from exporter.api.optional_endpoint import OptionalEndpoint
from exporter.lifecycle.tracker import RETENTION, Retention
from exporter.polling.cross_check import CheckedReader
from exporter.polling.pool import PoolPoller
from exporter.polling.pool_list import PoolList
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
    from exporter.polling.schedule import IntervalMonitor
    from exporter.polling.selection import Selection
    from exporter.snapshot.pool import Listing, PoolState

log = structlog.get_logger(__name__)

LIST_INTERVALS = 5
"""Poll intervals between two requests for the list of pools: pools and names change rarely."""


@dataclass(frozen=True, slots=True)
class ProjectResult:
    """The result of polling every pool of a project once.

    Attributes:
        states: the pools after it.
        discovery_error: why the pools could not be discovered; None if they were, or are configured by ID.
        elsewhere: how many of the project's pools other shards watch.
    """

    states: tuple[PoolState, ...]
    discovery_error: PollError | None
    elsewhere: int = 0

    @property
    def ok(self) -> bool:
        """Whether the project has pools, and every pool that is polled here was read completely."""
        return bool(self.states or self.elsewhere) and all(state.outcome == "ok" for state in self.states)


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
        tracker: compares the pools' listings.
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
    tracker: Tracker
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
    _pool_list: PoolList = field(init=False)
    _statistics: OptionalEndpoint = field(init=False)
    _retention: Retention = field(init=False)

    def __post_init__(self) -> None:
        discovers = self.selection.discovers
        # A list may lack a pool by mistake. A configuration lacks it on purpose.
        self._retention = Retention(self.tracker, RETENTION if discovers else 0.0, self.context.clock)
        self._statistics = OptionalEndpoint(self.context.clock)
        self._pool_list = PoolList(
            region=self.region,
            project_id=self.project_id,
            workspace_id=self.workspace_id,
            client=self.client,
            context=self.context,
            discovers=discovers,
        )

    async def run(self) -> None:
        """Poll forever. An unexpected error ends this, and with it the process."""
        # Creates the sample with 0. After a reload, the old value stays until the first answer.
        self.context.self_metrics.pools.labels(self.region, self.project_id)
        async with asyncio.TaskGroup() as group:
            if not self.selection.discovers:
                self._watch(self._select(), group)
                self.settled = True
            error = await self._update_pools(group)
            if self.capacity:
                group.create_task(self.capacity.run())
            while True:
                # While discovery fails there may be nothing to watch, so the list is requested more often.
                soon = self.selection.discovers and error
                await self.context.clock.sleep(self.interval * (1 if soon else LIST_INTERVALS))
                error = await self._update_pools(group)

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
        return ProjectResult(tuple(states), error if self.selection.discovers else None, self.elsewhere)

    async def _update_pools(self, group: asyncio.TaskGroup) -> PollError | None:
        """List the project's pools, and watch those in the list. Returns the error if that failed."""
        error = None if self.selection.nothing_here else await self._pool_list.refresh()
        if error and self.selection.discovers:
            self.context.self_metrics.pools.labels(self.region, self.project_id).set(len(self._tasks))
        elif not error:
            if self.selection.discovers:
                self._watch(self._select(), group)
            await self._publish_list()
        self.settled = True
        return error

    async def _publish_list(self) -> None:
        ttl = lifetime(self.stale_after, self.interval * LIST_INTERVALS)
        await self._pool_list.publish(self._watched(), self.context.clock.monotonic() + ttl)

    def _watched(self) -> list[PoolKey]:
        """The project's pools in the store, including those that were watched before a reload."""
        return self.context.store.pools_of(self.region, self.project_id)

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

    def _watch(self, pools: Sequence[str], group: asyncio.TaskGroup) -> None:
        """Start a loop for every pool that has none; end the loops of pools that are gone."""
        known = {key.pool for key in self._watched()}
        self._count(set(pools), known)
        for key in self._watched():
            if key.pool not in pools:
                if task := self._tasks.pop(key.pool, None):
                    task.cancel()
                self.context.store.forget(key)
                log.info("pool is gone and no longer watched", **key._asdict())
        remembered = (key for key in self.tracker.pools if key[:2] == (self.region, self.project_id))
        self._retention.forget_absent(key for key in remembered if key.pool not in pools)
        for pool in pools:
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
            tracker=self.tracker,
            stale_after=self.stale_after,
            estimates=self.estimates,
        )

    def _reader(self, key: PoolKey) -> Callable[[], Awaitable[Listing]]:
        """A function that reads a pool's listing, and checks it if that is configured."""
        listing = partial(self.client.listing, key.pool)
        if self.cross_check == "off":
            return listing

        def previous() -> Listing | None:
            state = self.context.store.states.get(key)
            return state.listing if state else None

        return CheckedReader(
            key=key,
            listing=listing,
            counts=partial(self._statistics.ask, partial(self.client.statistics, key.pool)),
            previous=previous,
            when=self.cross_check,
            worker=self.context.worker,
        ).read
