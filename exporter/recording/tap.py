"""A transport that notes each request and its answer.

It sits between the API's client and the project's transport. Logins and metadata services use the transport
below it, so their answers, which hold credentials, never come here. Of a request, only method and address are
noted: its headers hold a signature or a token.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from exporter.common.errors import PollError

if TYPE_CHECKING:
    from exporter.common.clock import Clock
    from exporter.transport.http import Request, Response, Transport


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and what came of it, as it was: nothing is replaced yet.

    Attributes:
        project: the index of its project.
        url: the address with the query.
        at: this machine's clock when the answer was complete, Unix seconds.
        response: the answer; None if there was none.
        outcome: why there was none, such as `timeout`; empty if there was one.
    """

    project: int
    url: str = field(repr=False)
    at: float
    response: Response | None
    outcome: str = ""


@dataclass(slots=True)
class Tape:
    """The exchanges of a recording, in the order of their answers.

    Attributes:
        clock: dates them.
        exchanges: what was noted so far.
    """

    clock: Clock
    exchanges: list[Exchange] = field(default_factory=list)
    _projects: int = 0

    def tap(self, transport: Transport) -> Transport:
        """A transport for the next project, which sends with this one and notes what it sends."""
        self._projects += 1
        return _Tap(transport, self, self._projects - 1)


@dataclass(frozen=True, slots=True)
class _Tap:
    transport: Transport
    tape: Tape
    project: int

    async def send(self, request: Request) -> Response:
        """See `Transport`."""
        try:
            response = await self.transport.send(request)
        except PollError as error:
            self._note(request, None, error.outcome)
            raise
        self._note(request, response, "")
        return response

    def _note(self, request: Request, response: Response | None, outcome: str) -> None:
        exchange = Exchange(self.project, request.url, self.tape.clock.wall(), response, outcome)
        self.tape.exchanges.append(exchange)
