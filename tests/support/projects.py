"""A project of the cloud as told, and time that jumps to whatever comes next."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import pytest

from exporter.api.memory import ApiMemory
from exporter.api.pools import ListedPools
from exporter.common.errors import Forbidden, PollError
from exporter.lifecycle.tracker import Tracker
from exporter.polling.memory import ProjectMemory
from exporter.polling.project import ProjectPoller
from exporter.polling.publish import Publisher
from exporter.polling.schedule import IntervalMonitor
from exporter.polling.selection import Discovery, Selection
from exporter.snapshot.pool import Listing, PoolDescription
from exporter.snapshot.store import SnapshotStore
from exporter.waiting.strategies import Strategies
from support.fakes import FakeClock, fake_context

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.api.client import Client

INTERVAL = 60.0
FORBIDDEN = Forbidden("HTTP 403", where="GET pools", status=403)
EVERYTHING = Discovery(re.compile(".*"), None)


class Stop(Exception):
    """Ends a run that would go on for ever."""


class Cloud:
    """A project whose pools are as told; remembers when they and each of their listings were asked for."""

    def __init__(self, clock: FakeClock, names: dict[str, str] | PollError) -> None:
        self.clock = clock
        self.names = names
        self.whole = True
        self.asked: list[float] = []
        self.listed: list[tuple[str, float]] = []
        self.crash: Exception | None = None
        self.hangs = False

    async def pools(self, _: str) -> ListedPools:
        self.asked.append(self.clock.monotonic())
        if self.hangs:
            await self.clock.sleep(3600.0)
        if isinstance(self.names, PollError):
            raise self.names
        pools = {pool: PoolDescription(name) for pool, name in self.names.items()}
        return ListedPools(pools, whole=self.whole)

    async def listing(self, pool: str) -> Listing:
        self.listed.append((pool, self.clock.monotonic()))
        if self.crash:
            raise self.crash
        return Listing(())


class StepClock(FakeClock):
    """Time that moves to the earliest moment anybody waits for, once everybody waits.

    Args:
        until: seconds after which the run ends.
        at: what to do at which second.
    """

    def __init__(self, until: float, at: dict[float, Callable[[], None]] | None = None) -> None:
        super().__init__()
        self._end = self.monotonic() + until
        self._events = sorted((self.monotonic() + moment, act) for moment, act in (at or {}).items())
        self._sleepers: list[tuple[float, asyncio.Event]] = []

    def extend(self, seconds: float) -> None:
        """Begin another run, as after a reload, which ends so many seconds from now."""
        self._end = self.monotonic() + seconds
        self._sleepers.clear()

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        self._sleepers.append((self.monotonic() + max(0.0, seconds), woken))
        await woken.wait()

    async def tick(self) -> None:
        """Let time pass until the end."""
        while True:
            for _ in range(30):
                await asyncio.sleep(0)
            self._sleepers.sort(key=lambda one: one[0])
            if self._events and (not self._sleepers or self._events[0][0] <= self._sleepers[0][0]):
                moment, act = self._events.pop(0)
                self.advance(moment - self.monotonic())
                act()
                continue
            moment, woken = self._sleepers.pop(0)
            if moment > self._end:
                self.advance(max(0.0, self._end - self.monotonic()))
                raise Stop
            self.advance(max(0.0, moment - self.monotonic()))
            woken.set()


def project(
    cloud: Cloud,
    pools: tuple[str, ...] | Discovery,
    store: SnapshotStore | None = None,
    requests_per_second: float = 10.0,
    before: ProjectPoller | None = None,
) -> ProjectPoller:
    """A poller of the project; `before` is the one that a reload replaces."""
    context = before.context if before else fake_context(cloud.clock, store=store or SnapshotStore())
    client: Client = cloud  # type: ignore[assignment]  # the two questions a project asks
    return ProjectPoller(
        region="r",
        project_id="p",
        selection=Selection("p", pools),
        workspace_id="0",
        client=client,
        context=context,
        publisher=Publisher(context, Strategies()),
        tracker=before.tracker if before else Tracker(context),
        memory=before.memory if before else ProjectMemory(ApiMemory(cloud.clock)),
        interval=INTERVAL,
        stale_after=300.0,
        estimates=False,
        monitor=IntervalMonitor(
            region="r",
            project_id="p",
            interval=INTERVAL,
            requests_per_second=requests_per_second,
            self_metrics=context.self_metrics,
        ),
        cross_check="off",
    )


async def run(poller: ProjectPoller, clock: StepClock) -> None:
    with pytest.raises(ExceptionGroup) as caught:  # noqa: PT012  (both end together)
        async with asyncio.TaskGroup() as group:
            group.create_task(poller.run())
            group.create_task(clock.tick())
    if not caught.group_contains(Stop):
        raise caught.value
