"""A local HTTP server that answers what a test says and keeps what it was asked."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.test_utils import TestServer

from exporter.transport.http import HttpTransport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def call(self) -> str:
        return f"{self.method} {self.target}"


@dataclass(frozen=True)
class StubService:
    url: str
    transport: HttpTransport
    asked: list[Asked] = field(default_factory=list)

    @property
    def calls(self) -> list[str]:
        return [asked.call for asked in self.asked]


@asynccontextmanager
async def stub_service(answer: Callable[[Asked], Awaitable[web.Response]]) -> AsyncIterator[StubService]:
    """Serve on a free port of 127.0.0.1, with a transport that uses no proxy."""
    asked: list[Asked] = []

    async def handle(request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked.append(Asked(request.method, request.raw_path, headers, await request.read()))
        return await answer(asked[-1])

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handle)
    async with TestServer(application) as server:
        transport = HttpTransport(direct=True, connections=100)
        try:
            yield StubService(str(server.make_url("")).rstrip("/"), transport, asked)
        finally:
            await transport.close()
