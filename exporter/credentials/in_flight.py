"""Limits the requests in flight with one credential, because each may be answered with 401."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from exporter.common.clock import Clock

IN_FLIGHT = 4
"""Requests in flight with one credential, at most. If it is revoked, all of them are refused. The cloud locks
it at the sixth refusal, so one more attempt is possible."""

SETTLED = 1.0
"""Seconds. A gateway checks credentials first, so a 401 arrives within this time. A request that waits longer
no longer counts: its credential was accepted, or it gets no answer. So it does not delay other projects."""


class InFlight:
    """The requests in flight with one credential. Requests over the limit wait, first in, first out.

    Args:
        clock: measures time, and waits.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._order = asyncio.Lock()
        self._ended = asyncio.Event()
        self._sent: list[float] = []

    @property
    def unanswered(self) -> int:
        """How many requests have no answer yet, however long ago they were sent."""
        return len(self._sent)

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Wait until a request may be sent. It is in flight until the block ends."""
        async with self._order:
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
