"""How many clients at once, and how long each may take: with real sockets, and time under control."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import socket
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs
from support.web.certificates import Site
from support.web.serving import FakeExposition, backend, serving
from support.web.wire import HEALTHY, HeldClock, connected, everything, told

from exporter.web.config_watch import WebConfigWatcher
from exporter.web.listener import connections
from exporter.web.listener.connections import ConnectionPhase, Limits

if TYPE_CHECKING:
    from pathlib import Path

    from exporter.web.listener.server import Server


SCRAPE = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"


class Large(FakeExposition):
    """More than the sockets of this machine hold."""

    async def scrape(self, *, openmetrics: bool, gzip: bool, names: frozenset[str]) -> tuple[bytes, ...]:
        self.asked.append((openmetrics, gzip, names))
        return (bytes(2**24),) * 4


class Held(FakeExposition):
    """Scrapes that are under way until they are released."""

    def __init__(self) -> None:
        super().__init__()
        self.release = asyncio.Event()

    async def scrape(self, *, openmetrics: bool, gzip: bool, names: frozenset[str]) -> tuple[bytes, ...]:
        self.asked.append((openmetrics, gzip, names))
        await self.release.wait()
        return (b"up 1\n",)


async def until_accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A whole request has been answered, so that the server knows the connection."""
    writer.write(HEALTHY)
    assert (await told(reader))[0] == 200


def phases(server: Server) -> list[ConnectionPhase]:
    """What the connections are at, as the server sees them."""
    return [connection.phase for connection in server._connections._open]


async def until(server: Server, *expected: ConnectionPhase) -> None:
    """The server sees these connections and no others."""
    while phases(server) != list(expected):
        await asyncio.sleep(0)


async def test_slow_head_is_cut_off() -> None:
    """Slowloris: a head that comes byte by byte has 10 s from its first byte, whatever comes in between."""
    clock = HeldClock()
    async with serving(pace=clock) as server, connected(server) as (reader, writer):
        await until_accepted(reader, writer)
        await clock.pass_by(7)  # it begins in the middle of the watcher's sleep
        for byte in HEALTHY[:9]:
            writer.write(bytes([byte]))
            await until(server, ConnectionPhase.READING)
            await clock.pass_by(1)
        await clock.pass_by(0.9)
        assert phases(server) == [ConnectionPhase.READING]
        await clock.pass_by(0.2)
        assert await everything(reader) == b""
        async with connected(server) as other:
            await until_accepted(*other)


async def test_rest_of_a_head_has_its_time_after_an_answer() -> None:
    """A next request that begins while the one before is answered has 10 s from that answer."""
    clock, exposition = HeldClock(), Held()
    async with (
        serving(backend(exposition=exposition), pace=clock) as server,
        connected(server) as (reader, writer),
    ):
        writer.write(SCRAPE)
        await until(server, ConnectionPhase.RESPONDING)
        writer.write(HEALTHY[:9])
        while not next(iter(server._connections._open))._received:
            await asyncio.sleep(0)
        await clock.pass_by(30)
        exposition.release.set()
        assert (await told(reader))[0] == 200
        await clock.pass_by(9.9)
        assert phases(server) == [ConnectionPhase.READING]
        await clock.pass_by(0.2)
        assert await everything(reader) == b""


async def test_nobody_connected_nobody_wakes() -> None:
    """The watcher sleeps once for a client, and then until there is another one."""
    clock = HeldClock()
    async with serving(pace=clock) as server:
        await clock.pass_by(400)
        assert clock.slept == []
        async with connected(server) as client:
            await until_accepted(*client)
            assert clock.slept == [10]
        await until(server)
        for _ in range(5):
            await clock.pass_by(400)
        assert clock.slept == [10]
        async with connected(server) as client:
            await until_accepted(*client)
            assert clock.slept == [10, 10]


async def test_idle_connection_is_kept_five_minutes_and_no_longer() -> None:
    """A scraper that comes every five minutes keeps its connection; one that never comes again does not."""
    clock = HeldClock()
    async with serving(pace=clock) as server, connected(server) as (reader, writer):
        await until_accepted(reader, writer)
        await clock.pass_by(300)
        await until_accepted(reader, writer)
        await clock.pass_by(329)
        await until_accepted(reader, writer)
        await clock.pass_by(331)
        assert await everything(reader) == b""


