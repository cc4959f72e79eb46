"""Builds the polling side and the exposition from the settings."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Self

import structlog

from exporter.api.client import Client
from exporter.api.rate_limit import RateLimiter
from exporter.app.credential_sources import credential_source
from exporter.common.errors import ConfigurationError
from exporter.credentials.authenticator import Authenticator
from exporter.metrics.exposition import Exposition
from exporter.metrics.renderer import Renderer
from exporter.metrics.summary import Detail
from exporter.metrics.thresholds import Rule, Thresholds
from exporter.polling.capacity import CapacityPoller
from exporter.polling.memory import ProjectAt
from exporter.polling.project import NO_LONGER_WATCHED, ProjectPoller
from exporter.polling.publish import Publisher
from exporter.polling.schedule import IntervalMonitor
from exporter.polling.selection import Discovery, Selection, ShardFilter
from exporter.settings.alerts import DEFAULTS
from exporter.snapshot.pool import PoolState
from exporter.transport.http import HttpTransport
from exporter.waiting.strategies import Strategies, StrategyRule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from exporter.app.process import Process
    from exporter.polling.memory import ProjectMemory
    from exporter.settings.alerts import Alerts
    from exporter.settings.model import Queue, Settings, Workloads
    from exporter.settings.project import Project
    from exporter.snapshot.pool import PoolKey
    from exporter.transport.http import Transport


log = structlog.get_logger(__name__)

_ABSENT_INTERVAL = 60.0
"""Seconds between two looks for pools that nobody watches."""


class Pollers:
    """The pollers of every project of one configuration, and their connections.

    `async with await Pollers.open(...)` closes the connections at the end.

    Attributes:
        projects: one poller per project.
        shard: this exporter's share of the pools.
    """

    def __init__(
        self, settings: Settings, process: Process, max_pause: float, tap: Callable[[Transport], Transport]
    ) -> None:
        self._tap = tap
        self._settings = settings
        self._process = process
        self._max_pause = max_pause
        self._publisher = Publisher(process.context, build_strategies(settings.queue))
        self._transports = AsyncExitStack()
        self._memories: set[ProjectAt] = set()
        self.shard = ShardFilter(settings.shard.index, settings.shard.total)
        self.projects: tuple[ProjectPoller, ...] = ()

    @classmethod
    async def open(
        cls,
        settings: Settings,
        process: Process,
        max_pause: float | None = None,
        tap: Callable[[Transport], Transport] = lambda transport: transport,
    ) -> Self:
        """Build the pollers, ready to run.

        Args:
            settings: the configuration.
            process: what does not depend on it.
            max_pause: seconds that a request may wait when the cloud throttles; if it had to wait longer, it
                fails. One poll interval if not given: a pool that waits longer would still count as up.
            tap: called for each project in turn; its API uses the transport that this returns instead of its
                own. Logins do not.

        Raises:
            ConfigurationError: something in the settings cannot be used.
        """
        pollers = cls(settings, process, settings.poll.interval if max_pause is None else max_pause, tap)
        try:
            for index, project in enumerate(settings.projects):
                pollers.projects += (pollers._project(project, f"projects[{index}]"),)
        except ConfigurationError:
            await pollers.close()
            raise
        process.lockout.shared_by = settings.shard.total
        return pollers

    async def close(self) -> None:
        """Close the connections."""
        await self._transports.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def run(self) -> None:
        """Poll every project until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_forgetting())
            for project in self.projects:
                group.create_task(project.run())

    @property
    def ready(self) -> bool:
        """Whether every pool has been polled once, successfully or not."""
        states = self._process.context.store.states.values()
        return all(project.settled for project in self.projects) and all(state.outcome for state in states)

    async def forget_unwatched(self) -> None:
        """Forget what this configuration does not use: pools in the store, and memories of projects.

        The counters of a pool stay for an hour, unless it now belongs to another shard: that shard counts it
        from here on, and if it came back, its old counters would continue.
        """
        asked = [project for project in self.projects if not project.selection.nothing_here]
        watching = {(project.region, project.project_id): project for project in asked}
        self._process.context.self_metrics.keep_projects(
            watched=watching.keys(),
            discovered={key for key, project in watching.items() if project.selection.discovers},
            measured={key for key, project in watching.items() if project.capacity is not None},
        )
        self._process.memories.keep(self._memories, self._process.context.clock.monotonic())
        without_capacity: list[PoolKey] = []
        for key, state in tuple(self._process.context.store.states.items()):
            project = watching.get(key[:2])
            if project is None or not project.selection.includes(key.pool, state.name):
                self._process.context.store.forget(key)
                if self.shard.owns(key.project_id, key.pool):
                    log.info(NO_LONGER_WATCHED, **key._asdict())
            elif project.capacity is None:
                without_capacity.append(key)
        self._process.tracker.keep_share(self.shard.index, self.shard.total)
        for project in asked:
            if project.capacity is None:
                project.memory.forget_readings()
        for key in self._process.tracker.pools:
            if not self.shard.owns(key.project_id, key.pool):
                self._process.tracker.forget(key)
        # Last, because this waits for the worker, and new pollers may start during the wait.
        for key in without_capacity:
            await self._publisher.publish(key, PoolState.without_capacity)

    def forget_absent(self) -> None:
        """Forget the counters of pools that nobody has watched for an hour. To be called once a minute."""
        self._process.tracker.forget_absent(self._absent())

    async def _keep_forgetting(self) -> None:
        while True:
            self.forget_absent()
            await self._process.context.clock.sleep(_ABSENT_INTERVAL)

    def _absent(self) -> Iterator[PoolKey]:
        """The pools that are remembered and not watched, except where the pools are not known yet."""
        unknown = {
            (project.region, project.project_id) for project in self.projects if not project.pools_known
        }
        for key in self._process.tracker.pools:
            if key not in self._process.context.store.states and key[:2] not in unknown:
                yield key

    def _project(self, project: Project, where: str) -> ProjectPoller:
        poll, process, discover = self._settings.poll, self._process, project.discover
        project_at = ProjectAt(project.region, project.project_id, project.endpoint)
        self._memories.add(project_at)
        memory = process.memories.of(project_at, process.context.clock)
        client = self._client(project, where, memory)
        capacity = self._capacity(project, client, memory)
        return ProjectPoller(
            region=project.region,
            project_id=project.project_id,
            selection=Selection(
                project.project_id,
                Discovery(discover.include, discover.exclude) if discover else project.pools,
                self.shard,
            ),
            workspace_id=discover.workspace_id if discover else "0",
            client=client,
            context=process.context.with_own_rng(),
            publisher=self._publisher,
            tracker=process.tracker,
            memory=memory,
            interval=poll.interval,
            monitor=IntervalMonitor(
                region=project.region,
                project_id=project.project_id,
                interval=poll.interval,
                requests_per_second=poll.requests_per_second,
                self_metrics=process.context.self_metrics,
            ),
            stale_after=poll.stale_after,
            estimates=self._settings.workloads.estimates,
            cross_check=poll.cross_check,
            capacity=capacity,
        )

    def _client(self, project: Project, where: str, memory: ProjectMemory) -> Client:
        poll, process = self._settings.poll, self._process
        transport = self._transport(
            ca_file=project.ca_file, proxy=project.proxy, connections=poll.concurrency
        )
        return Client(
            endpoint=project.endpoint,
            project_id=project.project_id,
            authenticator=Authenticator(
                credential_source(
                    project,
                    where,
                    process,
                    transport=transport,
                    direct_transport=lambda: self._transport(direct=True),
                    timeout=poll.timeout,
                ),
                process.lockout,
                project.project_id,
                process.context.clock,
                lambda credential: process.context.self_metrics.set_credentials_expiry(
                    project.region, project.project_id, credential.expires_at
                ),
            ),
            transport=self._tap(transport),
            rate_limiter=RateLimiter(
                project.project_id,
                requests_per_second=poll.requests_per_second,
                concurrency=poll.concurrency,
                max_pause=self._max_pause,
                clock=process.context.clock,
                pace=memory.api.pace,
            ),
            memory=memory.api,
            context=process.context,
            timeout=poll.timeout,
            accelerator_names=self._settings.capacity.accelerator_names,
        )

    def _capacity(self, project: Project, client: Client, memory: ProjectMemory) -> CapacityPoller | None:
        capacity, process = self._settings.capacity, self._process
        if capacity.read == "none":
            return None
        return CapacityPoller(
            region=project.region,
            project_id=project.project_id,
            client=client,
            context=process.context.with_own_rng(),
            publisher=self._publisher,
            memory=memory,
            interval=capacity.interval,
            nodes=capacity.read == "nodes",
            events=capacity.events,
            stale_after=self._settings.poll.stale_after,
        )

    def _transport(
        self,
        *,
        ca_file: Path | None = None,
        proxy: str | None = None,
        direct: bool = False,
        connections: int = 1,
    ) -> HttpTransport:
        transport = HttpTransport(
            ca_file=ca_file,
            proxy=proxy,
            direct=direct,
            connections=connections,
            environment=self._process.environment,
            resolver=self._process.resolver,
        )
        self._transports.push_async_callback(transport.close)
        return transport


