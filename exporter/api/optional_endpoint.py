"""Endpoints that some regions do not have."""

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
"""Seconds that a missing endpoint is left alone for."""


@dataclass(slots=True)
class OptionalEndpoint:
    """An endpoint of one project that may be missing: it is asked again only once an hour then.

    Args:
        clock: the time.
    """

    clock: Clock
    _missing: NotFound | None = None
    _until: float = 0.0

    async def ask(self, question: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer to a question that this endpoint is asked.

        Raises:
            NotFound: it is missing, or was within the last hour, and then nothing is sent. Or it is there,
                and the pool is not.
            PollError: anything else that the question raises.
        """
        if self._missing is not None and self.clock.monotonic() < self._until:
            raise self._missing.with_traceback(None)  # or it would hold the frames of every time
        try:
            answer = await question()
        except NotFound as error:
            if error.code != POOL_NOT_FOUND:
                self._missing, self._until = error, self.clock.monotonic() + HOUR
            raise
        self._missing = None
        return answer
