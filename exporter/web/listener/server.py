"""The web server's sockets: listens, accepts connections, and stops in order."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import socket
from typing import TYPE_CHECKING, cast

import structlog
from aiohttp import web

from exporter.common.errors import ConfigurationError, InUse, Problem
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


_ANY_IPV4 = "0.0.0.0"  # noqa: S104  (for who asks for it)

_REACHABLE = {"::": "localhost", _ANY_IPV4: "127.0.0.1"}
"""Hosts for a browser on this machine, by the address that stands for all of them."""

_CLOSE_CHECK = 0.01
"""Seconds between two checks whether all connections have closed."""

_LINGER = 1.0
"""Seconds for which further bytes of a client are read and discarded, so that it can read its response."""

_NEVER = 10.0**6
"""Seconds. Stands for no timeout."""

_ACCEPT_PAUSE = 1.0
"""Seconds until the next attempt, if a connection cannot be accepted (usually: no free file descriptor)."""


class Server:
    """Serves one application on several addresses.

    Args:
        application: what to serve.
        listen: hosts and ports. Host None or `::` means every address of the machine, IPv4 and IPv6; port 0
            means any free port.
        clock: for the time limits.
        tls: returns the context for a new connection; None for plain HTTP.
        limits: the limits of connections.
        grace: seconds after a stop until requests in flight are cut off.

    Attributes:
        addresses: hosts and ports as bound; empty before the start.
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
        """URLs for a browser on this machine, one for each address."""
        return tuple(
            f"{self._scheme}://{_shown(_REACHABLE.get(host, host), port)}" for host, port in self.addresses
        )

    @property
    def bound_urls(self) -> tuple[str, ...]:
        """The same with the addresses as bound, for the log: `http://[::]:10310`."""
        return tuple(f"{self._scheme}://{_shown(host, port)}" for host, port in self.addresses)

    @property
    def _scheme(self) -> str:
        return "https" if self._tls() else "http"

    async def start(self) -> None:
        """Listen on every address.

        Raises:
            ConfigurationError: lists every address that cannot be bound. Then no address is bound.
            InUse: the same, if all that is wrong is that other programs listen there.
        """
        self._sockets = _bound(self._listen)
        await self._runner.setup()
        for bound in self._sockets:
            self._listen_to(bound)
        self._tasks = {asyncio.create_task(self._connections.cut_off_the_slow())}
        self.addresses = tuple(bound.getsockname()[:2] for bound in self._sockets)

    async def stop(self) -> None:
        """Stop accepting, give requests in flight the grace period, then cut off the rest."""
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
        # aiohttp has closed every connection by now, but a closed transport still sends its buffer. A slow
        # client should get the end of its response; a client that never reads is cut off below.
        try:
            async with asyncio.timeout_at(end):
                while len(self._connections):  # noqa: ASYNC110  (there is no event for it)
                    await asyncio.sleep(_CLOSE_CHECK)
        except TimeoutError:
            self._connections.abort()

    def _accept(self, bound: socket.socket) -> None:
        """Accept one connection.

        Own code, because asyncio's servers have no limit on connections, and never change their TLS context.
        """
        try:
            accepted, address = bound.accept()
        except (BlockingIOError, ConnectionError):
            return  # the client has closed the connection already
        except OSError as error:
            log.warning("connections cannot be accepted", reason=error.strerror)
            asyncio.get_running_loop().remove_reader(bound)
            task = asyncio.create_task(self._accept_later(bound))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return
        accepted.setblocking(False)
        self._connections.serve(accepted, address[0], self._tls, self._protocol)

    async def _accept_later(self, bound: socket.socket) -> None:
        await self._clock.sleep(_ACCEPT_PAUSE)
        self._listen_to(bound)

    def _listen_to(self, bound: socket.socket) -> None:
        asyncio.get_running_loop().add_reader(bound, self._accept, bound)

    def _protocol(self) -> asyncio.Protocol:
        return HttpProtocol(
            cast("web.Server", self._runner.server),  # there is one from start to stop
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # means none, as everywhere in aiohttp
            keepalive_timeout=_NEVER,  # Connections enforces its own limits
            lingering_time=_LINGER,
            auto_decompress=False,  # no body is read, so none is decompressed
        )


def _bound(listen: Sequence[tuple[str | None, int]]) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    problems: list[Problem] = []
    only_busy = True
    ipv4_ports = {port for host, port in listen if port and _is_ipv4(host)}
    for host, port in listen:
        try:
            sockets.append(_bind(host, port, dual=host is None or port not in ipv4_ports))
        except OSError as error:
            shown = _shown(host or "", port)
            problems.append(Problem("web.listen_address", f"{shown} {_reason(error)}"))
            only_busy = only_busy and error.errno == errno.EADDRINUSE
    if problems:
        for bound in sockets:
            bound.close()
        raise (InUse if only_busy else ConfigurationError)(*problems)
    for bound in sockets:
        bound.setblocking(False)
    return sockets


def _bind(host: str | None, port: int, *, dual: bool) -> socket.socket:
    """Bind one socket for an address, like exporters in Go: `::` takes IPv4 too, a name is its IPv4 address.

    If an IPv4 address with the same port is listened on besides (not `dual`), `::` takes IPv6 only: otherwise
    the two would be in each other's way.

    Own code, because for all addresses of the machine asyncio opens two sockets. With port 0 they get
    different ports, and before Python 3.13 it fails if IPv6 is disabled.
    """
    if host is None or _is_any_ipv6(host):
        if socket.has_dualstack_ipv6():
            try:
                return socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=dual)
            except OSError as error:
                if error.errno != errno.EADDRNOTAVAIL:
                    raise
        host = _ANY_IPV4
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    family, _, _, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    return socket.create_server(address, family=family)


def _is_ipv4(host: str | None) -> bool:
    try:
        ipaddress.IPv4Address(host or "")
    except ValueError:
        return False
    return True


def _is_any_ipv6(host: str) -> bool:
    try:
        return ipaddress.IPv6Address(host).is_unspecified
    except ValueError:
        return False


def _reason(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "has a host that cannot be resolved"
    number = error.errno or 0
    return _ADVICE.get(number) or f"cannot be listened on: {os.strerror(number)}"


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
