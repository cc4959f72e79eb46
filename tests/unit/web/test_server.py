from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web
from support.web.serving import TEXT, FakeExposition, ask, backend, serving

from exporter.common.clock import SystemClock
from exporter.common.errors import ConfigurationError, InUse
from exporter.web.listener.server import Server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

LARGE = bytes(2**25)
"""More than the system's buffers between two sockets of this machine hold."""

FORBIDDEN = "is not permitted; ports below 1024 need a privilege, choose a higher one"


class HeldExposition(FakeExposition):
    """A scrape that is under way until it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.held, self.release = asyncio.Event(), asyncio.Event()

    async def scrape(self, *, openmetrics: bool, gzip: bool, names: frozenset[str]) -> tuple[bytes, ...]:
        self.held.set()
        await self.release.wait()
        return await super().scrape(openmetrics=openmetrics, gzip=gzip, names=names)


async def refused(server: Server) -> bool:
    try:
        await ask(server, "/metrics")
    except aiohttp.ClientConnectorError:
        return True
    return False


async def test_every_address_is_served() -> None:
    """Each address gets a socket of its own, and the ports that were really given are told."""
    server = Server(web.Application(), [("127.0.0.1", 0), ("127.0.0.2", 0), (None, 0)], clock=SystemClock())
    await server.start()
    try:
        assert [host for host, _ in server.addresses][:2] == ["127.0.0.1", "127.0.0.2"]
        assert all(port for _, port in server.addresses)
        port = server.addresses[2][1]
        assert server.urls[2].endswith(f":{port}")
        async with aiohttp.ClientSession() as session:
            for url in (*server.urls, f"http://127.0.0.3:{port}"):
                async with session.get(url) as response:
                    assert response.status == 404
    finally:
        await server.stop()


def _without_ipv6() -> str:
    """Why this machine cannot listen on ::1; empty if it can."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        return f"this machine has no IPv6: ::1 cannot be listened on ({error.strerror})"
    return ""


needs_ipv6 = pytest.mark.skipif(bool(_without_ipv6()), reason=_without_ipv6())


@asynccontextmanager
async def listening(host: str | None) -> AsyncIterator[Server]:
    server = Server(web.Application(), [(host, 0)], clock=SystemClock())
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def takes(server: Server, host: str) -> bool:
    """Whether it can be reached at that address of this machine."""
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://{host}:{server.addresses[0][1]}") as answer,
        ):
            return answer.status == 404
    except aiohttp.ClientConnectorError:
        return False


@needs_ipv6
@pytest.mark.parametrize(
    ("host", "ipv4", "ipv6", "bound", "url"),
    [
        (None, True, True, "[::]", "localhost"),
        ("::", True, True, "[::]", "localhost"),
        ("0:0::0", True, True, "[::]", "localhost"),
        ("::1", False, True, "[::1]", "[::1]"),
        ("127.0.0.1", True, False, "127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", True, False, "0.0.0.0", "127.0.0.1"),  # noqa: S104  (what is tested)
    ],
)
async def test_families(host: str | None, ipv4: bool, ipv6: bool, bound: str, url: str) -> None:
    """No host and [::] take both families, as in Go; any other address its own. The log has what is bound."""
    async with listening(host) as server:
        assert (await takes(server, "127.0.0.1"), await takes(server, "[::1]")) == (ipv4, ipv6)
        port = server.addresses[0][1]
        assert server.bound_urls == (f"http://{bound}:{port}",)
        assert server.urls == (f"http://{url}:{port}",)


@needs_ipv6
@pytest.mark.parametrize("hosts", [("::", "127.0.0.1"), ("127.0.0.1", "::")])
async def test_both_families_may_be_listed(hosts: tuple[str, str]) -> None:
    """`::` takes IPv6 only where an IPv4 address with the same port is listed besides, in any order."""
    server = await started_on_one_port(hosts)
    try:
        assert (await takes(server, "127.0.0.1"), await takes(server, "[::1]")) == (True, True)
        assert len(server.addresses) == 2
    finally:
        await server.stop()


