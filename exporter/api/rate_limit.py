"""The rate and the concurrency of requests to one project."""

from __future__ import annotations

import asyncio
import math
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
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
"""Seconds. The cloud documents no pause for answers without `Retry-After`."""

_LIMIT_LIFETIME = _HOUR
"""Seconds. A limit that the cloud named is obeyed for this long, then tested again: a real one costs one 429
an hour, and one named by mistake does not slow the project down forever."""


@dataclass(slots=True)
class Pace:
    """The pauses and limits that the cloud asked one project for. They outlive a configuration.

    All moments are monotonic seconds.

    Attributes:
        next: when the next request may be sent.
        paused_until: when the last pause ends.
        refused_in_a_row: answers 429 since the last request that the cloud accepted.
        limits: spacing in seconds -> when the limit ends.
    """

    next: float = -math.inf
    paused_until: float = -math.inf
    refused_in_a_row: int = 0
    limits: dict[float, float] = field(default_factory=dict)

    def holds(self, now: float) -> bool:
        """Whether a pause or a limit is in force."""
        return any(until > now for until in (self.paused_until, *self.limits.values()))


class RateLimiter:
    """Limits the requests of one project: evenly spaced, few in flight, with pauses that the cloud asks for.

    Not aiolimiter, because it reads the loop's clock itself and can be neither paused nor slowed down by the
    server. Waiting requests are served in order, so a low rate delays every pool and starves none.

    Args:
        project: for the log.
        requests_per_second: the configured rate; a limit that the cloud names lowers it for an hour.
        concurrency: requests in flight, at most.
        clock: for waiting.
        max_pause: seconds. A request fails if a pause that the cloud asked for lasts longer. A low rate alone
            fails no request.
        pace: what the cloud asked for so far; nothing if not given.
    """

    def __init__(
        self,
        project: str,
        *,
        requests_per_second: float,
        concurrency: int,
        clock: Clock,
        max_pause: float = math.inf,
        pace: Pace | None = None,
    ) -> None:
        self._project = project
        self._configured = 1 / requests_per_second
        self._pace = Pace() if pace is None else pace
        self._clock = clock
        self._max_pause = max_pause
        self._in_flight = asyncio.Semaphore(concurrency)
        self._order = asyncio.Lock()

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Wait until a request may be sent; it is in flight until the block ends.

        Raises:
            Throttled: the pause that the cloud asked for lasts longer than `max_pause`.
        """
        async with self._in_flight:
            async with self._order:
                # A pause may begin during the wait.
                while (wait := self.paused_for()) > 0:
                    self._check_pause()
                    await self._clock.sleep(wait)
                self._pace.next = self._clock.monotonic() + self._spacing()
            yield

    def paused_for(self) -> float:
        """Seconds until the next request may be sent."""
        return max(0.0, self._pace.next - self._clock.monotonic())

    def refused(self, retry_after: float | None, limit: tuple[int, float] | None) -> None:
        """The cloud answered 429: pause the whole project, and obey the limit that it names.

        The pause doubles with each 429 in a row.

        Args:
            retry_after: seconds; the shortest pause. Ignored if None, or over an hour, which is an error. A 0
                does not end the pause, or all waiting requests would be sent at once.
            limit: (requests, seconds), if the cloud named one. It is obeyed for an hour, but at least one
                request in five minutes is sent.
        """
        if limit:
            self._slow_down(*limit)
        now, pause = self._clock.monotonic(), 0.0
        if now >= self._pace.paused_until:  # else the request was sent before this pause
            longest = limit[1] if limit else _LONGEST_PAUSE
            # The exponent is capped, so that the power cannot overflow.
            pause = min(longest, _FIRST_PAUSE * 2.0 ** min(self._pace.refused_in_a_row, 20), _HOUR)
            self._pace.refused_in_a_row += 1
        if retry_after is not None and retry_after <= _HOUR:
            pause = max(pause, retry_after)
        self._pace.paused_until = max(self._pace.paused_until, now + pause)
        self._pace.next = max(self._pace.next, self._pace.paused_until)

    def accepted(self) -> None:
        """The cloud accepted a request: the next pause starts short again."""
        self._pace.refused_in_a_row = 0

    def _check_pause(self) -> None:
        pause = self._pace.paused_until - self._clock.monotonic()
        if pause > self._max_pause:
            raise Throttled(
                f"the cloud asked for a pause, which lasts another {pause:.0f} s",
                where=f"project {self._project}",
                advice="nothing is sent until then; raise poll.interval, or ask the cloud for a higher limit",
                status=HTTPStatus.TOO_MANY_REQUESTS,
            )

    def _spacing(self) -> float:
        """Seconds between two requests: by the strictest of the limits in force and the configured rate."""
        now = self._clock.monotonic()
        in_force = {spacing: until for spacing, until in self._pace.limits.items() if until > now}
        if self._pace.limits and not in_force:
            log.info(
                "the cloud named no rate limit for an hour; back to the configured rate",
                project_id=self._project,
            )
        self._pace.limits = in_force
        return max((self._configured, *in_force))

    def _slow_down(self, requests: int, seconds: float) -> None:
        before, spacing = self._spacing(), min(seconds / requests, _LONGEST_PAUSE)
        if spacing <= self._configured:
            return
        self._pace.limits[spacing] = self._clock.monotonic() + _LIMIT_LIFETIME
        if spacing > before:
            log.warning(
                "the cloud limits the rate of requests; polling this project at a lower rate for an hour",
                project_id=self._project,
                limit=f"{requests} requests in {seconds:g} s",
            )
