"""Many scrapers at once."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from support.web.certificates import Site
from support.web.serving import TEXT, FakeExposition, Shared, ask, backend, serving
from support.web.wire import told

from exporter.web.config_watch import WebConfigWatcher
from exporter.web.scrapes import _split

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from exporter.web.listener.server import Server

SCRAPE = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
WHOLE = b"".join(Shared.pieces)


@asynccontextmanager
async def asking(
    server: Server, address: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[asyncio.StreamReader]:
    """A client at an address that has asked for the metrics, and reads only what a test reads."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**18)  # not as much as the system may find good
    client.bind((address, 0))
    client.setblocking(False)
    await asyncio.get_running_loop().sock_connect(client, server.addresses[0])
    name = "127.0.0.1" if tls else None
    reader, writer = await asyncio.open_connection(sock=client, ssl=tls, server_hostname=name)
    writer.write(SCRAPE)
    try:
        yield reader
    finally:
        writer.transport.abort()


async def scraped(server: Server, address: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> bytes:
    """All that a client gets that reads as fast as it can."""
    async with asking(server, address, tls) as reader:
        return (await told(reader))[2]


async def until_stalled(server: Server, number: int) -> None:
    """So many clients leave a part of their answers here."""
    while sum(bool(connection.unsent) for connection in server._connections._open) < number:
        await asyncio.sleep(0)


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


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2"], ids=["same address", "another address"])
async def test_clients_that_do_not_read_keep_nobody_out(tmp_path: Path, address: str, secure: bool) -> None:
    """As many as there may be ask and read nothing: every scrape is answered whole."""
    site = Site(tmp_path)
    tls = ssl.create_default_context() if secure else None
    if tls:
        site.authority.configure_trust(tls)
    config = WebConfigWatcher(site.config) if secure else None
    async with (
        serving(backend(exposition=Shared()), config=config, max_requests=3) as server,
        AsyncExitStack() as stalled,
    ):
        for _ in range(3):
            await stalled.enter_async_context(asking(server, tls=tls))
        await until_stalled(server, 3)
        for _ in range(2):
            assert await scraped(server, address, tls) == WHOLE
            await stalled.enter_async_context(asking(server, tls=tls))  # who gave way comes back
            await until_stalled(server, 3)


async def test_the_slowest_gives_way() -> None:
    """Of two clients, the one that has read less of its answer is cut off; the other gets all of it."""
    async with (
        serving(backend(exposition=Shared()), max_requests=2) as server,
        asking(server) as fast,
        asking(server) as slow,
    ):
        head = await fast.readuntil(b"\r\n\r\n")
        taken = await fast.readexactly(8 * 2**20)  # the rest is still more than the sockets hold
        await until_stalled(server, 2)
        assert await scraped(server) == WHOLE
        assert len(head + taken + await fast.readexactly(len(WHOLE) - len(taken))) == len(head + WHOLE)
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await told(slow)


async def test_an_address_has_no_more_than_its_share_if_others_come() -> None:
    """One address has all the places, and reads: another one gets a place, and the first no further one."""
    exposition = Held()
    async with serving(backend(exposition=exposition), max_requests=3) as server, AsyncExitStack() as clients:
        readers = [await clients.enter_async_context(asking(server)) for _ in range(3)]
        while len(exposition.asked) < 3:
            await asyncio.sleep(0)
        assert (await told(await clients.enter_async_context(asking(server))))[0] == 503
        other = await clients.enter_async_context(asking(server, "127.0.0.2"))
        while len(exposition.asked) < 4:
            await asyncio.sleep(0)
        exposition.release.set()
        assert (await told(other))[2] == TEXT
        assert [(await told(reader))[2] for reader in readers[:2]] == [TEXT, TEXT]
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await told(readers[2])


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
