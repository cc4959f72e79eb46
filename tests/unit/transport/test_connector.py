"""A kept connection is used again only if nothing has arrived on it since its answer."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
import trustme
from support.waiting import until
from support.wires import transport

from exporter.transport.http import Request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from aiohttp.client_proto import ResponseHandler

    from exporter.transport.http import HttpTransport


def answer(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


@dataclass
class Gateway:
    """Answers every request with its own path, and then sends what nobody asked for.

    Attributes:
        at_once: sent together with the answer.
        late: sent when `release` is set, on the connection that is idle by then.
    """

    at_once: bytes = b""
    late: bytes = b""
    release: asyncio.Event = field(default_factory=asyncio.Event)
    sent: asyncio.Event = field(default_factory=asyncio.Event)
    connections: int = 0
    ended: list[asyncio.Event] = field(default_factory=list)
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        first, ended = self.connections == 1, asyncio.Event()
        self.ended.append(ended)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(answer(head.split()[1]) + (self.at_once if first else b""))
                await writer.drain()
                if first and self.late:
                    await self.release.wait()
                    writer.write(self.late)
                    self.sent.set()
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
        finally:
            ended.set()


@asynccontextmanager
async def gateway(
    tls: ssl.SSLContext | None = None, *, at_once: bytes = b"", late: bytes = b""
) -> AsyncIterator[Gateway]:
    made = Gateway(at_once, late)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        port = server.sockets[0].getsockname()[1]
        made.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        yield made
        made.release.set()
        for ended in made.ended:
            await ended.wait()


async def body(http: HttpTransport, url: str) -> bytes:
    return (await http.send(Request("GET", url))).body


def idle(http: HttpTransport) -> ResponseHandler:
    """The one kept connection."""
    assert http._session.connector is not None
    [[(protocol, _)]] = http._session.connector._conns.values()
    return protocol


def pause(http: HttpTransport) -> None:
    """Read no more from the kept connection."""
    connection = idle(http).transport
    assert isinstance(connection, asyncio.ReadTransport)
    connection.pause_reading()


async def arrived(http: HttpTransport, late: bytes) -> None:
    """Wait until this lies unread on the kept connection."""

    async def unread() -> bytes:
        return idle(http)._tail

    await until(unread, lambda seen: seen == late)


async def test_a_duplicate_beside_the_answer_is_not_the_next_answer() -> None:
    """Two answers to one request, in one piece: the connection ends with the first."""
    async with gateway(at_once=answer(b"/a")) as served, transport() as http:
        assert [await body(http, f"{served.url}{path}") for path in ("/a", "/b", "/c")] == [
            b"/a",
            b"/b",
            b"/c",
        ]
        assert served.connections == 2


@pytest.mark.parametrize(
    "late",
    [
        answer(b"/a"),
        answer(b"/a") * 3,
        answer(b"/a")[:30],
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n/",
        b"\r\n",
        b"?",
    ],
    ids=["duplicate", "several", "begin of a head", "begin of a body", "empty line", "no HTTP"],
)
async def test_what_arrives_on_an_idle_connection_is_nobodys_answer(late: bytes) -> None:
    """A late duplicate, whole or not, is no answer to the next request: that has a new connection."""
    async with gateway(late=late) as served, transport() as http:
        assert await body(http, f"{served.url}/a") == b"/a"
        served.release.set()
        await arrived(http, late)
        assert [await body(http, f"{served.url}{path}") for path in ("/b", "/c")] == [b"/b", b"/c"]
        assert served.connections == 2


async def test_what_the_event_loop_has_not_read_yet_counts_too() -> None:
    """The duplicate lies in the socket while the loop is busy: it has arrived before the next request."""
    async with gateway(late=answer(b"/a")) as served, transport() as http:
        assert await body(http, f"{served.url}/a") == b"/a"
        pause(http)  # as a loop that has no time for it
        served.release.set()
        await served.sent.wait()
        assert await body(http, f"{served.url}/b") == b"/b"
        assert served.connections == 2


async def test_behind_tls_it_is_the_same(tmp_path: Path) -> None:
    """And a connection on which nothing arrives is used again: TLS's own messages are no answers."""
    authority = trustme.CA()
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    async with gateway(serving, late=answer(b"/a")) as served, transport(ca_file=ca_file) as http:
        assert await body(http, f"{served.url}/a") == b"/a"
        served.release.set()
        await arrived(http, answer(b"/a"))
        assert [await body(http, f"{served.url}{path}") for path in ("/b", "/c", "/d")] == [
            b"/b",
            b"/c",
            b"/d",
        ]
        assert served.connections == 2


async def test_an_endless_stream_on_an_idle_connection_fills_no_memory() -> None:
    """Reading stops after 64 KiB, whatever the bytes are."""
    async with gateway(late=answer(b"x") * 100_000) as served, transport() as http:
        assert await body(http, f"{served.url}/a") == b"/a"
        served.release.set()

        async def paused() -> bool:
            return idle(http)._buffer_paused

        await until(paused)
        assert len(idle(http)._tail) <= 2**20
        assert await body(http, f"{served.url}/b") == b"/b"


async def test_requests_that_wait_for_a_connection_get_no_used_up_one() -> None:
    """With one connection allowed: whoever waits for it gets it checked as well."""
    async with gateway(at_once=answer(b"/0")) as served, transport(connections=1) as http:
        paths = [b"/%d" % number for number in range(8)]
        assert await asyncio.gather(*(body(http, served.url + path.decode()) for path in paths)) == paths