async def started_on_one_port(hosts: tuple[str, ...]) -> Server:
    """On a port that is free for all of them; another program may take it before they are bound."""
    for _ in range(20):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        server = Server(web.Application(), [(host, port) for host in hosts], clock=SystemClock())
        with suppress(InUse):
            await server.start()
            return server
    raise AssertionError("no port is free for all of them")


async def test_a_name_is_its_ipv4_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a name has addresses of both families, the one of IPv4 is listened on, as in Go."""
    found = [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 0, 0, 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    async with listening("localhost") as server:
        assert server.addresses[0][0] == "127.0.0.1"


@needs_ipv6
async def test_ipv6_address_is_written_in_brackets() -> None:
    """A URL and a problem show an IPv6 address so that it can be told from the port."""
    async with listening("::1") as server:
        host, port = server.addresses[0]
        assert (host, server.urls[0]) == ("::1", f"http://[::1]:{port}")
        with pytest.raises(InUse) as caught:
            await Server(web.Application(), [("::1", port)], clock=SystemClock()).start()
        assert str(caught.value).startswith(f"web.listen_address: [::1]:{port} is in use")


@pytest.mark.parametrize("any_host", ["127.0.0.1", None])
async def test_port_in_use_is_a_problem(any_host: str | None) -> None:
    """A taken port is told with what to do, and nothing of the server stays behind."""
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as other:
        port, free = taken.getsockname()[1], other.getsockname()[1]
        other.close()
        with pytest.raises(InUse) as caught:
            await Server(
                web.Application(), [("127.0.0.1", free), (any_host, port)], clock=SystemClock()
            ).start()
        assert str(caught.value) == (
            f"web.listen_address: {any_host or ''}:{port} is in use;"
            " end the other program, or choose another address"
        )
        socket.create_server(("127.0.0.1", free)).close()


async def test_all_bad_addresses_come_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown host, an address of another machine, a forbidden port: a problem each."""
    real = socket.create_server

    def forbidding(address: tuple[str, int], *, family: int) -> socket.socket:
        # Tests may run as root, whom the system forbids no port.
        if address[1] == 80:
            raise PermissionError(13, "Permission denied")
        return real(address, family=family)

    monkeypatch.setattr(socket, "create_server", forbidding)
    with pytest.raises(ConfigurationError) as caught:
        await Server(
            web.Application(),
            [("host.invalid", 1234), ("192.0.2.1", 1234), ("127.0.0.1", 80)],
            clock=SystemClock(),
        ).start()
    assert [str(problem) for problem in caught.value.problems] == [
        "web.listen_address: host.invalid:1234 has a host that cannot be resolved",
        "web.listen_address: 192.0.2.1:1234 is not an address of this machine",
        f"web.listen_address: 127.0.0.1:80 {FORBIDDEN}",
    ]


@pytest.mark.parametrize("host", [None, "::"])
@pytest.mark.parametrize("missing", ["switched off", "not compiled in"])
async def test_machine_without_ipv6_is_served_over_ipv4(
    monkeypatch: pytest.MonkeyPatch, host: str | None, missing: str
) -> None:
    """Where the machine has no IPv6, every address means every IPv4 address."""
    real = socket.create_server

    def without_ipv6(address: tuple[str, int], *, family: int, dualstack_ipv6: bool = False) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(99, "Cannot assign requested address")
        return real(address, family=family, dualstack_ipv6=dualstack_ipv6)

    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: missing == "switched off")
    monkeypatch.setattr(socket, "create_server", without_ipv6)
    async with listening(host) as server:
        port = server.addresses[0][1]
        assert server.bound_urls == (f"http://0.0.0.0:{port}",)
        assert server.urls == (f"http://127.0.0.1:{port}",)
        assert await takes(server, "127.0.0.1")


