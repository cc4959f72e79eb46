"""Listens, and ends in an orderly way."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from typing import TYPE_CHECKING

from aiohttp import web

from exporter.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

_ADVICE = {
    errno.EADDRINUSE: "is in use; end the other program, or choose another address",
    errno.EACCES: "is not permitted; ports below 1024 need a privilege, choose a higher one",
    errno.EADDRNOTAVAIL: "is not an address of this machine",
}


_LOOK = 0.01
"""Seconds between two looks at the connections that have yet to close."""


class Server:
    """Serves one application on several addresses.

    Args:
        application: what to serve.
        listen: host and port of each; host None is every address of the machine, port 0 any free one.
        tls: the context to listen with; None for plain HTTP.
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
        tls: ssl.SSLContext | None = None,
        grace: float = 5.0,
    ) -> None:
        # Half of it: aiohttp waits twice, for a request's end and for its task's.
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=grace / 2)
        self._grace = grace
        self._listen = listen
        self._tls = tls
        self.addresses: tuple[tuple[str, int], ...] = ()

    @property
    def urls(self) -> tuple[str, ...]:
        """Where to point a browser on this machine, one for each address."""
        scheme = "https" if self._tls else "http"
        return tuple(f"{scheme}://{_shown(_reachable(host), port)}" for host, port in self.addresses)

    async def start(self) -> None:
        """Listen on every address.

        Raises:
            ConfigurationError: with every address that is in use, not permitted or unknown; none is bound.
        """
        sockets = _bound(self._listen)
        await self._runner.setup()
        for bound in sockets:
            await web.SockSite(self._runner, bound, ssl_context=self._tls).start()
        self.addresses = tuple(bound.getsockname()[:2] for bound in sockets)

    async def stop(self) -> None:
        """Accept no more connections, let requests in flight end within the grace, cut off the rest."""
        end = asyncio.get_running_loop().time() + self._grace
        connections = self._runner.server.connections if self._runner.server else []
        transports = [connection.transport for connection in connections if connection.transport]
        sockets = [transport.get_extra_info("socket") for transport in transports]
        await self._runner.cleanup()
        # By now aiohttp has closed every one, but a closed transport still sends what it holds: the end of an
        # answer to a slow client, which is to arrive whole, or to a client that reads nothing for ever.
        try:
            async with asyncio.timeout_at(end):
                while any(socket_.fileno() >= 0 for socket_ in sockets):  # noqa: ASYNC110  (only aiohttp is told)
                    await asyncio.sleep(_LOOK)
        except TimeoutError:
            for transport in transports:
                transport.abort()


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
