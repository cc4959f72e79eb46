"""How many clients there may be at once, and how long each may take for what."""

from __future__ import annotations

import asyncio
import resource
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, cast

from aiohttp import web

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable

    from aiohttp.typedefs import Handler

    from exporter.common.clock import Clock

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nServer: modelarts-exporter\r\n"
    b"X-Content-Type-Options: nosniff\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
)

_TLS_GOODBYE = 5.0
"""Seconds that a client may take to confirm the end of a TLS connection."""


def _affordable() -> int:
    """Connections that leave half of the process's descriptors to polls and files."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 512 if soft == resource.RLIM_INFINITY else min(512, soft // 2)


class Phase(Enum):
    """What a connection is at."""

    GREETING = auto()
    """Its TLS handshake."""
    QUIET = auto()
    """Nothing: it is new, or kept for a next request."""
    ASKING = auto()
    """A request has begun to arrive, its last header has not."""
    ANSWERING = auto()
    """The request is worked on, or the client is taking its answer."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What clients may take.

    Attributes:
        connections: at once, on all addresses together.
        handshake: seconds for TLS to be agreed on.
        head: seconds from the first byte of a request to its last header.
        head_size: bytes of that; each line has aiohttp's limit besides, 8,190.
        answer: seconds from there until the client has taken the whole answer; more than Prometheus gives a
            scrape unless told otherwise.
        idle: seconds without a request; more than the five minutes after which Prometheus hangs up by itself.
    """

    connections: int = _affordable()
    handshake: float = 10.0
    head: float = 10.0
    head_size: int = 64 * 2**10
    answer: float = 60.0
    idle: float = 330.0


class Connections:
    """All connections, each watched.

    Where there are as many as there may be, a new one takes the place of the one that has gone longest
    without a whole request, so that idle clients keep nobody out; where all are being answered, it is closed.

    Args:
        limits: what clients may take.
        clock: the time.
    """

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._open: set[Connection] = set()
        self._by_protocol: dict[asyncio.BaseProtocol, Connection] = {}
        self._somebody = asyncio.Event()

    def __len__(self) -> int:
        return len(self._open)

    def take(
        self,
        accepted: socket.socket,
        tls: Callable[[], ssl.SSLContext | None],
        protocol: Callable[[], asyncio.Protocol],
    ) -> None:
        """Serve a client.

        Args:
            accepted: its socket.
            tls: gives the context to greet it with; None for plain HTTP.
            protocol: makes what understands it.
        """
        if len(self._open) >= self._limits.connections and not self._made_room():
            accepted.close()
            return
        connection = Connection(protocol(), self._limits.head_size, self._clock)
        self._open.add(connection)
        self._by_protocol[connection.inner] = connection
        self._somebody.set()
        connection.greeting = asyncio.create_task(self._serve(connection, accepted, tls()))

    @web.middleware
    async def watch(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Tells a connection's phases apart."""
        connection = self._by_protocol[request.protocol]
        connection.enter(Phase.ANSWERING)
        try:
            return await handler(request)
        finally:
            connection.answered()

    async def cut_off_the_slow(self) -> None:
        """End whatever takes too long, for ever. Sleeps while nobody is connected."""
        limits = self._limits
        # What begins during a sleep has this long at least, so nobody needs to be told of it.
        shortest = min(limits.handshake, limits.head, limits.answer, limits.idle)
        while True:
            await self._somebody.wait()
            now, wait = self._clock.monotonic(), shortest
            for connection in tuple(self._open):
                left = connection.since + self._allowed(connection) - now
                if left > 0:
                    wait = min(wait, left)
                else:
                    connection.abort()
            await self._clock.sleep(wait)

    def abort(self) -> None:
        """End all of them at once."""
        for connection in tuple(self._open):
            connection.abort()

    def _allowed(self, connection: Connection) -> float:
        match connection.phase:
            case Phase.GREETING:
                return self._limits.handshake
            case Phase.ASKING:
                return self._limits.head
            case Phase.QUIET if not connection.unsent:
                return self._limits.idle
            case _:
                return self._limits.answer

    def _made_room(self) -> bool:
        waiting = [connection for connection in self._open if connection.phase is not Phase.ANSWERING]
        if not waiting:
            return False
        longest = min(waiting, key=lambda connection: connection.since)
        self._forget(longest)
        longest.abort()
        return True

    async def _serve(
        self, connection: Connection, accepted: socket.socket, tls: ssl.SSLContext | None
    ) -> None:
        try:
            # A client that speaks no TLS, shows no good certificate or hangs up: its own affair, no line in
            # the log.
            with suppress(OSError):
                await asyncio.get_running_loop().connect_accepted_socket(
                    lambda: connection,
                    accepted,
                    ssl=tls,
                    ssl_shutdown_timeout=_TLS_GOODBYE if tls else None,
                    # The handshake's end is ours to tell; asyncio's is only to come after it.
                    ssl_handshake_timeout=10 * self._limits.handshake if tls else None,
                )
                await connection.lost
        finally:
            accepted.close()
            self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        self._open.discard(connection)
        self._by_protocol.pop(connection.inner, None)
        if not self._open:
            self._somebody.clear()


class Connection(asyncio.Protocol):
    """Stands between a socket and the protocol that understands HTTP, and sees what passes.

    Args:
        inner: to hand everything on to.
        head_size: bytes that a request may have up to its last header.
        clock: the time.

    Attributes:
        phase: what it is at.
        since: the monotonic moment at which that began.
        lost: done once the socket is closed.
        greeting: the task that holds it from its first moment to its last.
    """

    greeting: asyncio.Task[None]

    def __init__(self, inner: asyncio.Protocol, head_size: int, clock: Clock) -> None:
        self.inner = inner
        self._head_size = head_size
        self._clock = clock
        self._transport: asyncio.Transport | None = None
        self._received = 0
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.enter(Phase.GREETING)

    def enter(self, phase: Phase) -> None:
        """From now on it is at something else."""
        self.phase, self.since, self._received = phase, self._clock.monotonic(), 0

    def answered(self) -> None:
        """The request is done with; of a next one, part may have come in the meantime."""
        self.enter(Phase.ASKING if self._received else Phase.QUIET)

    @property
    def unsent(self) -> int:
        """Bytes that the client has yet to take."""
        return self._transport.get_write_buffer_size() if self._transport else 0

    def abort(self) -> None:
        """End it at once, whatever it has yet to send."""
        if self._transport is None:
            self.greeting.cancel()
        else:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greeted: HTTP begins."""
        self._transport = cast("asyncio.Transport", transport)
        self.enter(Phase.QUIET)
        self.inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Part of a request, or of several."""
        if self.phase is Phase.QUIET:
            self.enter(Phase.ASKING)
        self._received += len(data)
        if self.phase is Phase.ASKING and self._received > self._head_size:
            self._refuse()
        else:
            self.inner.data_received(data)

    def _refuse(self) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.write(_TOO_LARGE)
            self._transport.close()

    def eof_received(self) -> bool | None:
        """The client sends no more."""
        return self.inner.eof_received()

    def pause_writing(self) -> None:
        """The client takes its answer slowly."""
        self.inner.pause_writing()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self.inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Closed."""
        self.inner.connection_lost(exc)
        if not self.lost.done():
            self.lost.set_result(None)
