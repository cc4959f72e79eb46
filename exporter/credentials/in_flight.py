"""How many requests may be under way whose answer may yet be a refusal."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from exporter.common.clock import Clock

IN_FLIGHT = 4
"""Requests under way with one credential. All are refused if it is revoked just then, and a sixth refusal
locks it: one try is left to find out whether it is good again."""

SETTLED = 1.0
"""Seconds. A gateway looks at who asks before anything else, so it refuses within them. Who waits longer was
let in, or gets no answer at all, and does not hold up other projects with the same credential."""


class InFlight:
    """The requests that are under way with one credential; whoever wants to join them waits in line.

    Args:
        clock: the time, and waits.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._line = asyncio.Lock()
        self._ended = asyncio.Event()
        self._sent: list[float] = []

    @property
    def under_way(self) -> int:
        """How many requests have no answer yet, however long they have waited for it."""
        return len(self._sent)

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """Wait for the right to send one request; it is under way until the block ends."""
        async with self._line:
            while (wait := self._wait()) > 0:
                await self._until_one_ends(wait)
            sent = self._clock.monotonic()
            self._sent.append(sent)
        try:
            yield
        finally:
            self._sent.remove(sent)
            self._ended.set()

    def _wait(self) -> float:
        """Seconds until the oldest of those that fill the slots is settled, if nothing ends before."""
        if len(self._sent) < IN_FLIGHT:
            return 0.0
        return self._sent[-IN_FLIGHT] + SETTLED - self._clock.monotonic()

    async def _until_one_ends(self, seconds: float) -> None:
        self._ended.clear()
        waits = [asyncio.ensure_future(wait) for wait in (self._ended.wait(), self._clock.sleep(seconds))]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
