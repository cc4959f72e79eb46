from __future__ import annotations

import asyncio
import socket

import aiohttp
import pytest
from aiohttp import web
from serving import TEXT, FakeExposition, ask, services, serving

from exporter.errors import ConfigurationError
from exporter.web.server import Server

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
    server = Server(web.Application(), [("127.0.0.1", 0), ("127.0.0.2", 0), (None, 0)])
    await server.start()
    try:
        assert [host for host, _ in server.addresses][:2] == ["127.0.0.1", "127.0.0.2"]
        assert all(port for _, port in server.addresses)
        port = server.addresses[2][1]
        assert server.urls[2] == f"http://localhost:{port}"
        async with aiohttp.ClientSession() as session:
            for url in (*server.urls, f"http://127.0.0.3:{port}"):
                async with session.get(url) as response:
                    assert response.status == 404
    finally:
        await server.stop()


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="needs IPv6")
async def test_ipv6_address_is_written_in_brackets() -> None:
    """A URL and a problem show an IPv6 address so that it can be told from the port."""
    server = Server(web.Application(), [("::1", 0)])
    await server.start()
    try:
        host, port = server.addresses[0]
        assert (host, server.urls[0]) == ("::1", f"http://[::1]:{port}")
        with pytest.raises(ConfigurationError) as caught:
            await Server(web.Application(), [("::1", port)]).start()
        assert str(caught.value).startswith(f"web.listen_address: [::1]:{port} is in use")
    finally:
        await server.stop()


@pytest.mark.parametrize("any_host", ["127.0.0.1", None])
async def test_port_in_use_is_a_problem(any_host: str | None) -> None:
    """A taken port is told with what to do, and nothing of the server stays behind."""
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as other:
        port, free = taken.getsockname()[1], other.getsockname()[1]
        other.close()
        with pytest.raises(ConfigurationError) as caught:
            await Server(web.Application(), [("127.0.0.1", free), (any_host, port)]).start()
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
            web.Application(), [("host.invalid", 1234), ("192.0.2.1", 1234), ("127.0.0.1", 80)]
        ).start()
    assert [str(problem) for problem in caught.value.problems] == [
        "web.listen_address: host.invalid:1234 has a host that cannot be resolved",
        "web.listen_address: 192.0.2.1:1234 is not an address of this machine",
        f"web.listen_address: 127.0.0.1:80 {FORBIDDEN}",
    ]


async def test_machine_without_ipv6_is_served_over_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where IPv6 is compiled in but switched off, every address means every IPv4 address."""
    real = socket.create_server

    def switched_off(address: tuple[str, int], *, family: int, dualstack_ipv6: bool = False) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(99, "Cannot assign requested address")
        return real(address, family=family, dualstack_ipv6=dualstack_ipv6)

    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: True)
    monkeypatch.setattr(socket, "create_server", switched_off)
    server = Server(web.Application(), [(None, 0)])
    await server.start()
    try:
        assert server.addresses[0][0] == "0.0.0.0"  # noqa: S104  (compared, not bound)
        assert server.urls[0].startswith("http://localhost:")
    finally:
        await server.stop()


async def test_scrape_in_flight_ends_whole() -> None:
    """At the stop no new connection is taken, and the scrape under way is answered before it is over."""
    exposition = HeldExposition()
    async with serving(services(exposition=exposition)) as server, asyncio.TaskGroup() as group:
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
    server = Server(app, [("127.0.0.1", 0)], grace=0.01)
    await server.start()
    scrape = asyncio.create_task(ask(server, "/metrics"))
    await exposition.held.wait()
    await server.stop()
    with pytest.raises(aiohttp.ClientError):
        await scrape


async def test_idle_connection_does_not_hold_up_the_stop() -> None:
    """Prometheus keeps its connection open between scrapes; the stop closes it, well before any grace."""
    async with serving() as server, aiohttp.ClientSession() as session:
        async with session.get(server.urls[0] + "/metrics") as response:
            await response.read()
        await server.stop()
        assert await refused(server)
