"""How often and how many at a time a project may be asked."""

from __future__ import annotations

import asyncio
import math
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog

from exporter.common.errors import Throttled

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from exporter.common.clock import Clock

log = structlog.get_logger(__name__)

_HOUR = 3600.0
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 300.0
"""Seconds. How long the cloud wants to be left alone is unknown where it does not say."""

_KEPT = _HOUR
"""How long a limit is kept to after the cloud last named it. One that is real and still in the way is named
again then, at the price of a refusal an hour; one that was an oddity does not slow the project for ever."""


class RateLimiter:
    """The pace of one project: requests evenly spaced, few in flight, pauses when the cloud asks for them.

    Own code in place of aiolimiter, which reads the loop's clock itself and can neither be paused nor slowed
    down by what the server says. Whoever waits is served first come, first served, so that a slow pace makes
    every pool's polls rarer and starves none.

    Args:
        project: for the log.
        requests_per_second: the usual pace; a limit that the cloud names lowers it for an hour.
        concurrency: requests in flight.
        clock: to wait with.
        patience: seconds; who would have to wait longer for the end of a pause is refused instead. A slow
            pace refuses nobody.
    """

    def __init__(
        self,
        project: str,
        *,
        requests_per_second: float,
        concurrency: int,
        clock: Clock,
        patience: float = math.inf,
    ) -> None:
        self._project = project
        self._usual = 1 / requests_per_second
        self._limits: dict[float, float] = {}  # spacing -> the monotonic moment until which it is kept
        self._clock = clock
        self._patience = patience
        self._in_flight = asyncio.Semaphore(concurrency)
        self._turn = asyncio.Lock()
        self._next = clock.monotonic()
        self._paused_until = clock.monotonic()
        self._refused_in_a_row = 0

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Wait for the right to send one request; it is in flight until the block ends.

        Raises:
            Throttled: the cloud wants to be left alone for longer than `patience`.
        """
        async with self._in_flight:
            async with self._turn:
                # A pause may begin while we wait, so look again.
                while (wait := self.paused_for()) > 0:
                    self._refuse_impatient()
                    await self._clock.sleep(wait)
                self._next = self._clock.monotonic() + self._spacing()
            yield

    def paused_for(self) -> float:
        """Seconds until the next request may be sent."""
        return max(0.0, self._next - self._clock.monotonic())

    def refused(self, retry_after: float | None, limit: tuple[int, float] | None) -> None:
        """The cloud said that it is asked too often: leave the whole project alone for a while.

        Args:
            retry_after: seconds, where the cloud says; it is left alone for as long at least. Each refusal
                in a row doubles the pause besides, for a 0 would let everybody in again at once. More than an
                hour counts as not said: it is a mistake, and the silence would outlast it.
            limit: (requests, seconds) where the cloud names it; kept to for an hour from now on, but for one
                request in five minutes at least.
        """
        if limit:
            self._slow_down(*limit)
        now, pause = self._clock.monotonic(), 0.0
        if now >= self._paused_until:  # else it answers a request that was sent before this pause began
            longest = limit[1] if limit else _LONGEST_PAUSE
            # The exponent is bounded so that no number of refusals overflows.
            pause = min(longest, _FIRST_PAUSE * 2.0 ** min(self._refused_in_a_row, 20), _HOUR)
            self._refused_in_a_row += 1
        if retry_after is not None and retry_after <= _HOUR:
            pause = max(pause, retry_after)
        self._paused_until = max(self._paused_until, now + pause)
        self._next = max(self._next, self._paused_until)

    def accepted(self) -> None:
        """The cloud answered."""
        self._refused_in_a_row = 0

    def _refuse_impatient(self) -> None:
        pause = self._paused_until - self._clock.monotonic()
        if pause > self._patience:
            raise Throttled(
                f"the cloud wants to be left alone for another {pause:.0f} s",
                where=f"project {self._project}",
                advice="nothing is sent until then; raise poll.interval, or ask for a higher limit",
                status=429,
            )

    def _spacing(self) -> float:
        """Seconds between two requests: the slowest of the limits that are kept to, or the usual ones."""
        now = self._clock.monotonic()
        kept = {spacing: until for spacing, until in self._limits.items() if until > now}
        if self._limits and not kept:
            log.info("the cloud named no limit for an hour; polling as usual", project_id=self._project)
        self._limits = kept
        return max((self._usual, *kept))

    def _slow_down(self, requests: int, seconds: float) -> None:
        before, spacing = self._spacing(), min(seconds / requests, _LONGEST_PAUSE)
        if spacing <= self._usual:
            return
        self._limits[spacing] = self._clock.monotonic() + _KEPT
        if spacing > before:
            log.warning(
                "the cloud limits the rate of requests; polling this project slower for an hour",
                project_id=self._project,
                limit=f"{requests} requests in {seconds:g} s",
            )
