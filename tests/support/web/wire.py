"""Raw bytes to a server and back, and a clock for what takes time."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from support.fakes import FakeClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from exporter.web.listener.server import Server

HEALTHY = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"


class HeldClock(FakeClock):
    """Time passes only in `pass_by`; whoever sleeps meanwhile waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self._passed = asyncio.Condition()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        end = self.monotonic() + seconds
        async with self._passed:
            await self._passed.wait_for(lambda: self.monotonic() >= end)

    async def pass_by(self, seconds: float) -> None:
        async with self._passed:
            self.advance(seconds)
            self._passed.notify_all()
        for _ in range(5):  # whoever waited takes a few turns of the loop
            await asyncio.sleep(0)


@asynccontextmanager
async def connected(server: Server) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(*server.addresses[0])
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def told(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """One answer: status, headers, body."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    status, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return int(status.split()[1]), headers, await reader.readexactly(int(headers.get("Content-Length", 0)))


async def everything(reader: asyncio.StreamReader) -> bytes:
    """What comes until the other end closes or hangs up."""
    received = b""
    with suppress(ConnectionError):
        while part := await reader.read(2**16):
            received += part
    return received


async def said_to(server: Server, request: bytes, clock: HeldClock) -> bytes:
    """What a client hears that says this and no more, until its time is up."""
    async with connected(server) as (reader, writer):
        writer.write(request)
        heard = asyncio.create_task(everything(reader))
        for _ in range(10):  # the server reads, and answers
            await asyncio.sleep(0)
        while not heard.done():
            await clock.pass_by(400)
        return await heard
