"""Servers that keep what arrives, and the way to them."""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web
from canaries import IAM_TOKEN

from exporter.transport import HttpTransport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import trustme

BEARING = {"X-Auth-Token": IAM_TOKEN}


@dataclass
class Place:
    """A server that keeps what arrives, headers and all."""

    url: str = ""
    arrived: list[str] = field(default_factory=list)
    answer: Any = None

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.arrived.append(f"{request.method} {request.raw_path} {dict(request.headers)} {body!r}")
        return self.answer(request) if self.answer else web.Response(text="{}")


@asynccontextmanager
async def place(tls: ssl.SSLContext | None = None, answer: Any = None) -> AsyncIterator[Place]:
    served = Place(answer=answer)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", served.take)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        served.url = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
        yield served
    finally:
        await runner.cleanup()


@asynccontextmanager
async def transport(**options: Any) -> AsyncIterator[HttpTransport]:
    made = HttpTransport(**options)
    try:
        yield made
    finally:
        await made.close()


def serving_as(authority: trustme.CA, *names: str, **options: Any) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names, **options).configure_cert(context)
    return context