async def test_scrape_in_flight_ends_whole() -> None:
    """At the stop no new connection is taken, and the scrape under way is answered before it is over."""
    exposition = HeldExposition()
    async with serving(backend(exposition=exposition)) as server, asyncio.TaskGroup() as group:
        scrape = group.create_task(ask(server, "/metrics"))
        await exposition.held.wait()
        stop = group.create_task(server.stop())
        while not await refused(server):
            pass
        assert not stop.done()
        exposition.release.set()
        assert (await scrape).body == TEXT
        await stop


async def test_scrape_that_never_ends_is_cut_off() -> None:
    """Once the grace is over, what still runs is cut off, and the stop is over."""
    exposition = HeldExposition()

    async def handler(_request: web.Request) -> web.Response:
        return web.Response(
            body=b"".join(await exposition.scrape(openmetrics=False, gzip=False, names=frozenset()))
        )

    app = web.Application()
    app.router.add_get("/metrics", handler)
    server = Server(app, [("127.0.0.1", 0)], clock=SystemClock(), grace=0.01)
    await server.start()
    scrape = asyncio.create_task(ask(server, "/metrics"))
    await exposition.held.wait()
    await server.stop()
    with pytest.raises(aiohttp.ClientError):
        await scrape


@asynccontextmanager
async def slow_client(*, packed_in: int) -> AsyncIterator[tuple[Server, socket.socket]]:
    """A client that has asked for a large answer and reads nothing of it by itself.

    Args:
        packed_in: bytes the server's transport takes off the handler before that has to wait.
    """
    answering = asyncio.Event()

    async def handler(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.set_write_buffer_limits(high=packed_in)
        answering.set()
        return web.Response(body=LARGE)

    app = web.Application()
    app.router.add_get("/", handler)
    server = Server(app, [("127.0.0.1", 0)], clock=SystemClock())
    await server.start()
    try:
        with socket.create_connection(server.addresses[0]) as client:
            client.setblocking(False)
            client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await answering.wait()
            yield server, client
    finally:
        await server.stop()


async def everything(client: socket.socket) -> bytes:
    """What there is to read until the other end is done or hangs up."""
    loop, received = asyncio.get_running_loop(), bytearray()
    with suppress(ConnectionResetError):
        while part := await loop.sock_recv(client, 2**20):
            received += part
    return bytes(received)


@pytest.mark.parametrize("packed_in", [2**16, 2**30], ids=["handler waits", "handler is done"])
async def test_client_that_never_reads_is_cut_off_at_the_end_of_the_grace(
    packed_in: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stop takes the grace, once, and what is still to be sent is dropped."""
    async with slow_client(packed_in=packed_in) as (server, client):
        with monkeypatch.context() as patch:
            passed = skip_waiting(patch)
            await server.stop()
            assert 0 < passed() <= 5.01
        assert len(await everything(client)) < len(LARGE)


async def test_answer_that_is_made_but_not_sent_arrives_whole() -> None:
    """The handler has ended, its answer is still on this side: it is sent before the stop is over."""
    async with slow_client(packed_in=2**30) as (server, client), asyncio.TaskGroup() as group:
        stop = group.create_task(server.stop())
        while not await refused(server):
            pass
        assert not stop.done()
        assert (await everything(client)).endswith(LARGE)


def skip_waiting(patch: pytest.MonkeyPatch) -> Callable[[], float]:
    """Let the loop's time jump to the next timer whenever there is nothing else to do.

    Returns:
        How many seconds have been skipped.
    """
    loop: Any = asyncio.get_running_loop()
    time, select, skipped = loop.time(), loop._selector.select, 0.0

    def at_once(timeout: float | None) -> Any:
        nonlocal skipped
        events = select(0)
        if not events and timeout:
            skipped += timeout
        return events

    patch.setattr(loop, "time", lambda: time + skipped)
    patch.setattr(loop._selector, "select", at_once)
    return lambda: skipped


async def test_idle_connection_does_not_hold_up_the_stop() -> None:
    """Prometheus keeps its connection open between scrapes; the stop closes it, well before any grace."""
    async with serving() as server, aiohttp.ClientSession() as session:
        async with session.get(server.urls[0] + "/metrics") as response:
            await response.read()
        await server.stop()
        assert await refused(server)
