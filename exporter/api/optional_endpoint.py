"""Endpoints that do not exist in every region, and lists that do not end: left alone for an hour."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from exporter.api.schema import POOL_NOT_FOUND
from exporter.common.errors import EndlessList, NotFound, PollError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from exporter.common.clock import Clock

Answer = TypeVar("Answer")

HOUR = 3600.0
"""Seconds until it is tried again."""

_EVERYTHING = ""
"""In place of a pool: the endpoint is left alone for all pools."""


@dataclass(slots=True)
class OptionalEndpoint:
    """An endpoint of one project that may not exist.

    A missing one is tried once an hour, and so is a pool whose answers do not end: each try costs many
    requests.

    Args:
        clock: measures the hour.
    """

    clock: Clock
    _left_alone: dict[str, tuple[PollError, float]] = field(default_factory=dict)
    """By pool: why, and until which monotonic moment."""

    async def ask(self, question: Callable[[], Awaitable[Answer]], pool: str = _EVERYTHING) -> Answer:
        """Send a request to the endpoint, unless it is left alone.

        Args:
            question: sends the request.
            pool: the one that is asked about, where the endpoint has an answer for each.

        Raises:
            NotFound: the endpoint is missing, or was within the last hour and nothing was sent; or it exists
                and the pool does not.
            EndlessList: the answers do not end, or did not within the last hour and nothing was sent.
            PollError: as `question` raises it.
        """
        now = self.clock.monotonic()
        self._left_alone = {key: held for key, held in self._left_alone.items() if held[1] > now}
        for key in (_EVERYTHING, pool):
            if key in self._left_alone:
                raise self._left_alone[key][0].with_traceback(None)  # or the traceback would grow each time
        try:
            return await question()
        except EndlessList as error:
            self._leave_alone(pool, error)
            raise
        except NotFound as error:
            if error.code != POOL_NOT_FOUND:
                self._leave_alone(_EVERYTHING, error)
            raise

    def _leave_alone(self, key: str, error: PollError) -> None:
        self._left_alone[key] = error, self.clock.monotonic() + HOUR
