"""The run itself: world, troubles, exporter, scrapers and watch, all at once."""

from __future__ import annotations

import asyncio
import json
import re
import time
from contextlib import AsyncExitStack, suppress
from itertools import count
from random import Random
from typing import TYPE_CHECKING

import aiohttp

from tools.soak.clock import FastClock
from tools.soak.course import Course
from tools.soak.plan import configuration
from tools.soak.process import Subject, started
from tools.soak.scrapers import Scrapers
from tools.soak.troubles import Cloud, troubles
from tools.soak.visitor import Visitor
from tools.soak.watch import Watch
from tools.soak.world import World

if TYPE_CHECKING:
    from pathlib import Path

    from tools.soak.plan import Plan

_TRACEBACKS = re.compile(r"^.*Traceback \(most recent call last\).*$", re.MULTILINE)


class Run:
    """One run in a folder of its own.

    Args:
        plan: how it goes.
        folder: for configuration, keys, state and log; empty.
    """

    def __init__(self, plan: Plan, folder: Path) -> None:
        self._plan = plan
        self._folder = folder
        self._clock = FastClock(plan.speed, time.monotonic(), time.time())
        self._world = World(self._clock, plan.seed)
        self._rng = Random(plan.seed)  # noqa: S311  (no secret)
        watch = Watch(self._world, self._clock, plan.stale_after, plan.grace)
        self.course = Course(watch, self._world)

    async def whole(self) -> Course:
        """From the start to the verdict's figures."""
        async with AsyncExitStack() as stack:
            cloud = await stack.enter_async_context(Cloud.of(self._world.simulator))
            self._write_key()
            self._configure(cloud, 0)
            subject = await stack.enter_async_context(started(self._config, self._clock))
            session = await stack.enter_async_context(
                aiohttp.ClientSession(subject.url, timeout=aiohttp.ClientTimeout(total=60))
            )
            visitor = Visitor(session, self._clock, self.course, subject)
            scrapers = Scrapers(subject.url, Random(self._plan.seed))  # noqa: S311  (no secret)
            self.course.visits, self.course.failed_visits = scrapers.made, scrapers.failed
            watching = asyncio.create_task(visitor.watch())
            stack.push_async_callback(_ended, watching)
            await self._settled()
            churning = asyncio.create_task(self._churn(visitor, cloud, scrapers))
            stack.push_async_callback(_ended, churning)
            await self._until_over(cloud, subject, watching, churning)
            await _ended(churning)
            await self._conclude(visitor)
        self.course.tracebacks = _TRACEBACKS.findall(self.log())
        self.course.seconds = time.monotonic() - self._clock.origin
        return self.course

    def log(self) -> str:
        return (self._folder / "log").read_text("utf-8")

    @property
    def _config(self) -> Path:
        return self._folder / "exporter.yml"

    async def _until_over(self, cloud: Cloud, subject: Subject, *companions: asyncio.Task[None]) -> None:
        """Trouble after trouble until the time is up. What a companion runs into ends the run."""
        course, plan, watch = self.course, self._plan, self.course.watch
        end = time.monotonic() + plan.seconds
        for trouble in troubles(self._world, cloud, subject, self._rng):
            if time.monotonic() >= end:
                return
            watch.quiet_since = None
            async with trouble.happening():
                await self._clock.sleep(self._rng.uniform(*plan.trouble))
            over = self._clock.wall()
            watch.quiet_since = self._clock.monotonic()
            while not watch.recovered(over) and self._clock.wall() - over < plan.patience:
                await asyncio.sleep(0.05)
                if subject.ended:
                    raise RuntimeError(self.log())
                for companion in companions:
                    if companion.done():
                        companion.result()
            if not watch.recovered(over):
                watch.note_stuck(f"not every pool is read {plan.patience:.0f} s after {trouble.kind!r}")
            course.recoveries[trouble.kind].append(self._clock.wall() - over)
            await self._clock.sleep(self._rng.uniform(0.5, 1.5) * plan.quiet)

    async def _settled(self) -> None:
        """A few polls of every pool."""
        for _ in range(self._plan.settling):
            since = self._clock.wall()
            while not self.course.watch.recovered(since):
                if self._clock.wall() - since > self._plan.patience:
                    self.course.watch.note_stuck("a pool is not read though nothing is wrong")
                    return
                await asyncio.sleep(0.05)

    async def _churn(self, visitor: Visitor, cloud: Cloud, scrapers: Scrapers) -> None:
        plan = self._plan
        async with asyncio.TaskGroup() as group:
            group.create_task(visitor.sample(plan.look))
            group.create_task(scrapers.run(plan.look / 10))
            group.create_task(scrapers.run(plan.look / 10))
            group.create_task(self._reload(visitor, cloud))
            group.create_task(self._turn_over())
            group.create_task(self._rotate())

    async def _reload(self, visitor: Visitor, cloud: Cloud) -> None:
        for turn in count(1):
            await self._now_and_then(self._plan.reload)
            self._configure(cloud, turn)
            self.course.reloads[await visitor.reload()] += 1

    async def _turn_over(self) -> None:
        while True:
            await self._now_and_then(self._plan.turnover)
            self._world.replace_pool()

    async def _rotate(self) -> None:
        while True:
            await self._now_and_then(self._plan.rotation)
            self._world.rotate_key()
            self._write_key()
            self.course.keys += 1

    async def _now_and_then(self, every: float) -> None:
        await self._clock.sleep(self._rng.uniform(0.5, 1.5) * every)

    async def _conclude(self, visitor: Visitor) -> None:
        """Nothing goes wrong and nothing happens any more: now the counters can be known."""
        await self._settled()
        for pool in self._world.staying:
            pool.stopped = True
        await self._settled()
        await self._clock.sleep(self._plan.grace)
        await visitor.look()
        self.course.agreeing = self.course.watch.conclude(await visitor.scrape())

    def _write_key(self) -> None:
        key = self._world.key
        for name, part in (("ak", key.ak), ("sk", key.sk)):
            file = self._folder / f"new-{name}"
            file.write_text(part, "utf-8")
            file.chmod(0o600)
            file.rename(self._folder / name)

    def _configure(self, cloud: Cloud, turn: int) -> None:
        config = configuration(self._plan, self._world, cloud.url, self._folder, turn)
        self._config.write_text(json.dumps(config), "utf-8")


async def _ended(task: asyncio.Task[None]) -> None:
    """Cancel it; an error of its own is raised."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
