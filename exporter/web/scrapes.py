"""`/metrics`: many scrapers, one exposition."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from aiohttp import web

from exporter.web.negotiation import Format, chosen_format, gzip_accepted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_AT_ONCE = 512 * 2**10
"""Bytes given to a socket at a time; asyncio copies what the client has not taken yet again and again."""

_ON_THE_WAY = 4 * 2**20
"""Bytes of all answers together that are given to sockets and not taken yet, about. More clients get smaller
parts, so that they do not take more memory; the text itself is there once for all of them."""

_LEAST = 16 * 2**10
"""Bytes given to a socket at a time however many there are."""


class Exposition(Protocol):
    """The metrics, ready to be sent."""

    async def scrape(self, *, openmetrics: bool, gzip: bool, names: frozenset[str]) -> tuple[bytes, ...]:
        """The exposition, in pieces to be sent one after the other.

        Args:
            openmetrics: OpenMetrics 1.0.0 instead of text 0.0.4.
            gzip: compressed.
            names: only the series of these names; empty for all.
        """
        ...


class Scrapes:
    """Answers scrapes, so many at once and no more.

    Args:
        exposition: the metrics.
        limit: scrapes at once; 0 for any number.
    """

    def __init__(self, exposition: Exposition, limit: int) -> None:
        self._exposition = exposition
        self._limit = limit
        self._running = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """The exposition in the format and encoding that the client wants."""
        if self._limit and self._running >= self._limit:
            text = f"{self._running} scrapes are being answered, as many as --web.max-requests allows\n"
            return web.Response(status=503, text=text)
        self._running += 1
        try:
            return await self._answer(request)
        finally:
            self._running -= 1

    async def _answer(self, request: web.Request) -> web.StreamResponse:
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
        with suppress(ConnectionError):  # who hangs up has had enough, which is no fault of ours
            await response.prepare(request)
            if request.method != "HEAD":
                await self._send(pieces, response)
        return response

    async def _send(self, pieces: Iterable[bytes], response: web.StreamResponse) -> None:
        """Each part once the client has taken the one before: 24 MB at once held everybody up for 0.5 s."""
        size = max(_LEAST, min(_AT_ONCE, _ON_THE_WAY // self._running))
        for part in _parts(pieces, size):
            await response.write(part)


def _joined(request: web.Request, header: str) -> str:
    """A header that may come in several lines."""
    return ",".join(request.headers.getall(header, ()))


def _parts(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in parts of about `size`.

    Every time the loop sends, it gives the interpreter away and has to wait for it beside a poll; that costs
    more than to copy.
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
