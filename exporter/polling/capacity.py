"""What the pools of one project have to give: asked for beside their listings, at its own pace."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import structlog

from exporter.api.optional_endpoint import OptionalEndpoint
from exporter.common.errors import ConnectionFailed, NotFound, PollError, RequestTimeout
from exporter.polling.publish import published
from exporter.polling.schedule import Schedule, lifetime
from exporter.snapshot.pool import Expiring

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from concurrent.futures import Executor

    from exporter.api.client import Client
    from exporter.common.clock import Clock
    from exporter.self_metrics import SelfMetrics
    from exporter.snapshot.pool import PoolKey
    from exporter.snapshot.store import SnapshotStore

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Question:
    """One of the things that are asked for, each in a loop of its own.

    Attributes:
        what: it brings, for the log.
        read: gives every watched pool its part of the answer; returns why that could not be done.
        outcome: of the last time.
    """

    what: str
    read: Callable[[], Awaitable[PollError | None]]
    outcome: str = "ok"


@dataclass(slots=True, kw_only=True)
class CapacityPoller:
    """Asks what the watched pools of one project have, and what of it is held.

    Whatever goes wrong here costs a pool its capacity, and nothing else: it is up all the same. Nodes that
    cannot be had, or only slowly, do not cost it even that.

    Attributes:
        region: where the project is.
        project_id: the project.
        client: asks the cloud.
        store: where the pools' states are.
        interval: seconds between two requests.
        nodes: whether to ask for the pools' nodes too, one request a pool.
        stale_after: seconds that a capacity may be shown after the last success.
        worker: finds out what fits, off the event loop.
        clock: the time, and waits.
        self_metrics: where it is told whether it works.
        rng: for jitter.
    """

    region: str
    project_id: str
    client: Client
    store: SnapshotStore
    interval: float
    nodes: bool
    stale_after: float
    worker: Executor
    clock: Clock
    self_metrics: SelfMetrics
    rng: random.Random = field(default_factory=random.Random)
    _runtime: OptionalEndpoint = field(init=False)
    _nodes: OptionalEndpoint = field(init=False)
    _questions: tuple[_Question, ...] = field(init=False)
    _slow: PoolKey | None = None
    """The pool at which the last round of nodes was broken off."""

    def __post_init__(self) -> None:
        self._runtime = OptionalEndpoint(self.clock)
        self._nodes = OptionalEndpoint(self.clock)
        self._questions = (_Question("capacities", self._read_capacities),)
        if self.nodes:
            self._questions += (_Question("nodes", self._read_nodes),)

    async def run(self) -> None:
        """Ask for ever."""
        async with asyncio.TaskGroup() as group:
            for question in self._questions:
                group.create_task(self._keep_asking(question))

    async def poll(self) -> None:
        """Ask once, if there is anybody to ask for."""
        for question in self._questions:
            await self._ask(question)

    async def _keep_asking(self, question: _Question) -> None:
        schedule = Schedule(self.clock.monotonic(), self.interval, 0.0, self.rng)
        while True:
            await self._ask(question)
            await self.clock.sleep(schedule.wait(self.clock.monotonic()))

    async def _ask(self, question: _Question) -> None:
        if self._watched():
            self._report(question, await question.read())
        else:
            self.self_metrics.set_capacity_up(self.region, self.project_id, up=None)

    def _watched(self) -> list[PoolKey]:
        return self.store.pools_of(self.region, self.project_id)

    async def _read_capacities(self) -> PollError | None:
        try:
            capacities = await self._runtime.ask(self.client.capacities)
        except PollError as error:
            return error
        fresh_until = self._fresh_until()
        for key in self._watched():
            if capacity := capacities.get(key.pool):
                change = partial(replace, capacity=Expiring(capacity, fresh_until))
                await published(self.store, key, change, clock=self.clock, worker=self.worker)
        return None

    async def _read_nodes(self) -> PollError | None:
        """One pool after the other: a listing that is due meanwhile waits for one request, not for all.

        Where no answer comes the round is broken off, for the others would only wait as long; the next one
        begins behind that pool, which may be the only slow one.
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
        """Give a pool its free cards; returns why that could not be done.

        A pool that cannot be read says so itself, and is not asked for its nodes.
        """
        state = self.store.states.get(key)
        if state is None or (state.outcome is not None and not state.up):
            return None
        try:
            free_cards = await self._nodes.ask(partial(self.client.free_cards, key.pool))
        except PollError as error:
            return error
        if (state := self.store.states.get(key)) is not None:  # it may be gone by now
            self.store.publish(replace(state, free_cards=Expiring(free_cards, self._fresh_until())))
        return None

    def _fresh_until(self) -> float:
        return self.clock.monotonic() + lifetime(self.stale_after, self.interval)

    def _report(self, question: _Question, error: PollError | None) -> None:
        """Say when something cannot be had any more, or can again."""
        before, question.outcome = question.outcome, error.outcome if error else "ok"
        up = all(other.outcome == "ok" for other in self._questions)
        self.self_metrics.set_capacity_up(self.region, self.project_id, up=up)
        if question.outcome == before:
            return
        report = log.bind(region=self.region, project_id=self.project_id, outcome=question.outcome)
        match error:
            case None:
                report.info(f"the pools' {question.what} are read again")
            case NotFound():
                report.warning(
                    f"not all of the pools' {question.what} are to be had here; what is missing is asked for "
                    "again once an hour; capacity.read says what to ask for",
                    reason=str(error),
                )
            case _:
                report.warning(f"the pools' {question.what} cannot all be read", reason=str(error))
