"""The exporter's transport, and a real server with one handler to send to."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiohttp import web

from exporter.transport.http import HttpTransport

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

    from aiohttp.typedefs import Handler


@asynccontextmanager
async def answering(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """The URL of a server that answers every request with the handler."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        yield f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def transport(**options: Any) -> AsyncIterator[HttpTransport]:
    """A transport that is closed afterwards."""
    made = HttpTransport(**options)
    try:
        yield made
    finally:
        await made.close()


class Site:
    """A server that remembers connections and answers with what it was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.connections: set[Any] = set()

    async def echo(self, request: web.Request) -> web.Response:
        self.connections.add(request.transport)
        return web.json_response(
            {"path": request.raw_path, "body": (await request.read()).decode()}, headers={"X-Twice": "a"}
        )


@asynccontextmanager
async def site(tls: ssl.SSLContext | None = None) -> AsyncIterator[Site]:
    served = Site()
    async with answering(served.echo, tls) as served.url:
        yield served
