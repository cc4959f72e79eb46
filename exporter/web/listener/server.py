"""Listens, and ends in an orderly way."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from typing import TYPE_CHECKING, cast

import structlog
from aiohttp import web

from exporter.common.errors import ConfigurationError, Problem
from exporter.web.listener.connections import Connections, Limits
from exporter.web.listener.protocol import HttpProtocol

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence

    from exporter.common.clock import Clock

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_ADVICE = {
    errno.EADDRINUSE: "is in use; end the other program, or choose another address",
    errno.EACCES: "is not permitted; ports below 1024 need a privilege, choose a higher one",
    errno.EADDRNOTAVAIL: "is not an address of this machine",
}


_LOOK = 0.01
"""Seconds between two looks at the connections that have yet to close."""

_LINGER = 1.0
"""Seconds that what a client sends on is read and thrown away, so that it finds its answer first."""

_NEVER = 10.0**6
"""Seconds."""

_BREATHER = 1.0
"""Seconds to wait where no connection can be accepted: most likely descriptors are short."""


class Server:
    """Serves one application on several addresses.

    Args:
        application: what to serve.
        listen: host and port of each; host None is every address of the machine, port 0 any free one.
        clock: to tell who takes too long.
        tls: asked for each connection: the context to greet it with; None for plain HTTP.
        limits: what clients may take.
        grace: seconds that requests in flight may take to end once it stops; it is over then, whatever
            clients do.

    Attributes:
        addresses: host and port of each as really bound; empty before the start.
    """

    def __init__(
        self,
        application: web.Application,
        listen: Sequence[tuple[str | None, int]],
        *,
        clock: Clock,
        tls: Callable[[], ssl.SSLContext | None] = lambda: None,
        limits: Limits = Limits(),  # noqa: B008  (it is immutable)
        grace: float = 5.0,
    ) -> None:
        self._connections = Connections(limits, clock)
        application.middlewares.insert(0, self._connections.watch)
        self._runner = web.AppRunner(
            application,
            shutdown_timeout=grace / 2,  # aiohttp waits twice, for a request's end and for its task's
        )
        self._clock = clock
        self._grace = grace
        self._listen = listen
        self._tls = tls
        self._tasks: set[asyncio.Task[None]] = set()
        self._sockets: list[socket.socket] = []
        self.addresses: tuple[tuple[str, int], ...] = ()

    @property
    def urls(self) -> tuple[str, ...]:
        """Where to point a browser on this machine, one for each address."""
        scheme = "https" if self._tls() else "http"
        return tuple(f"{scheme}://{_shown(_reachable(host), port)}" for host, port in self.addresses)

    async def start(self) -> None:
        """Listen on every address.

        Raises:
            ConfigurationError: with every address that is in use, not permitted or unknown; none is bound.
        """
        self._sockets = _bound(self._listen)
        await self._runner.setup()
        for bound in self._sockets:
            self._listen_to(bound)
        self._tasks = {asyncio.create_task(self._connections.cut_off_the_slow())}
        self.addresses = tuple(bound.getsockname()[:2] for bound in self._sockets)

    async def stop(self) -> None:
        """Accept no more connections, let requests in flight end within the grace, cut off the rest."""
        end = asyncio.get_running_loop().time() + self._grace
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for bound in self._sockets:
            asyncio.get_running_loop().remove_reader(bound)
            bound.close()
        self._sockets.clear()
        await self._runner.cleanup()
        # By now aiohttp has closed every one, but a closed transport still sends what it holds: the end of an
        # answer to a slow client, which is to arrive whole, or to a client that reads nothing for ever.
        try:
            async with asyncio.timeout_at(end):
                while len(self._connections):  # noqa: ASYNC110  (their ends are nobody's event)
                    await asyncio.sleep(_LOOK)
        except TimeoutError:
            self._connections.abort()

    def _accept(self, bound: socket.socket) -> None:
        """Take up whoever has connected.

        Own code: asyncio's servers accept without a bound, and keep one TLS context for good.
        """
        try:
            accepted, _ = bound.accept()
        except (BlockingIOError, ConnectionError):
            return  # hung up before its turn
        except OSError as error:
            log.warning("no connection can be accepted", reason=error.strerror)
            asyncio.get_running_loop().remove_reader(bound)
            task = asyncio.create_task(self._accept_later(bound))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return
        accepted.setblocking(False)
        self._connections.take(accepted, self._tls, self._protocol)

    async def _accept_later(self, bound: socket.socket) -> None:
        await self._clock.sleep(_BREATHER)
        self._listen_to(bound)

    def _listen_to(self, bound: socket.socket) -> None:
        asyncio.get_running_loop().add_reader(bound, self._accept, bound)

    def _protocol(self) -> asyncio.Protocol:
        return HttpProtocol(
            cast("web.Server", self._runner.server),  # there is one from start to stop
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # means none, as everywhere in aiohttp
            keepalive_timeout=_NEVER,  # the connections keep their own limits
            lingering_time=_LINGER,
            auto_decompress=False,  # no body is read, and none to be blown up
        )


def _bound(listen: Sequence[tuple[str | None, int]]) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    problems: list[Problem] = []
    for host, port in listen:
        try:
            sockets.append(_bind(host, port))
        except OSError as error:
            shown = _shown(host or "", port)
            problems.append(Problem("web.listen_address", f"{shown} {_reason(error)}"))
    if problems:
        for bound in sockets:
            bound.close()
        raise ConfigurationError(*problems)
    for bound in sockets:
        bound.setblocking(False)
    return sockets


def _bind(host: str | None, port: int) -> socket.socket:
    """One socket per address, as Go's exporters have it.

    Own code: for every address of the machine asyncio opens two, which differ when the port is 0, and before
    Python 3.13 it fails where IPv6 is switched off.
    """
    if host is None and socket.has_dualstack_ipv6():
        try:
            return socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:
                raise
    found = socket.getaddrinfo(host or "0.0.0.0", port, type=socket.SOCK_STREAM)  # noqa: S104  (asked for)
    family, _, _, _, address = found[0]
    return socket.create_server(address, family=family)


def _reason(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "has a host that cannot be resolved"
    number = error.errno or 0
    return _ADVICE.get(number) or f"cannot be listened on: {os.strerror(number)}"


def _reachable(host: str) -> str:
    return "localhost" if host in {"::", "0.0.0.0"} else host  # noqa: S104  (compared, not bound)


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
