"""The run itself: world, troubles, exporter, scrapers and watch, all at once."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import Counter, defaultdict
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import TYPE_CHECKING

import aiohttp

from soak.clock import FastClock
from soak.process import Sample, Subject, started
from soak.scrapers import Scrapers
from soak.troubles import Cloud, troubles
from soak.watch import WATCHED, Watch
from soak.world import FOUND, STAYING, USER, World

if TYPE_CHECKING:
    from pathlib import Path

HOUR = 3600.0
_TRACEBACKS = re.compile(r"^.*Traceback \(most recent call last\).*$", re.MULTILINE)
_CATALOGUE_INTERVALS = 5


@dataclass(frozen=True, slots=True)
class Plan:
    """How the run goes. Everything but `seconds` is in the fast clock's time.

    Attributes:
        seconds: real ones, from the start to the end of churn.
        speed: of the clock.
        interval: between two polls of a pool.
        trouble: how long each lasts, from and to.
        quiet: between two troubles.
        reload: between two reloads.
        turnover: between two deletions of a pool.
        rotation: between two keys.
        look: real seconds between two samples.
        settling: polls of every pool before troubles begin, and twice after the last one.
        patience: until every pool must be read again after a trouble.
        seed: of everything that is drawn.
    """

    seconds: float
    speed: float = 672.0
    interval: float = 300.0
    trouble: tuple[float, float] = (0.5 * HOUR, 1.6 * HOUR)
    quiet: float = 2 * HOUR
    reload: float = 3 * HOUR
    turnover: float = 8 * HOUR
    rotation: float = 12 * HOUR
    look: float = 5.0
    settling: int = 8
    patience: float = 6 * HOUR
    seed: int = 1

    @property
    def stale_after(self) -> float:
        """Seconds, as configured."""
        return 6 * self.interval

    @property
    def grace(self) -> float:
        """Seconds in which a deleted pool is found out: the last trouble may have made the exporter wait."""
        return HOUR + 2 * _CATALOGUE_INTERVALS * self.interval


@dataclass(slots=True)
class Course:
    """How the run went.

    Attributes:
        samples: of the process.
        recoveries: seconds from the end of a trouble until every pool was read again, by its kind.
        reloads: good and bad, by the answer's status.
        keys: rotated.
        watch: what was compared.
        visits: of the scrapers, by kind.
        failed_visits: by kind and status.
        agreeing: counters that are what the journals say.
        seconds: real ones.
        tracebacks: in the exporter's log.
        world: with its journals.
    """

    watch: Watch
    world: World
    samples: list[Sample] = field(default_factory=list)
    recoveries: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    reloads: Counter[int] = field(default_factory=Counter)
    keys: int = 0
    visits: Counter[str] = field(default_factory=Counter)
    failed_visits: Counter[str] = field(default_factory=Counter)
    agreeing: int = 0
    seconds: float = 0.0
    tracebacks: list[str] = field(default_factory=list)


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
            visitor = _Visitor(session, self._clock, self.course, subject)
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
        self.course.tracebacks = _TRACEBACKS.findall(self._log())
        self.course.seconds = time.monotonic() - self._clock.origin
        return self.course

    def _log(self) -> str:
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
                    raise RuntimeError(self._log())
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

    async def _churn(self, visitor: _Visitor, cloud: Cloud, scrapers: Scrapers) -> None:
        plan = self._plan
        async with asyncio.TaskGroup() as group:
            group.create_task(visitor.sample(plan.look))
            group.create_task(scrapers.run(plan.look / 10))
            group.create_task(scrapers.run(plan.look / 10))
            group.create_task(self._reload(visitor, cloud))
            group.create_task(self._turn_over())
            group.create_task(self._rotate())

    async def _reload(self, visitor: _Visitor, cloud: Cloud) -> None:
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

    async def _conclude(self, visitor: _Visitor) -> None:
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
        """Another configuration each turn; one in seven is bad."""
        plan = self._plan
        common = {"region": "cn-north-4", "endpoint": cloud.url, "iam_endpoint": cloud.url}
        keys = {"ak_file": str(self._folder / "ak"), "sk_file": str(self._folder / "sk")}
        login = {"username": USER.name, "password": USER.password, "domain": USER.domain}
        pools = [pool.profile.id for pool in self._world.staying]
        config = {
            "poll": {
                "interval": f"{plan.interval:g}s",
                "timeout": "1s",  # a real one
                "stale_after": f"{plan.stale_after:g}s",
                "requests_per_second": 10,
                "cross_check": ("always", "paged", "off")[turn % 3],
            },
            "workloads": {
                "series": "all",
                "limit": 10_000,
                "user_metrics": turn % 2 == 0,
                "estimates": turn % 4 < 2,
            },
            "capacity": {
                "read": ("nodes", "pools", "none")[turn % 5 % 3],
                "interval": f"{2 * plan.interval:g}s",
            },
            "state": {"path": str(self._folder / "state.db")},
            "projects": [
                {**common, "project_id": STAYING, "pools": pools, "credentials": keys},
                {**common, "project_id": FOUND, "discover": {}, "credentials": login},
            ],
            **({"pol": {}} if turn % 7 == 6 else {}),
        }
        self._config.write_text(json.dumps(config), "utf-8")


class _Visitor:
    """Asks the exporter on behalf of the run."""

    def __init__(
        self, session: aiohttp.ClientSession, clock: FastClock, course: Course, subject: Subject
    ) -> None:
        self._session = session
        self._clock = clock
        self._course = course
        self._subject = subject

    async def watch(self) -> None:
        """Hold what is shown against the journals, for ever."""
        names = [("name[]", name) for name in WATCHED]
        while True:
            asked = self._clock.wall()
            self._course.watch.compare(await self._get("/metrics", names), asked)
            await asyncio.sleep(0.1)

    async def sample(self, every: float) -> None:
        """Look at everything now and then, for ever."""
        while True:
            await self.look()
            await asyncio.sleep(every)

    async def look(self) -> None:
        """Inspect everything on /metrics, and the process."""
        series = self._course.watch.inspect(await self.scrape())
        await self._get("/-/healthy")
        self._course.samples.append(await self._subject.sample(series))

    async def scrape(self) -> str:
        """Everything on /metrics."""
        return await self._get("/metrics")

    async def reload(self) -> int:
        """Reload; the answer's status."""
        async with self._session.post("/-/reload") as answer:
            return answer.status

    async def _get(self, path: str, query: list[tuple[str, str]] | None = None) -> str:
        async with self._session.get(path, params=query) as answer:
            answer.raise_for_status()
            return await answer.text()


async def _ended(task: asyncio.Task[None]) -> None:
    """Cancel it; an error of its own is raised."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
