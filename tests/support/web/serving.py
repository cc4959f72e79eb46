"""A running server with made-up backend, and ways to ask it."""

from __future__ import annotations

import gzip as gzip_module
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp

from exporter.common.clock import SystemClock
from exporter.web.application import Backend, application
from exporter.web.config_watch import WebConfigWatcher
from exporter.web.listener.connections import Limits
from exporter.web.listener.server import Server
from support.fakes import FakeClock

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Mapping

    from exporter.common.clock import Clock

TEXT = b"# TYPE up gauge\nup 1\n"
OPENMETRICS = TEXT + b"# EOF\n"


class FakeExposition:
    """Answers at once, and remembers what was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[bool, bool, frozenset[str]]] = []

    async def scrape(self, *, openmetrics: bool, gzip: bool, names: frozenset[str]) -> tuple[bytes, ...]:
        self.asked.append((openmetrics, gzip, names))
        body = OPENMETRICS if openmetrics else TEXT
        whole = gzip_module.compress(body) if gzip else body
        return whole[:9], whole[9:]


def backend(**given: Any) -> Backend:
    usual: dict[str, Any] = {
        "exposition": FakeExposition(),
        "alive": lambda: True,
        "ready": lambda: True,
        "pools": list,
    }
    return Backend(**usual | given)


@asynccontextmanager
async def serving(
    given: Backend | None = None,
    *,
    config: WebConfigWatcher | None = None,
    clock: Clock | None = None,
    telemetry_path: str = "/metrics",
    max_requests: int = 40,
    pace: Clock | None = None,
    limits: Limits = Limits(),  # noqa: B008  (it is immutable)
) -> AsyncIterator[Server]:
    """A server on a free port; `pace` is the clock that slow clients are measured with."""
    config = config or WebConfigWatcher()
    app = application(
        given or backend(),
        config=config,
        clock=clock or FakeClock(),
        telemetry_path=telemetry_path,
        max_requests=max_requests,
    )
    server = Server(app, [("127.0.0.1", 0)], clock=pace or SystemClock(), tls=config.tls, limits=limits)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


class Answer:
    """Status, headers and the body as it came over the wire."""

    def __init__(self, response: aiohttp.ClientResponse, body: bytes) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = body
        self.text = body.decode(errors="replace")


async def ask(
    server: Server,
    path: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
) -> Answer:
    """One request on a connection of its own, without any header that is not given."""
    async with aiohttp.ClientSession(
        auto_decompress=False, skip_auto_headers=["Accept", "Accept-Encoding", "User-Agent"]
    ) as session:
        url = server.urls[0] + path
        async with session.request(method, url, headers=headers, ssl=tls or True) as response:
            return Answer(response, await response.read())


class Shared(FakeExposition):
    """The same 24 MB for everybody."""

    pieces = (bytes(2**20),) * 24

    async def scrape(self, *, openmetrics: bool, gzip: bool, names: frozenset[str]) -> tuple[bytes, ...]:
        self.asked.append((openmetrics, gzip, names))
        return self.pieces
