"""Servers that keep what arrives, and the way to them."""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

from support.secrecy.canaries import IAM_TOKEN
from support.wires import answering

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
    async with answering(served.take, tls) as served.url:
        yield served


def serving_as(authority: trustme.CA, *names: str, **options: Any) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names, **options).configure_cert(context)
    return context
