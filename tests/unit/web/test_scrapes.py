"""Many scrapers at once."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest
from support.web.serving import TEXT, FakeExposition, Shared, ask, backend, serving

from exporter.web.scrapes import _split

if TYPE_CHECKING:
    from collections.abc import Sequence


class Held(FakeExposition):
    """Scrapes that are under way until they are released."""

    def __init__(self) -> None:
        super().__init__()
        self.release = asyncio.Event()

    async def scrape(self, *, openmetrics: bool, gzip: bool, names: frozenset[str]) -> tuple[bytes, ...]:
        self.asked.append((openmetrics, gzip, names))
        await self.release.wait()
        return (TEXT,)


async def test_scrapes_at_once_are_bounded() -> None:
    """One more than --web.max-requests is 503 with the reason; other paths go on; afterwards all is well."""
    exposition = Held()
    async with serving(backend(exposition=exposition), max_requests=2) as server:
        scrapes = [asyncio.create_task(ask(server, "/metrics")) for _ in range(2)]
        while len(exposition.asked) < 2:
            await asyncio.sleep(0)
        answer = await ask(server, "/metrics")
        assert (answer.status, answer.text) == (
            503,
            "2 scrapes are running, the most that --web.max-requests allows\n",
        )
        assert (await ask(server, "/-/healthy")).status == 200
        exposition.release.set()
        assert [(await scrape).body for scrape in scrapes] == [TEXT, TEXT]
        assert (await ask(server, "/metrics")).status == 200


async def test_scrapes_may_be_unbounded() -> None:
    """0 is no bound, as in node_exporter."""
    exposition = Held()
    async with serving(backend(exposition=exposition), max_requests=0) as server:
        scrapes = [asyncio.create_task(ask(server, "/metrics")) for _ in range(60)]
        while len(exposition.asked) < 60:
            await asyncio.sleep(0)
        exposition.release.set()
        assert {(await scrape).status for scrape in scrapes} == {200}


async def test_memory_does_not_grow_with_clients() -> None:
    """Of 24 MB for each of 200 clients that take nothing, only some parts are held for them, not 4.8 GB."""
    exposition = Shared()
    async with serving(backend(exposition=exposition), max_requests=0) as server:
        clients: list[socket.socket] = []
        for _ in range(200):
            clients.append(socket.create_connection(server.addresses[0]))
            clients[-1].send(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            await asyncio.sleep(0)
        while sum(bool(connection.unsent) for connection in server._connections._open) < 200:
            await asyncio.sleep(0)
        assert sum(connection.unsent for connection in server._connections._open) < 40 * 2**20
        for client in clients:
            client.close()


@pytest.mark.parametrize("size", [1, 3, 4, 100])
@pytest.mark.parametrize("pieces", [[], [b""], [b"abc", b"", b"defghij", b"k"], [b"a"] * 9])
def test_parts_are_the_pieces(pieces: Sequence[bytes], size: int) -> None:
    """Cut and joined, in order, nothing lost; no part is more than twice the size."""
    parts = list(_split(pieces, size))
    assert b"".join(parts) == b"".join(pieces)
    assert max(map(len, parts)) < 2 * size
