"""Polls the capacities of a project's pools, at an interval of their own."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import structlog

from exporter.api.optional_endpoint import OptionalEndpoint
from exporter.common.errors import ConnectionFailed, NotFound, PollError, RequestTimeout
from exporter.polling.publish import publish
from exporter.polling.schedule import Schedule, lifetime
from exporter.snapshot.pool import Expiring

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from exporter.api.client import Client
    from exporter.context import Context
    from exporter.snapshot.pool import PoolKey

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Reader:
    """Reads one kind of answer, in a polling loop of its own.

    Attributes:
        name: what is read, for the log.
        read: reads it and updates every watched pool; returns the error if that failed.
        outcome: how the last read ended.
    """

    name: str
    read: Callable[[], Awaitable[PollError | None]]
    outcome: str = "ok"


@dataclass(slots=True, kw_only=True)
class CapacityPoller:
    """Reads the total and allocated resources of a project's watched pools.

    After an error here, a pool only loses its capacity; it is still up. After an error or a slow answer of
    the nodes endpoint, it only loses its free cards.

    Attributes:
        region: where the project is.
        project_id: the project.
        client: asks the cloud.
        context: clock, worker, self metrics, snapshot store and random generator.
        interval: seconds between two requests.
        nodes: whether to read the pools' nodes too, one request per pool.
        stale_after: seconds that a capacity may be shown after the last success.
    """

    region: str
    project_id: str
    client: Client
    context: Context
    interval: float
    nodes: bool
    stale_after: float
    _runtime: OptionalEndpoint = field(init=False)
    _nodes: OptionalEndpoint = field(init=False)
    _readers: tuple[_Reader, ...] = field(init=False)
    _slow: PoolKey | None = None
    """The pool at which the last read of nodes was stopped, because there was no answer."""

    def __post_init__(self) -> None:
        self._runtime = OptionalEndpoint(self.context.clock)
        self._nodes = OptionalEndpoint(self.context.clock)
        self._readers = (_Reader("capacities", self._read_capacities),)
        if self.nodes:
            self._readers += (_Reader("nodes", self._read_nodes),)

    async def run(self) -> None:
        """Poll for ever."""
        async with asyncio.TaskGroup() as group:
            for reader in self._readers:
                group.create_task(self._run(reader))

    async def poll(self) -> None:
        """Poll once, if any pool is watched."""
        for reader in self._readers:
            await self._poll(reader)

    async def _run(self, reader: _Reader) -> None:
        schedule = Schedule(self.context.clock.monotonic(), self.interval, 0.0, self.context.rng)
        while True:
            await self._poll(reader)
            await self.context.clock.sleep(schedule.wait(self.context.clock.monotonic()))

    async def _poll(self, reader: _Reader) -> None:
        if self._watched():
            self._report(reader, await reader.read())
        else:
            self.context.self_metrics.set_capacity_up(self.region, self.project_id, up=None)

    def _watched(self) -> list[PoolKey]:
        return self.context.store.pools_of(self.region, self.project_id)

    async def _read_capacities(self) -> PollError | None:
        try:
            capacities = await self._runtime.ask(self.client.capacities)
        except PollError as error:
            return error
        fresh_until = self._fresh_until()
        for key in self._watched():
            if capacity := capacities.get(key.pool):
                change = partial(replace, capacity=Expiring(capacity, fresh_until))
                await publish(self.context, key, change)
        return None

    async def _read_nodes(self) -> PollError | None:
        """Read one pool after the other, so that a listing that is due waits for one request, not for all.

        If a pool gets no answer, the rest are skipped: each could take as long. The next read begins with the
        pool after it, because it may be the only slow one.
        """
        keys = self._watched()
        begin = keys.index(self._slow) + 1 if self._slow in keys else 0
        self._slow = None
        error: PollError | None = None
        for key in (*keys[begin:], *keys[:begin]):
            error = await self._read_free_cards(key) or error
            if isinstance(error, RequestTimeout | ConnectionFailed):
                self._slow = key
                break
        return error

    async def _read_free_cards(self, key: PoolKey) -> PollError | None:
        """Read a pool's free cards; returns the error if that failed.

        A pool whose listing fails is skipped: it already reports an error.
        """
        state = self.context.store.states.get(key)
        if state is None or (state.outcome is not None and not state.up):
            return None
        try:
            free_cards = await self._nodes.ask(partial(self.client.free_cards, key.pool), key.pool)
        except PollError as error:
            return error
        change = partial(replace, free_cards=Expiring(free_cards, self._fresh_until()))
        await publish(self.context, key, change)
        return None

    def _fresh_until(self) -> float:
        return self.context.clock.monotonic() + lifetime(self.stale_after, self.interval)

    def _report(self, reader: _Reader, error: PollError | None) -> None:
        """Log once when something cannot be read any more, and once when it can again."""
        before, reader.outcome = reader.outcome, error.outcome if error else "ok"
        up = all(other.outcome == "ok" for other in self._readers)
        self.context.self_metrics.set_capacity_up(self.region, self.project_id, up=up)
        if reader.outcome == before:
            return
        report = log.bind(region=self.region, project_id=self.project_id, outcome=reader.outcome)
        match error:
            case None:
                report.info(f"the pools' {reader.name} can be read again")
            case NotFound():
                report.warning(
                    f"some of the pools' {reader.name} are not available here; what is missing is requested "
                    "again once an hour; capacity.read sets what is read",
                    reason=str(error),
                )
            case _:
                report.warning(f"some of the pools' {reader.name} cannot be read", reason=str(error))
