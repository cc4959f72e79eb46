"""Time that runs fast. Every process that is told the same origin sees the same moment."""

from __future__ import annotations

import asyncio
import time


class FastClock:
    """A `Clock` whose seconds are shorter than real ones.

    Args:
        speed: its seconds in a real one.
        origin: the real monotonic moment at which it began; processes of one machine share that clock.
        start: Unix seconds that it showed then.
    """

    def __init__(self, speed: float, origin: float, start: float) -> None:
        self.speed = speed
        self.origin = origin
        self.start = start

    def wall(self) -> float:
        """Unix time in seconds."""
        return self.start + self.monotonic()

    def monotonic(self) -> float:
        """Seconds since it began."""
        return (time.monotonic() - self.origin) * self.speed

    async def sleep(self, seconds: float) -> None:
        """Wait that long, by this clock."""
        await asyncio.sleep(seconds / self.speed)
