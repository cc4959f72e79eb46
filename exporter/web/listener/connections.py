"""Limits the connections: how many are open, and how long each may take."""

from __future__ import annotations

import asyncio
import resource
import socket
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, cast

from aiohttp import web

from exporter.web.fair_share import client_of, who_gives_way

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from aiohttp.typedefs import Handler

    from exporter.common.clock import Clock

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nServer: modelarts-exporter\r\n"
    b"X-Content-Type-Options: nosniff\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
)

_NO_TLS_TEXT = b"this is an HTTPS port, and the request is plain HTTP\n"
_NO_TLS = (
    b"HTTP/1.1 400 Bad Request\r\nServer: modelarts-exporter\r\nX-Content-Type-Options: nosniff\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
) % (len(_NO_TLS_TEXT), _NO_TLS_TEXT)

_TLS_SHUTDOWN = 5.0
"""Seconds in which a client must confirm the end of a TLS connection."""


def _max_connections() -> int:
    """512, or half of the process's file descriptors if that is less; polls and files need the rest."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 512 if soft == resource.RLIM_INFINITY else min(512, soft // 2)


class ConnectionPhase(Enum):
    """What a connection is doing now."""

    HANDSHAKE = auto()
    """The TLS handshake is not complete."""
    IDLE = auto()
    """No request is being received: the connection is new, or open for another request."""
    READING = auto()
    """A part of a request's headers has arrived."""
    RESPONDING = auto()
    """A request is being handled, or its response is being sent."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of connections.

    Attributes:
        connections: open connections, on all addresses together.
        handshake: seconds for the TLS handshake.
        head: seconds from the first byte of a request to its last header.
        head_size: bytes of a request's headers in total. aiohttp limits each line to 8,190 bytes.
        answer: seconds from the last header until the client has received the response; more than the default
            scrape timeout of Prometheus.
        idle: seconds without a request; more than the five minutes after which Prometheus closes one.
    """

    connections: int = _max_connections()
    handshake: float = 10.0
    head: float = 10.0
    head_size: int = 64 * 2**10
    answer: float = 60.0
    idle: float = 330.0