def build_exposition(settings: Settings, process: Process) -> tuple[Renderer, Exposition]:
    """The serving side: the renderer of each pool's text, and the exposition that joins the texts."""
    process.context.self_metrics.set_shard(settings.shard.index, settings.shard.total)
    renderer = Renderer(
        process.context,
        detail=build_detail(settings.workloads),
        thresholds=build_thresholds(settings.alerts),
    )
    return renderer, Exposition(renderer, process.context.self_metrics.registry, clock=process.context.clock)


def build_detail(workloads: Workloads) -> Detail:
    """Which workloads get series of their own."""
    users = workloads.user_limit if workloads.user_metrics else None
    return Detail(workloads.series, workloads.limit, users)


def build_thresholds(alerts: Alerts) -> Thresholds:
    """How long workloads may wait: rules for some pools, then rules for every pool, then the defaults."""
    exceptions = [Rule(pools.match, pools.pending_after.by_type_and_priority()) for pools in alerts.pools]
    everywhere = [
        Rule(None, pending_after.by_type_and_priority()) for pending_after in (alerts.pending_after, DEFAULTS)
    ]
    return Thresholds((*exceptions, *everywhere))


def build_strategies(queue: Queue) -> Strategies:
    """What the pools' queue strategies mean."""
    return Strategies(
        tuple(StrategyRule(strategy.means, strategy.match, strategy.pool) for strategy in queue.strategies)
    )
