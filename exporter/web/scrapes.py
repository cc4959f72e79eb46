"""The handler of `/metrics`: a limited number of concurrent scrapes, sent in parts."""

from __future__ import annotations

from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

from aiohttp import web

from exporter.web.negotiation import Format, chosen_format, gzip_accepted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MAX_PART = 512 * 2**10
"""Bytes written to a socket at a time. Asyncio copies the unsent rest after every partial send."""

_MAX_UNSENT = 4 * 2**20
"""Approximate bytes in the send buffers of all responses together. With more clients, parts are smaller, so
that memory does not grow; the exposition itself is shared."""

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

    Args:
        exposition: the metrics.
        limit: concurrent scrapes; 0 for any number.
    """

    def __init__(self, exposition: ScrapeSource, limit: int) -> None:
        self._exposition = exposition
        self._limit = limit
        self._running = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """The exposition in the format and encoding that the client accepts."""
        if self._limit and self._running >= self._limit:
            text = f"{self._running} scrapes are running, the most that --web.max-requests allows\n"
            return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE, text=text)
        self._running += 1
        try:
            return await self._respond(request)
        finally:
            self._running -= 1

    async def _respond(self, request: web.Request) -> web.StreamResponse:
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
        with suppress(ConnectionError):  # the client closed the connection
            await response.prepare(request)
            if request.method != "HEAD":
                await self._send(pieces, response)
        return response

    async def _send(self, pieces: Iterable[bytes], response: web.StreamResponse) -> None:
        """Send each part after the client took the one before. 24 MB at once blocked the loop for 0.5 s."""
        size = max(_MIN_PART, min(_MAX_PART, _MAX_UNSENT // self._running))
        for part in _split(pieces, size):
            await response.write(part)


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
