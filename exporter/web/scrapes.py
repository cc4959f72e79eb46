"""The handler of `/metrics`: a limited number of concurrent scrapes, sent in parts."""

from __future__ import annotations

from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

from aiohttp import web

from exporter.web.fair_share import client_of, who_gives_way
from exporter.web.negotiation import Format, chosen_format, gzip_accepted

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable, Iterator

    from exporter.common.clock import Clock

_MAX_PART = 512 * 2**10
"""Bytes written to a socket at a time. Asyncio copies the unsent rest after every partial send."""

_MAX_UNSENT = 4 * 2**20
"""Approximate bytes in the send buffers of all responses together. With more clients, parts are smaller, so
that memory does not grow; the exposition itself is shared."""

_IN_TIME = 10.0
"""Seconds: the default `scrape_timeout` of Prometheus."""

_MIN_PART = 16 * 2**10
"""Bytes written to a socket at a time, however many clients there are."""


class ScrapeSource(Protocol):
    """The metrics, ready to be sent."""

    async def scrape(self, *, openmetrics: bool, gzip: bool, names: frozenset[str]) -> tuple[bytes, ...]:
        """The exposition, in pieces to send one after the other.

        Args:
            openmetrics: OpenMetrics 1.0.0 instead of text 0.0.4.
            gzip: compressed.
            names: only the series of these names; empty for all.
        """
        ...


class Scrapes:
    """Responds to scrapes, with a limit on concurrent ones.

    At the limit, the slowest client gives up its scrape for a new one; `who_gives_way` has the rule. So
    clients that do not read what they asked for keep nobody out.

    Args:
        exposition: the metrics.
        limit: concurrent scrapes; 0 for any number.
        clock: measures how fast clients read.
    """

    def __init__(self, exposition: ScrapeSource, limit: int, clock: Clock) -> None:
        self._exposition = exposition
        self._limit = limit
        self._clock = clock
        self._running: dict[_Scrape, None] = {}  # a set that keeps the order

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """The exposition in the format and encoding that the client accepts."""
        scrape = _Scrape(request)
        if self._limit and len(self._running) >= self._limit and not self._made_room(scrape):
            text = f"{len(self._running)} scrapes are running, the most that --web.max-requests allows\n"
            return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE, text=text)
        self._running[scrape] = None
        try:
            return await self._respond(request, scrape)
        finally:
            self._running.pop(scrape, None)

    def _made_room(self, newcomer: _Scrape) -> bool:
        now = self._clock.monotonic()
        slowest = who_gives_way(
            self._running,
            newcomer.client,
            client=lambda scrape: scrape.client,
            slowness=lambda scrape: scrape.slowness(now),
        )
        if slowest is None:
            return False
        del self._running[slowest]
        slowest.abort()
        return True

    async def _respond(self, request: web.Request, scrape: _Scrape) -> web.StreamResponse:
        format_ = chosen_format(_joined(request, "Accept"))
        gzip = gzip_accepted(_joined(request, "Accept-Encoding"))
        pieces = await self._exposition.scrape(
            openmetrics=format_ is Format.OPENMETRICS,
            gzip=gzip,
            names=frozenset(request.query.getall("name[]", ())),
        )
        response = web.StreamResponse(
            headers={"Content-Type": format_.value, "Vary": "Accept, Accept-Encoding"}
        )
        if gzip:
            response.headers["Content-Encoding"] = "gzip"
        response.content_length = sum(map(len, pieces))
        with suppress(ConnectionError):  # the client closed the connection, or had to give up its place
            await response.prepare(request)
            if request.method != "HEAD":
                scrape.begin(response.content_length, self._clock.monotonic())
                await self._send(pieces, response, scrape)
        return response

    async def _send(self, pieces: Iterable[bytes], response: web.StreamResponse, scrape: _Scrape) -> None:
        """Send each part after the client took the one before. 24 MB at once blocked the loop for 0.5 s."""
        size = max(_MIN_PART, min(_MAX_PART, _MAX_UNSENT // max(1, len(self._running))))
        for part in _split(pieces, size):
            scrape.written += len(part)
            await response.write(part)


class _Scrape:
    """One scrape under way, and how much of it the client has taken.

    Attributes:
        client: who asks.
        written: bytes of the body that were handed to the connection.
    """

    def __init__(self, request: web.Request) -> None:
        self.client = client_of(request.remote or "")
        self.written = 0
        self._transport: asyncio.Transport | None = request.transport
        self._size = 0
        self._began = 0.0

    def begin(self, size: int, now: float) -> None:
        """Note that the body is sent from now on."""
        self._size, self._began = size, now

    def slowness(self, now: float) -> tuple[float] | None:
        """Seconds that the client is behind one who takes the whole body in time; negative if it is ahead.

        None if the exporter itself has something to do before the client can take more.
        """
        unsent = self._transport.get_write_buffer_size() if self._transport else 0
        if not unsent or not self._size:
            return None
        return (now - self._began - _IN_TIME * (self.written - unsent) / self._size,)

    def abort(self) -> None:
        """Close the connection at once, without sending what is left."""
        if self._transport:
            self._transport.abort()


def _joined(request: web.Request, header: str) -> str:
    """The value of a header that may be given in several lines."""
    return ",".join(request.headers.getall(header, ()))


def _split(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in parts of about `size`.

    Small pieces are joined: each send releases the interpreter lock, and getting it back while a poll runs
    takes longer than copying.
    """
    waiting: list[bytes] = []
    waits = 0
    for piece in pieces:
        for start in range(0, len(piece), size):
            waiting.append(piece[start : start + size])
            waits += len(waiting[-1])
            if waits >= size:
                yield b"".join(waiting)
                waiting, waits = [], 0
    yield b"".join(waiting)
