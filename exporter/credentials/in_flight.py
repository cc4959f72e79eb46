"""Limits the requests in flight with one credential, because each may be answered with 401."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from exporter.common.clock import Clock

IN_FLIGHT = 4
"""Requests in flight with one credential. If it is revoked meanwhile, all are refused; the cloud locks it
at the sixth refusal, so one attempt remains to test it again."""

SETTLED = 1.0
"""Seconds. A gateway checks credentials first, so a 401 comes within this time. A request that waits longer
was accepted, or gets no answer; it no longer counts, so that it delays no other project."""


class InFlight:
    """The requests in flight with one credential; others wait in order.

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
        """Seconds until the oldest request that counts is settled; 0 if another may be sent now."""
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
