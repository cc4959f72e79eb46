"""The only module that reads clocks and sleeps. Everything else gets a `Clock`, so tests never sleep."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Protocol

# Linux' CLOCK_MONOTONIC stops while the machine is suspended, so old data would still look fresh after it
# wakes up. CLOCK_BOOTTIME continues; elsewhere the monotonic clock has to do.
_monotonic = (
    partial(time.clock_gettime, time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic
)


MAX_SKEW = 900.0
"""Seconds by which this machine's clock and the cloud's may differ: API Gateway refuses signatures whose
date is further off (API Gateway documentation)."""


class Clock(Protocol):
    """Time as the program sees it."""

    def wall(self) -> float:
        """Unix time in seconds; may jump when the machine's clock is set."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment, including suspended time; never set.

        For all intervals and deadlines.
        """
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait that long."""
        ...


class SystemClock:
    """The machine's clock."""

    def wall(self) -> float:
        """Unix time in seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment."""
        return _monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait that long."""
        await asyncio.sleep(seconds)


def wall_and_monotonic(clock: Clock) -> tuple[float, float]:
    """Both times of one moment: Unix seconds, monotonic seconds.

    Reads again if a second passes between the two reads, because the process was stopped there. Otherwise it
    would seem that somebody had set the date.
    """
    while True:
        before, wall, monotonic = clock.monotonic(), clock.wall(), clock.monotonic()
        if monotonic - before < 1:
            return wall, monotonic
