"""Asks the exporter on behalf of the run, and hands the answers on to the watch."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tools.soak.watch import WATCHED

if TYPE_CHECKING:
    import aiohttp

    from tools.soak.clock import FastClock
    from tools.soak.course import Course
    from tools.soak.process import Subject


class Visitor:
    """Looks at the exporter.

    Args:
        session: with the exporter.
        clock: the time.
        course: where it goes.
        subject: the exporter's process.
    """

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
        """Reload; the answer's status, 0 where none came."""
        try:
            async with self._session.post("/-/reload") as answer:
                return answer.status
        except TimeoutError:
            return 0

    async def _get(self, path: str, query: list[tuple[str, str]] | None = None) -> str:
        async with self._session.get(path, params=query) as answer:
            answer.raise_for_status()
            return await answer.text()