async def test_slow_reader_is_cut_off() -> None:
    """Whoever takes an answer a byte at a time has a minute; others are served meanwhile."""
    clock = HeldClock()
    async with serving(backend(exposition=Large()), pace=clock) as server:
        with socket.create_connection(server.addresses[0]) as slow:
            slow.setblocking(False)
            slow.send(SCRAPE)
            loop, received = asyncio.get_running_loop(), 0
            for _ in range(59):
                received += len(await loop.sock_recv(slow, 1))
                await clock.pass_by(1)
                async with connected(server) as other:
                    await until_accepted(*other)
                assert ConnectionPhase.RESPONDING in phases(server)
            await clock.pass_by(1.1)
            await until(server)
            with suppress(ConnectionResetError):
                while part := await loop.sock_recv(slow, 2**20):
                    received += len(part)
        assert received < 2**26


async def test_answer_that_is_made_and_not_taken_has_a_minute() -> None:
    """Where the handler is done and the client reads nothing, what it leaves here is not kept for long."""
    clock = HeldClock()
    async with (
        serving(backend(exposition=Large()), pace=clock) as server,
        connected(server) as (reader, writer),
    ):
        await until_accepted(reader, writer)
        [connection] = server._connections._open
        assert connection._transport is not None
        connection._transport.set_write_buffer_limits(high=2**30)
        writer.write(SCRAPE)
        while not connection.unsent or connection.phase is not ConnectionPhase.IDLE:
            await asyncio.sleep(0)
        await clock.pass_by(59.9)
        assert phases(server) == [ConnectionPhase.IDLE]
        await clock.pass_by(0.2)
        await until(server)


async def test_handshake_has_its_end(tmp_path: Path) -> None:
    """A client of the HTTPS port that says nothing is cut off after 10 s."""
    clock = HeldClock()
    async with (
        serving(config=WebConfigWatcher(Site(tmp_path).config), pace=clock) as server,
        connected(server) as (reader, writer),
    ):
        writer.write(b"\x16\x03\x01")
        await until(server, ConnectionPhase.HANDSHAKE)
        await clock.pass_by(9.9)
        assert phases(server) == [ConnectionPhase.HANDSHAKE]
        await clock.pass_by(0.2)
        assert await everything(reader) == b""


async def test_idle_connections_make_room() -> None:
    """With as many as there may be, a new client takes the place of the one that is idle longest."""
    clock = HeldClock()
    async with serving(pace=clock, limits=Limits(connections=3)) as server:
        opened = []
        for _ in range(3):
            opened.append(await asyncio.open_connection(*server.addresses[0]))
            await until_accepted(*opened[-1])
            await clock.pass_by(0.1)
        await until_accepted(*opened[0])  # now the second has been idle longest
        async with connected(server) as newcomer:
            await until_accepted(*newcomer)
            assert await everything(opened[1][0]) == b""
            await until_accepted(*opened[0])
            await until_accepted(*opened[2])
        for _, writer in opened:
            writer.transport.abort()


async def test_busy_connections_are_not_given_up() -> None:
    """Where all are being answered, the newcomer is closed, and they get their answers."""
    exposition = Held()
    async with (
        serving(backend(exposition=exposition), limits=Limits(connections=2)) as server,
        connected(server) as first,
        connected(server) as second,
    ):
        for _, writer in (first, second):
            writer.write(SCRAPE)
        while len(exposition.asked) < 2:
            await asyncio.sleep(0)
        async with connected(server) as (reader, _):
            assert await everything(reader) == b""
        exposition.release.set()
        for reader, _ in (first, second):
            assert (await told(reader))[2] == b"up 1\n"


async def test_connections_that_do_not_read_make_room() -> None:
    """Where all are being answered and one does not read, that one gives way, also to its own address."""
    clock = HeldClock()
    async with serving(backend(exposition=Large()), pace=clock, limits=Limits(connections=2)) as server:
        stalled = []
        for _ in range(2):
            stalled.append(await asyncio.open_connection(*server.addresses[0]))
            stalled[-1][1].write(SCRAPE)
            while not list(server._connections._open)[-1].unsent:
                await asyncio.sleep(0)
            await clock.pass_by(1)
        async with connected(server) as newcomer:
            await until_accepted(*newcomer)
            assert len(await everything(stalled[0][0])) < 2**26
            assert phases(server) == [ConnectionPhase.RESPONDING, ConnectionPhase.IDLE]
        for _, writer in stalled:
            writer.transport.abort()


