"""Everybody who wants something of the exporter besides the watch: also those who read slowly or hang up."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

_OPENMETRICS = "application/openmetrics-text; version=1.0.0"
_SMALL_WINDOW = 4096
_PATIENCE = aiohttp.ClientTimeout(total=60)

VISITS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "plain": ("/metrics", {"Accept-Encoding": "identity"}),
    "gzip": ("/metrics", {"Accept-Encoding": "gzip"}),
    "OpenMetrics": ("/metrics", {"Accept": _OPENMETRICS, "Accept-Encoding": "identity"}),
    "OpenMetrics in gzip": ("/metrics", {"Accept": _OPENMETRICS, "Accept-Encoding": "gzip"}),
    "name[]": ("/metrics?name[]=modelarts_pool_up&name[]=modelarts_exporter_polls", {}),
    "name[] of nothing": ("/metrics?name[]=nothing", {}),
    "status page": ("/", {}),
    "health": ("/-/healthy", {}),
    "unknown path": ("/nowhere", {}),
}


class Scrapers:
    """Visits of all kinds, one after the other.

    Attributes:
        made: visits by kind.
        failed: visits that brought another status than they should have.
    """

    def __init__(self, url: str, rng: Random) -> None:
        self.made: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self._url = url
        self._rng = rng

    async def run(self, pause: float) -> None:
        """Visit for ever.

        Args:
            pause: real seconds between two visits, on average.
        """
        kinds = [*VISITS, "reads slowly", "hangs up"]
        async with aiohttp.ClientSession(self._url, timeout=_PATIENCE) as session:
            while True:
                kind = self._rng.choice(kinds)
                match kind:
                    case "reads slowly":
                        await self._raw(pieces=self._rng.randrange(2, 8), pause=pause)
                    case "hangs up":
                        await self._raw(pieces=self._rng.randrange(2), pause=0.0)
                    case _:
                        await self._visit(session, kind)
                self.made[kind] += 1
                await asyncio.sleep(self._rng.uniform(0, 2 * pause))

    async def _visit(self, session: aiohttp.ClientSession, kind: str) -> None:
        path, headers = VISITS[kind]
        async with session.get(path, headers=headers) as answer:
            await answer.read()
            if answer.status != (404 if kind == "unknown path" else 200):
                self.failed[f"{kind}: {answer.status}"] += 1

    async def _raw(self, *, pieces: int, pause: float) -> None:
        """Ask, take some pieces of the answer, and close the connection."""
        address = urlsplit(self._url)
        loop = asyncio.get_running_loop()
        with socket.socket() as connection:
            connection.setblocking(False)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_WINDOW)
            await loop.sock_connect(connection, (address.hostname, address.port))
            await loop.sock_sendall(connection, b"GET /metrics HTTP/1.1\r\nHost: soak\r\n\r\n")
            for _ in range(pieces):
                await loop.sock_recv(connection, _SMALL_WINDOW)
                await asyncio.sleep(pause)
