"""HTTP that no server means well with: bounded in memory, and an error that says which kind it is."""

from __future__ import annotations

import asyncio
import zlib
from contextlib import asynccontextmanager
from gzip import compress
from typing import TYPE_CHECKING

import pytest

from exporter.common.errors import BadResponse, ConnectionFailed, PollError
from exporter.transport.http import MAX_BODY, HttpTransport, Request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
MIB = 2**20


def bomb() -> bytes:
    """A kilobyte for every megabyte that it unpacks to."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(bytes(MIB)) for _ in range(MAX_BODY // MIB + 2)) + packer.flush()


def sized(headers: bytes, body: bytes) -> bytes:
    return OK + headers + b"Content-Length: %d\r\n\r\n" % len(body) + body


@asynccontextmanager
async def answering(parts: Iterable[bytes]) -> AsyncIterator[str]:
    """A server that sends just these bytes."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


HOSTILE: dict[str, tuple[type[PollError], list[bytes]]] = {
    "gzip bomb": (BadResponse, [sized(b"Content-Encoding: gzip\r\n", bomb())]),
    "garbage behind gzip": (BadResponse, [sized(b"Content-Encoding: gzip\r\n", compress(b"{}") + b"more")]),
    "no brotli": (BadResponse, [sized(b"Content-Encoding: br\r\n", b"\x0b\x02\x80{}\x03")]),
    "endless body": (BadResponse, [OK + b"Content-Length: 4294967296\r\n\r\n", *[bytes(MIB)] * 80]),
    "endless chunks": (BadResponse, [CHUNKED, *[b"100000\r\n" + bytes(MIB) + b"\r\n"] * 80]),
    "endless chunk size": (ConnectionFailed, [CHUNKED + b"2;", *[b"a" * MIB] * 8]),
    "short body": (ConnectionFailed, [OK + b"Content-Length: 100\r\n\r\n{}"]),
    "negative length": (BadResponse, [OK + b"Content-Length: -5\r\n\r\n{}"]),
    "absurd length": (BadResponse, [OK + b"Content-Length: 99999999999999999999999\r\n\r\n{}"]),
    "two lengths": (BadResponse, [OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}"]),
    "many headers": (BadResponse, [OK, *[b"X-A: y\r\n" * 1000] * 100, b"Content-Length: 0\r\n\r\n"]),
    "long header": (BadResponse, [OK + b"X-A: " + b"y" * MIB + b"\r\nContent-Length: 0\r\n\r\n"]),
    "long status": (BadResponse, [b"HTTP/1.1 200 " + b"O" * MIB + b"\r\n\r\n"]),
    "absurd status": (BadResponse, [b"HTTP/1.1 99999 OK\r\nContent-Length: 0\r\n\r\n"]),
}


@pytest.mark.parametrize(("error", "parts"), HOSTILE.values(), ids=HOSTILE)
async def test_a_hostile_answer_is_an_error(error: type[PollError], parts: list[bytes]) -> None:
    """Of the tree, on one line; none reaches what asked for it."""
    transport = HttpTransport()
    try:
        async with answering(parts) as url:
            with pytest.raises(error) as raised:
                await transport.send(Request("GET", url))
    finally:
        await transport.close()
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 1500
