"""The composition root: the only place that turns settings into objects."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Self

from exporter.api.client import Client
from exporter.api.rate_limit import RateLimiter
from exporter.app.credential_sources import source_of
from exporter.common.errors import ConfigurationError
from exporter.credentials.authenticator import Authenticator
from exporter.metrics.exposition import Exposition
from exporter.metrics.renderer import Renderer
from exporter.metrics.summary import Choice
from exporter.metrics.thresholds import Rule, Thresholds
from exporter.polling.capacity import CapacityPoller
from exporter.polling.project import ProjectPoller
from exporter.polling.schedule import Pace
from exporter.polling.selection import Discovery, Shard
from exporter.settings.alerts import DEFAULTS
from exporter.transport.http import HttpTransport

if TYPE_CHECKING:
    from pathlib import Path

    from exporter.app.context import Surroundings
    from exporter.settings.alerts import Alerts
    from exporter.settings.model import Settings, Workloads
    from exporter.settings.project import Project


class Fetching:
    """The fetching side of one configuration, with the connections it holds.

    `async with await Fetching.opened(...)`; at its end the connections are closed.

    Attributes:
        projects: what is polled.
        shard: which of their pools are polled here.
    """

    def __init__(self, settings: Settings, around: Surroundings, patience: float) -> None:
        self._settings = settings
        self._around = around
        self._patience = patience
        self._transports = AsyncExitStack()
        self.shard = Shard(settings.shard.index, settings.shard.total)
        self.projects: tuple[ProjectPoller, ...] = ()

    @classmethod
    async def opened(cls, settings: Settings, around: Surroundings, patience: float | None = None) -> Self:
        """Everything that the settings ask for, ready to run.

        Args:
            settings: the configuration.
            around: what outlives it.
            patience: seconds that a request may be put off for because the cloud wants to be left alone; a
                poll interval if not given. A pool that waited longer would still count as up.

        Raises:
            ConfigurationError: something in the settings turns out not to be usable.
        """
        fetching = cls(settings, around, settings.poll.interval if patience is None else patience)
        try:
            for index, project in enumerate(settings.projects):
                fetching.projects += (fetching._project(project, f"projects[{index}]"),)
        except ConfigurationError:
            await fetching.close()
            raise
        around.lockout.shared_by = settings.shard.total
        return fetching

    async def close(self) -> None:
        """Close the connections."""
        await self._transports.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def run(self) -> None:
        """Poll every project for ever."""
        async with asyncio.TaskGroup() as group:
            for project in self.projects:
                group.create_task(project.run())

    @property
    def tried(self) -> bool:
        """Whether every pool has been polled once, successfully or not."""
        states = self._around.store.states.values()
        return all(project.settled for project in self.projects) and all(state.outcome for state in states)

    def forget_unwatched(self) -> None:
        """Drop at once what an earlier configuration watched and this one does not."""
        concerned = (project for project in self.projects if project.concerned)
        watching = {(project.region, project.project_id): project for project in concerned}
        self._around.self_metrics.keep_projects(
            watched=watching.keys(),
            discovered={key for key, project in watching.items() if isinstance(project.pools, Discovery)},
            measured={key for key, project in watching.items() if project.capacity is not None},
        )
        for key, state in self._around.store.states.items():
            project = watching.get(key[:2])
            if project is None or not project.watches(key.pool, state.name):
                self._around.store.forget(key)
                self._around.tracker.forget(key)
            elif project.capacity is None:
                self._around.store.publish(state.without_capacity())
        for key in self._around.tracker.pools:
            # Of its own the project knows which are there; what another shard counts on with is forgotten at
            # once, or it would be counted here too when the pool comes back.
            if key[:2] not in watching or not self.shard.owns(key.project_id, key.pool):
                self._around.tracker.forget(key)

    def _project(self, project: Project, where: str) -> ProjectPoller:
        poll, around, discover = self._settings.poll, self._around, project.discover
        client = self._client(project, where)
        return ProjectPoller(
            region=project.region,
            project_id=project.project_id,
            pools=Discovery(discover.include, discover.exclude) if discover else project.pools,
            workspace_id=discover.workspace_id if discover else "0",
            client=client,
            store=around.store,
            tracker=around.tracker,
            interval=poll.interval,
            pace=Pace(
                region=project.region,
                project_id=project.project_id,
                interval=poll.interval,
                requests_per_second=poll.requests_per_second,
                self_metrics=around.self_metrics,
            ),
            stale_after=poll.stale_after,
            estimates=self._settings.workloads.estimates,
            worker=around.worker,
            clock=around.clock,
            self_metrics=around.self_metrics,
            cross_check=poll.cross_check,
            capacity=self._capacity(project, client),
            shard=self.shard,
            rng=self._dice(),
        )

    def _client(self, project: Project, where: str) -> Client:
        poll, around = self._settings.poll, self._around
        transport = self._transport(
            ca_file=project.ca_file, proxy=project.proxy, connections=poll.concurrency
        )
        return Client(
            endpoint=project.endpoint,
            project_id=project.project_id,
            authenticator=Authenticator(
                source_of(
                    project,
                    where,
                    around,
                    transport=transport,
                    direct=lambda: self._transport(direct=True),
                    timeout=poll.timeout,
                ),
                around.lockout,
                project.project_id,
                around.clock,
                lambda credential: around.self_metrics.tell_expiry(
                    project.region, project.project_id, credential.expires_at
                ),
            ),
            transport=transport,
            rate_limiter=RateLimiter(
                project.project_id,
                requests_per_second=poll.requests_per_second,
                concurrency=poll.concurrency,
                patience=self._patience,
                clock=around.clock,
            ),
            clock=around.clock,
            self_metrics=around.self_metrics,
            worker=around.worker,
            timeout=poll.timeout,
        )

    def _capacity(self, project: Project, client: Client) -> CapacityPoller | None:
        capacity, around = self._settings.capacity, self._around
        if capacity.read == "none":
            return None
        return CapacityPoller(
            region=project.region,
            project_id=project.project_id,
            client=client,
            store=around.store,
            interval=capacity.interval,
            nodes=capacity.read == "nodes",
            stale_after=self._settings.poll.stale_after,
            worker=around.worker,
            clock=around.clock,
            self_metrics=around.self_metrics,
            rng=self._dice(),
        )

    def _dice(self) -> random.Random:
        """Of its own for each: what one throws must not depend on who else threw before."""
        return random.Random(self._around.rng.random())  # noqa: S311  (jitter is no secret)

    def _transport(
        self,
        *,
        ca_file: Path | None = None,
        proxy: str | None = None,
        direct: bool = False,
        connections: int = 1,
    ) -> HttpTransport:
        transport = HttpTransport(ca_file=ca_file, proxy=proxy, direct=direct, connections=connections)
        self._transports.push_async_callback(transport.close)
        return transport


def serving(settings: Settings, around: Surroundings) -> tuple[Renderer, Exposition]:
    """The serving side: what makes text of the pools' states, and what joins it."""
    around.self_metrics.tell_shard(settings.shard.index, settings.shard.total)
    renderer = Renderer(
        around.store,
        clock=around.clock,
        self_metrics=around.self_metrics,
        worker=around.worker,
        choice=choice(settings.workloads),
        thresholds=thresholds(settings.alerts),
    )
    return renderer, Exposition(renderer, around.self_metrics.registry, clock=around.clock)


def choice(workloads: Workloads) -> Choice:
    """How much detail is shown."""
    users = workloads.user_limit if workloads.user_metrics else None
    return Choice(workloads.series, workloads.limit, users)


def thresholds(alerts: Alerts) -> Thresholds:
    """How long workloads may wait: exceptions, then what holds for every pool, then the defaults."""
    exceptions = [Rule(pools.match, pools.pending_after.by_type_and_priority()) for pools in alerts.pools]
    everywhere = [
        Rule(None, pending_after.by_type_and_priority()) for pending_after in (alerts.pending_after, DEFAULTS)
    ]
    return Thresholds((*exceptions, *everywhere))
