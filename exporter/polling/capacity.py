"""Polls the capacities of a project's pools, and what is planned for them, at intervals of their own."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import structlog

from exporter.common.errors import ConnectionFailed, NotFound, PollError, RequestTimeout
from exporter.polling.schedule import Schedule, lifetime
from exporter.snapshot.pool import CloudCount, Expiring

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from exporter.api.client import Client
    from exporter.api.optional_endpoint import OptionalEndpoint
    from exporter.context import Context
    from exporter.polling.memory import ProjectMemory, Readings
    from exporter.polling.publish import Publisher
    from exporter.snapshot.pool import PoolKey

log = structlog.get_logger(__name__)

EVENT_INTERVALS = 5
"""Scheduled events are rare, and known long before: once in so many intervals is enough."""


@dataclass(slots=True)
class _Reader:
    """Reads one kind of answer, in a polling loop of its own.

    Attributes:
        name: what is read, for the log.
        read: reads it and updates these pools; returns the error if that failed.
        readings: when each pool was read.
        interval: seconds between two readings.
        setting: says whether it is read.
    """

    name: str
    read: Callable[[list[PoolKey]], Awaitable[PollError | None]]
    readings: Readings
    interval: float
    setting: str = "capacity.read"


@dataclass(slots=True, kw_only=True)
class CapacityPoller:
    """Reads the total and allocated resources of a project's watched pools.

    After an error here, a pool only loses its capacity; it is still up. After an error or a slow answer of
    the nodes endpoint, it only loses its free cards, and likewise its scheduled events.

    Attributes:
        region: where the project is.
        project_id: the project.
        client: asks the cloud.
        context: clock, worker, self metrics, snapshot store and random generator.
        publisher: publishes the pools' states.
        memory: what is known of the project from before, also by an earlier configuration.
        interval: seconds between two requests.
        nodes: whether to read the pools' nodes too, one request per pool.
        events: whether to read their scheduled events too, one request per pool in five intervals.
        stale_after: seconds that a capacity may be shown after the last success.
    """

    region: str
    project_id: str
    client: Client
    context: Context
    publisher: Publisher
    memory: ProjectMemory
    interval: float
    nodes: bool
    stale_after: float
    events: bool = False
    _readers: tuple[_Reader, ...] = field(init=False)

    def __post_init__(self) -> None:
        memory, interval = self.memory, self.interval
        self._readers = (_Reader("capacities", self._read_capacities, memory.capacities, interval),)
        if self.nodes:
            read = partial(self._read_each, memory.nodes, self._read_free_cards)
            self._readers += (_Reader("nodes", read, memory.nodes, interval),)
        if self.events:
            read = partial(self._read_each, memory.events, self._read_events)
            rarely = interval * EVENT_INTERVALS
            self._readers += (_Reader("scheduled events", read, memory.events, rarely, "capacity.events"),)

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
        # A reload does not make a pool due.
        if (wait := reader.interval - self._since(reader)) > 0:
            await self.context.clock.sleep(wait)
        await self._poll(reader, not_after=self.context.clock.monotonic() - reader.interval / 2)
        schedule = Schedule(self.context.clock.monotonic(), reader.interval, 0.0, self.context.rng)
        while True:
            await self.context.clock.sleep(schedule.wait(self.context.clock.monotonic()))
            await self._poll(reader)

    def _since(self, reader: _Reader) -> float:
        """Seconds since the watched pool was read that has not been read for the longest time."""
        pools = [key.pool for key in self._watched()]
        return reader.readings.since(pools, self.context.clock.monotonic())

    async def _poll(self, reader: _Reader, not_after: float = float("inf")) -> None:
        """Read the watched pools about which nothing was asked after this moment."""
        watched = self._watched()
        asked_at = reader.readings.asked_at
        due = [key for key in watched if asked_at.get(key.pool, float("-inf")) <= not_after]
        if due:
            self._report(reader, await reader.read(due))
        elif not watched:
            self.context.self_metrics.set_capacity_up(self.region, self.project_id, up=None)

    def _watched(self) -> list[PoolKey]:
        return self.context.store.pools_of(self.region, self.project_id)

    async def _read_capacities(self, _: list[PoolKey]) -> PollError | None:
        """Read all pools with one request, also those that are not due."""
        now = self.context.clock.monotonic()
        self.memory.capacities.asked_at.update({key.pool: now for key in self._watched()})
        try:
            metrics = await self.memory.api.runtime.ask(self.client.runtime_metrics)
        except PollError as error:
            return error
        fresh_until = self._fresh_until()
        for key in self._watched():
            found: dict[str, Any] = {}
            if capacity := metrics.capacities.get(key.pool):
                found["capacity"] = Expiring(capacity, fresh_until)
            if counted := metrics.counted.get(key.pool):
                found["cloud_count"] = Expiring(CloudCount(counted, now), fresh_until)
            if found:
                await self.publisher.publish(key, partial(replace, **found))
        return None

    async def _read_each(
        self,
        readings: Readings,
        read: Callable[[PoolKey], Awaitable[PollError | None]],
        keys: list[PoolKey],
    ) -> PollError | None:
        """Read one pool after the other, so that a listing that is due waits for one request, not for all.

        If a pool gets no answer, the rest are skipped: each could take as long. The next read begins with the
        pool after it, because it may be the only slow one.
        """
        slow = next((index for index, key in enumerate(keys, 1) if key.pool == readings.slow), 0)
        readings.slow = None
        error: PollError | None = None
        for key in (*keys[slow:], *keys[:slow]):
            readings.asked_at[key.pool] = self.context.clock.monotonic()
            error = await read(key) or error
            if isinstance(error, RequestTimeout | ConnectionFailed):
                readings.slow = key.pool
                break
        return error

    async def _read_free_cards(self, key: PoolKey) -> PollError | None:
        """Read a pool's free cards; returns the error if that failed."""
        question = partial(self.client.free_cards, key.pool)
        return await self._read_one(key, self.memory.api.nodes, question, "free_cards")

    async def _read_events(self, key: PoolKey) -> PollError | None:
        """Read a pool's scheduled events; returns the error if that failed."""
        question = partial(self.client.scheduled_events, key.pool)
        return await self._read_one(key, self.memory.api.events, question, "events", EVENT_INTERVALS)

    async def _read_one(
        self,
        key: PoolKey,
        endpoint: OptionalEndpoint,
        question: Callable[[], Awaitable[object]],
        attribute: Literal["free_cards", "events"],
        intervals: int = 1,
    ) -> PollError | None:
        """Ask an optional endpoint about a pool, and publish the answer as an attribute of its state."""
        if self._fails(key):
            return None
        try:
            answer = await endpoint.ask(question, key.pool)
        except PollError as error:
            return error
        found: dict[str, Any] = {attribute: Expiring(answer, self._fresh_until(intervals))}
        await self.publisher.publish(key, partial(replace, **found))
        return None

    def _fails(self, key: PoolKey) -> bool:
        """Whether the pool's listing fails. Such a pool is skipped: it already reports an error."""
        state = self.context.store.states.get(key)
        return state is None or (state.outcome is not None and not state.up)

    def _fresh_until(self, intervals: int = 1) -> float:
        return self.context.clock.monotonic() + lifetime(self.stale_after, self.interval * intervals)

    def _report(self, reader: _Reader, error: PollError | None) -> None:
        """Log once when something cannot be read any more, and once when it can again."""
        before, outcome = reader.readings.outcome, error.outcome if error else "ok"
        reader.readings.outcome = outcome
        up = all(other.readings.outcome == "ok" for other in self._readers)
        self.context.self_metrics.set_capacity_up(self.region, self.project_id, up=up)
        if outcome == before:
            return
        report = log.bind(region=self.region, project_id=self.project_id, outcome=outcome)
        match error:
            case None:
                report.info(f"the pools' {reader.name} can be read again")
            case NotFound():
                report.warning(
                    f"some of the pools' {reader.name} are not available here; what is missing is requested "
                    f"again once an hour; {reader.setting} sets what is read",
                    reason=str(error),
                )
            case _:
                report.warning(f"some of the pools' {reader.name} cannot be read", reason=str(error))
