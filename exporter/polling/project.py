"""All pools of one project: which they are, and a loop for each."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import structlog

from exporter.api.optional_endpoint import OptionalEndpoint
from exporter.common.errors import PollError
from exporter.polling.cross_check import CheckedReader
from exporter.polling.pool import PoolPoller
from exporter.polling.retention import LONG, Retention
from exporter.polling.round import Round
from exporter.polling.schedule import Schedule, lifetime, phases
from exporter.polling.selection import Discovery, Shard
from exporter.snapshot.pool import Expiring, PoolKey

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence
    from collections.abc import Set as AbstractSet
    from concurrent.futures import Executor

    from exporter.api.client import Client
    from exporter.common.clock import Clock
    from exporter.lifecycle.tracker import Tracker
    from exporter.polling.capacity import CapacityPoller
    from exporter.polling.cross_check import CrossCheck
    from exporter.polling.schedule import Pace
    from exporter.self_metrics import SelfMetrics
    from exporter.snapshot.pool import Listing, PoolDescription, PoolState
    from exporter.snapshot.store import SnapshotStore

log = structlog.get_logger(__name__)

CATALOGUE_INTERVALS = 5
"""The project's pools are listed once in so many poll intervals: names and pools change rarely."""


@dataclass(slots=True, kw_only=True)
class ProjectPoller:
    """Polls the pools of one project.

    Attributes:
        region: where the project is.
        project_id: the project.
        pools: the pools to watch, or how to find them.
        workspace_id: whose pools the project's list holds.
        client: asks the cloud.
        store: where the pools' states go.
        tracker: compares their listings.
        interval: seconds between two polls of a pool.
        pace: holds the polls against it.
        stale_after: seconds that a listing may be shown after the last success.
        estimates: whether to estimate when waiting workloads start.
        worker: holds listings against each other and against capacities, off the event loop.
        clock: the time, and waits.
        self_metrics: where things are counted.
        cross_check: which listings are held against the cloud's own count.
        capacity: asks what the pools have to give; None where nobody wants to know.
        shard: which of the pools are watched here, where several exporters share them.
        rng: for jitter.
    """

    region: str
    project_id: str
    pools: tuple[str, ...] | Discovery
    workspace_id: str
    client: Client
    store: SnapshotStore
    tracker: Tracker
    interval: float
    pace: Pace
    stale_after: float
    estimates: bool
    worker: Executor
    clock: Clock
    self_metrics: SelfMetrics
    cross_check: CrossCheck
    capacity: CapacityPoller | None = None
    shard: Shard = field(default_factory=Shard)
    rng: random.Random = field(default_factory=random.Random)
    settled: bool = False
    """Whether it is known which pools there are, or it was tried once to find out."""
    elsewhere: int = 0
    """How many of the project's pools other shards watch, as far as known."""
    _catalogue: dict[str, PoolDescription] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _phases: Iterator[float] = field(default_factory=phases)
    _catalogue_outcome: str = "ok"
    _statistics: OptionalEndpoint = field(init=False)
    _retention: Retention = field(init=False)

    def __post_init__(self) -> None:
        # One answer may be a mistake; a configuration is meant.
        self._retention = Retention(self.tracker, LONG if self._discovering else 0.0, self.clock)
        self._statistics = OptionalEndpoint(self.clock)

    async def run(self) -> None:
        """Poll for ever. What is not expected to go wrong ends this, and with it the process."""
        # Makes the sample, as 0; one from before a reload holds on until the first answer.
        self.self_metrics.pools.labels(self.region, self.project_id)
        async with asyncio.TaskGroup() as group:
            if not self._discovering:
                self._watch(self._chosen(), group)
                self.settled = True
            error = await self._look_around(group)
            if self.capacity:
                group.create_task(self.capacity.run())
            while True:
                # While pools cannot be discovered there may be nothing to watch.
                soon = self._discovering and error
                await self.clock.sleep(self.interval * (1 if soon else CATALOGUE_INTERVALS))
                error = await self._look_around(group)

    def watches(self, pool: str, name: str | None) -> bool:
        """Whether a pool, with its display name where known, is one of those to watch."""
        if isinstance(self.pools, Discovery):
            wanted = self.pools.wants(pool, name or pool)
        else:
            wanted = pool in self.pools
        return wanted and self.shard.owns(self.project_id, pool)

    async def once(self, polled: Callable[[PoolState], None] = lambda _: None) -> Round:
        """Poll every pool once, as many at a time as the project's throttle lets through.

        Args:
            polled: told of every pool as soon as its poll has ended.
        """
        error = await self.look() if self.concerned else None

        pollers = [self._poller(pool) for pool in self._chosen()]
        for poller in pollers:
            poller.watch()
        self._describe()

        async def poll(poller: PoolPoller) -> PoolState:
            state = await poller.poll()
            polled(state)
            return state

        states = await asyncio.gather(*map(poll, pollers))
        if self.capacity:
            await self.capacity.poll()
        return Round(tuple(states), error if self._discovering else None, self.elsewhere)

    async def look(self) -> PollError | None:
        """Ask for the project's pools: what there is to say of them and, for discovery, which they are.

        Returns why it could not be done, if it could not; what was known before holds on then.
        """
        try:
            catalogue = await self.client.pools(self.workspace_id)
        except PollError as error:
            self._report_catalogue(error.outcome, str(error))
            return error
        self._catalogue = catalogue
        # Made here and not by every poll of every pool, which all ask for them.
        self._names = {pool: entry.name for pool, entry in catalogue.items()}
        self._report_catalogue("ok", "")
        return None

    async def _look_around(self, group: asyncio.TaskGroup) -> PollError | None:
        """Look, and watch what is there now."""
        error = await self.look() if self.concerned else None
        if error and self._discovering:
            self.self_metrics.pools.labels(self.region, self.project_id).set(len(self._tasks))
        elif not error:
            if self._discovering:
                self._watch(self._chosen(), group)
            self._describe()
        self.settled = True
        return error

    def _describe(self) -> None:
        """Tell of the watched pools what the project's list says of them."""
        asked_every = self.interval * CATALOGUE_INTERVALS
        fresh_until = self.clock.monotonic() + lifetime(self.stale_after, asked_every)
        for key in self._watched():
            entry, state = self._catalogue.get(key.pool), self.store.states[key]
            if entry is not None and (state.description is None or state.description.value is not entry):
                self.store.publish(replace(state, name=entry.name, description=Expiring(entry, fresh_until)))

    def _watched(self) -> list[PoolKey]:
        """The project's pools in the store, also those that were watched before a reload."""
        return self.store.pools_of(self.region, self.project_id)

    @property
    def _discovering(self) -> bool:
        return isinstance(self.pools, Discovery)

    @property
    def concerned(self) -> bool:
        """Whether there is anything to ask: not where all pools are named, and are other shards'."""
        return isinstance(self.pools, Discovery) or bool(self.shard.of(self.project_id, self.pools))

    def _chosen(self) -> Sequence[str]:
        """Choose the pools to watch, as far as known, and note how many are left to other shards."""
        if isinstance(self.pools, Discovery):
            entries = self._catalogue.items()
            wanted = tuple(pool for pool, entry in entries if self.pools.wants(pool, entry.name))
        else:
            wanted = self.pools
        own = self.shard.of(self.project_id, wanted)
        self.elsewhere = len(wanted) - len(own)
        return own

    def _watch(self, wanted: Sequence[str], group: asyncio.TaskGroup) -> None:
        """Start a loop for every pool that has none; end those of pools that are gone."""
        known = {key.pool for key in self._watched()}
        self._count(set(wanted), known)
        for key in self._watched():
            if key.pool not in wanted:
                if task := self._tasks.pop(key.pool, None):
                    task.cancel()
                self.store.forget(key)
                log.info("pool is gone; not watched any more", **key._asdict())
        remembered = (key for key in self.tracker.pools if key[:2] == (self.region, self.project_id))
        self._retention.note(key for key in remembered if key.pool not in wanted)
        for pool in wanted:
            if pool in self._tasks:
                continue
            poller = self._poller(pool)
            poller.watch()
            if self._discovering and pool not in known:
                log.info("pool is discovered", **poller.key._asdict(), name=self._catalogue[pool].name)
            self._tasks[pool] = group.create_task(poller.keep_polling(self._schedule(), self.pace))

    def _count(self, wanted: AbstractSet[str], known: AbstractSet[str]) -> None:
        project = self.region, self.project_id
        self.self_metrics.pools.labels(*project).set(len(wanted))
        self.pace.watch(len(wanted))
        if self._discovering:
            self.self_metrics.pools_discovered.labels(*project).inc(len(wanted - known))
            self.self_metrics.pools_gone.labels(*project).inc(len(known - wanted))

    def _schedule(self) -> Schedule:
        return Schedule(self.clock.monotonic(), self.interval, next(self._phases), self.rng)

    def _poller(self, pool: str) -> PoolPoller:
        key = PoolKey(self.region, self.project_id, pool)
        return PoolPoller(
            key=key,
            read=self._reader(key),
            names=lambda: self._names,
            store=self.store,
            tracker=self.tracker,
            stale_after=self.stale_after,
            estimates=self.estimates,
            worker=self.worker,
            clock=self.clock,
            self_metrics=self.self_metrics,
        )

    def _reader(self, key: PoolKey) -> Callable[[], Awaitable[Listing]]:
        """What brings a pool's listing."""
        listing = partial(self.client.listing, key.pool)
        if self.cross_check == "off":
            return listing

        def before() -> Listing | None:
            state = self.store.states.get(key)
            return state.listing if state else None

        counts = partial(self._statistics.ask, partial(self.client.statistics, key.pool))
        checked = CheckedReader(
            key=key, listing=listing, counts=counts, before=before, when=self.cross_check, worker=self.worker
        )
        return checked.read

    def _report_catalogue(self, outcome: str, reason: str) -> None:
        """Say when listing the project's pools begins to fail, or works again."""
        if self._discovering:
            self.self_metrics.discovery_up.labels(self.region, self.project_id).set(outcome == "ok")
        if outcome == self._catalogue_outcome:
            return
        self._catalogue_outcome = outcome
        report = log.bind(region=self.region, project_id=self.project_id, outcome=outcome)
        if outcome == "ok":
            report.info("the project's pools are listed again")
        elif self._discovering:
            report.error("the project's pools cannot be listed, so none can be discovered", reason=reason)
        else:
            report.warning("the project's pools cannot be listed; display names are not known", reason=reason)