async def test_an_address_has_no_more_than_its_share_if_others_come() -> None:
    """One address has all connections, and all are busy: another one gets a connection at its cost."""
    exposition = Held()
    async with serving(backend(exposition=exposition), limits=Limits(connections=2)) as server:
        busy = [await asyncio.open_connection(*server.addresses[0]) for _ in range(2)]
        for _, writer in busy:
            writer.write(SCRAPE)
        while len(exposition.asked) < 2:
            await asyncio.sleep(0)
        reader, writer = await asyncio.open_connection(*server.addresses[0], local_addr=("127.0.0.2", 0))
        await until_accepted(reader, writer)
        assert await everything(busy[1][0]) == b""
        exposition.release.set()
        assert (await told(busy[0][0]))[2] == b"up 1\n"
        for each in (writer, *(writer for _, writer in busy)):
            each.transport.abort()


async def test_a_thousand_silent_clients_keep_nobody_out() -> None:
    """Twice as many idle clients as there may be connections: the next scrape is answered."""
    async with serving(limits=Limits(connections=50)) as server:
        silent = [await asyncio.open_connection(*server.addresses[0]) for _ in range(100)]
        async with connected(server) as (reader, writer):
            await until_accepted(reader, writer)
        for _, writer in silent:
            writer.transport.abort()


def test_polls_keep_half_of_the_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections are fewer where the process may open few files, and never more than 512."""
    for soft, affordable in ((100, 50), (1024, 512), (10**6, 512), (resource.RLIM_INFINITY, 512)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, soft=soft: (soft, soft))
        assert connections._max_connections() == affordable


async def test_short_descriptors_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Out of descriptors, one warning a second; who waits to be accepted is served once there are some."""
    clock, short = HeldClock(), True
    real = socket.socket.accept

    def accept(listening: socket.socket) -> tuple[socket.socket, object]:
        if short:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return real(listening)

    monkeypatch.setattr(socket.socket, "accept", accept)
    with capture_logs() as logs:
        async with serving(pace=clock) as server, connected(server) as (reader, writer):
            while not logs:
                await asyncio.sleep(0)
            short = False
            writer.write(HEALTHY)
            await clock.pass_by(1)
            assert (await told(reader))[0] == 200
    assert [(entry["log_level"], entry["reason"]) for entry in logs] == [("warning", "Too many open files")]


@pytest.mark.parametrize(
    "said", [HEALTHY, SCRAPE[:1], b"CONNECT x:1 HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\n" + bytes(10**6)]
)
async def test_plain_http_at_the_https_port_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, said: bytes
) -> None:
    """Whatever begins like plain HTTP gets 400 and the reason; nothing is logged."""
    caplog.set_level("INFO")
    with capture_logs() as logs:
        async with (
            serving(config=WebConfigWatcher(Site(tmp_path).config)) as server,
            connected(server) as (reader, writer),
        ):
            writer.write(said)
            status, headers, body = await told(reader)
            assert (status, body) == (400, b"this is an HTTPS port, and the request is plain HTTP\n")
            assert (headers["Server"], headers["Connection"]) == ("modelarts-exporter", "close")
            assert await everything(reader) == b""
    assert (logs, caplog.records) == ([], [])


async def test_no_handshake_at_the_https_port_is_no_news(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Garbage or a hang-up instead of a handshake: the connection ends, nothing is logged."""
    caplog.set_level("INFO")
    with capture_logs() as logs:
        async with serving(config=WebConfigWatcher(Site(tmp_path).config)) as server:
            for said in (b"\0" * 100, b"\x16\x03\x01", b""):
                async with connected(server) as (reader, writer):
                    writer.write(said)
                    writer.write_eof()
                    assert b"HTTP" not in await everything(reader)
    assert (logs, caplog.records) == ([], [])


async def test_tls_client_that_vanishes_leaves_nothing(tmp_path: Path) -> None:
    """A TLS connection that is aborted, and one that never confirms its end, free their places."""
    site = Site(tmp_path)
    trust = ssl.create_default_context()
    site.authority.configure_trust(trust)
    async with serving(config=WebConfigWatcher(site.config), limits=Limits(connections=1)) as server:
        for _ in range(3):
            reader, writer = await asyncio.open_connection(*server.addresses[0], ssl=trust)
            await until_accepted(reader, writer)
            writer.transport.abort()
