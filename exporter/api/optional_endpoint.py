"""Endpoints that do not exist in every region."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from exporter.api.schema import POOL_NOT_FOUND
from exporter.common.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from exporter.common.clock import Clock

Answer = TypeVar("Answer")

HOUR = 3600.0
"""Seconds until a missing endpoint is tried again."""


@dataclass(slots=True)
class OptionalEndpoint:
    """An endpoint of one project that may not exist. A missing one is tried once an hour.

    Args:
        clock: measures the hour.
    """

    clock: Clock
    _missing: NotFound | None = None
    _until: float = 0.0

    async def ask(self, question: Callable[[], Awaitable[Answer]]) -> Answer:
        """Send a request to the endpoint, unless it was missing within the last hour.

        Args:
            question: sends the request.

        Raises:
            NotFound: the endpoint is missing, or was within the last hour and nothing was sent; or it exists
                and the pool does not.
            PollError: as `question` raises it.
        """
        if self._missing is not None and self.clock.monotonic() < self._until:
            raise self._missing.with_traceback(None)  # or the traceback would grow each time
        try:
            answer = await question()
        except NotFound as error:
            if error.code != POOL_NOT_FOUND:
                self._missing, self._until = error, self.clock.monotonic() + HOUR
            raise
        self._missing = None
        return answer