class Connections:
    """All open connections. Enforces their limits.

    At the limit, one connection is closed for a new one; `who_gives_way` has the rule. The slowest is the one
    that has waited longest for a complete request, or else the one that has read nothing for longest. So
    clients that are idle or do not read keep nobody out.

    Args:
        limits: the limits.
        clock: measures the time of connections.
    """

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._open: dict[Connection, None] = {}  # a set that keeps the order
        self._by_protocol: dict[asyncio.BaseProtocol, Connection] = {}
        self._occupied = asyncio.Event()

    def __len__(self) -> int:
        return len(self._open)

    def serve(
        self,
        accepted: socket.socket,
        address: str,
        tls: Callable[[], ssl.SSLContext | None],
        protocol: Callable[[], asyncio.Protocol],
    ) -> None:
        """Serve an accepted connection.

        Args:
            accepted: its socket.
            address: the client's.
            tls: returns the TLS context; None for plain HTTP.
            protocol: creates the HTTP protocol.
        """
        client = client_of(address)
        if len(self._open) >= self._limits.connections and not self._made_room(client):
            accepted.close()
            return
        connection = Connection(client, protocol(), self._limits.head_size, self._clock)
        self._open[connection] = None
        self._by_protocol[connection.inner] = connection
        self._occupied.set()
        connection.task = asyncio.create_task(self._serve(connection, accepted, tls()))

    @web.middleware
    async def watch(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """A middleware that records when the handling of a request begins and ends."""
        connection = self._by_protocol[request.protocol]
        connection.enter(ConnectionPhase.RESPONDING)
        try:
            return await handler(request)
        finally:
            connection.answered()

    async def cut_off_the_slow(self) -> None:
        """Close connections that exceed their time. Runs forever; sleeps while no connection is open."""
        limits = self._limits
        # A phase that starts during the sleep may last at least this long, so nothing has to end the sleep.
        shortest = min(limits.handshake, limits.head, limits.answer, limits.idle)
        while True:
            await self._occupied.wait()
            now, wait = self._clock.monotonic(), shortest
            for connection in tuple(self._open):
                left = connection.since + self._allowed(connection) - now
                if left > 0:
                    wait = min(wait, left)
                else:
                    connection.abort()
            await self._clock.sleep(wait)

    def abort(self) -> None:
        """Abort all connections."""
        for connection in tuple(self._open):
            connection.abort()

    def _allowed(self, connection: Connection) -> float:
        match connection.phase:
            case ConnectionPhase.HANDSHAKE:
                return self._limits.handshake
            case ConnectionPhase.READING:
                return self._limits.head
            case ConnectionPhase.IDLE if not connection.unsent:
                return self._limits.idle
            case _:
                return self._limits.answer

    def _made_room(self, newcomer: str) -> bool:
        now = self._clock.monotonic()
        slowest = who_gives_way(
            self._open,
            newcomer,
            client=lambda connection: connection.client,
            slowness=lambda connection: connection.slowness(now),
        )
        if slowest is None:
            return False
        self._forget(slowest)
        slowest.abort()
        return True

    async def _serve(
        self, connection: Connection, accepted: socket.socket, tls: ssl.SSLContext | None
    ) -> None:
        try:
            # Not logged: clients that disconnect, and clients without TLS or without a valid certificate.
            with suppress(OSError):
                if tls and await _speaks_http(accepted):
                    await _answer(accepted, _NO_TLS)
                    return
                await asyncio.get_running_loop().connect_accepted_socket(
                    lambda: connection,
                    accepted,
                    ssl=tls,
                    ssl_shutdown_timeout=_TLS_SHUTDOWN if tls else None,
                    # Longer than `Limits.handshake`, so that asyncio's own timeout never comes first.
                    ssl_handshake_timeout=10 * self._limits.handshake if tls else None,
                )
                await connection.lost
        finally:
            accepted.close()
            self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        self._open.pop(connection, None)
        self._by_protocol.pop(connection.inner, None)
        if not self._open:
            self._occupied.clear()


async def _speaks_http(accepted: socket.socket) -> bool:
    """Whether a client begins with a letter, as HTTP does and no TLS record. Its bytes stay in the socket."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(accepted, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(accepted)
    return accepted.recv(1, socket.MSG_PEEK).isalpha()


async def _answer(accepted: socket.socket, response: bytes) -> None:
    """Respond without HTTP's help. Unread bytes would reset the connection before the client reads that."""
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(accepted, response)
    accepted.shutdown(socket.SHUT_WR)
    while await loop.sock_recv(accepted, 2**16):
        pass


class Connection(asyncio.Protocol):
    """Passes data between a socket and the HTTP protocol, and records what the connection is doing.

    Args:
        client: who connected.
        inner: the HTTP protocol.
        head_size: limit for the bytes of a request's headers.
        clock: measures the phases.

    Attributes:
        client: who connected.
        phase: what it is doing.
        since: the monotonic time at which the phase began.
        lost: done when the socket is closed.
        task: serves the connection from accept to close.
    """

    task: asyncio.Task[None]

    def __init__(self, client: str, inner: asyncio.Protocol, head_size: int, clock: Clock) -> None:
        self.client = client
        self.inner = inner
        self._head_size = head_size
        self._clock = clock
        self._transport: asyncio.Transport | None = None
        self._received = 0
        self._blocked_since: float | None = None
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.enter(ConnectionPhase.HANDSHAKE)

    def enter(self, phase: ConnectionPhase) -> None:
        """Start a phase."""
        self.phase, self.since, self._received = phase, self._clock.monotonic(), 0

    def answered(self) -> None:
        """Record the end of a request. A part of the next one may have arrived already."""
        self.enter(ConnectionPhase.READING if self._received else ConnectionPhase.IDLE)

    @property
    def unsent(self) -> int:
        """Bytes of the response that are not sent yet."""
        return self._transport.get_write_buffer_size() if self._transport else 0

    def slowness(self, now: float) -> tuple[bool, float] | None:
        """Whether it waits for a request, and seconds without progress; None if a response makes progress."""
        if self.phase is not ConnectionPhase.RESPONDING:
            return True, now - self.since
        return None if self._blocked_since is None else (False, now - self._blocked_since)

    def abort(self) -> None:
        """Close at once, without sending what is left."""
        if self._transport is None:
            self.task.cancel()
        else:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The handshake is complete."""
        self._transport = cast("asyncio.Transport", transport)
        self.enter(ConnectionPhase.IDLE)
        self.inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Bytes of one or several requests."""
        if self.phase is ConnectionPhase.IDLE:
            self.enter(ConnectionPhase.READING)
        self._received += len(data)
        if self.phase is ConnectionPhase.READING and self._received > self._head_size:
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
        """The client reads slowly."""
        self._blocked_since = self._clock.monotonic()
        self.inner.pause_writing()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._blocked_since = None
        self.inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Closed."""
        self.inner.connection_lost(exc)
        if not self.lost.done():
            self.lost.set_result(None)
