"""The cloud's own names and addresses, led to simulators on loopback."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from aiohttp import web
from aiohttp.abc import ResolveResult

from exporter.transport.resolver import ThreadResolver

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

    from exporter.simulator.server import Simulator

LOOPBACK = "127.0.0.1"


class Entrance:
    """An address at which a simulated cloud can be reached, or not. The port stays the same.

    Args:
        simulator: what is reached.
        tls: to serve https; None for http. May be replaced while it is closed.
    """

    def __init__(self, simulator: Simulator, tls: ssl.SSLContext | None = None) -> None:
        self.tls = tls
        self._simulator = simulator
        self._runner: web.AppRunner | None = None
        # Bound and never listening: nobody else gets the port while the entrance is closed.
        self._placeholder = _bound(0)
        self.port: int = self._placeholder.getsockname()[1]

    async def open(self) -> None:
        """Listen."""
        self._runner = web.AppRunner(self._simulator.application(), access_log=None, shutdown_timeout=0)
        await self._runner.setup()
        await web.SockSite(self._runner, _bound(self.port), ssl_context=self.tls).start()

    async def close(self) -> None:
        """Refuse connections, and break those that there are."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def end(self) -> None:
        """Close for good."""
        await self.close()
        self._placeholder.close()


@dataclass(slots=True)
class Network:
    """Where hosts lead to.

    Attributes:
        hosts: names, and addresses that are asked for without a name.
        unknown: names that cannot be resolved.
        turned_away: how many connections were refused, by port.
    """

    hosts: dict[str, Entrance] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    turned_away: Counter[int] = field(default_factory=Counter)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Take over the connections of the running loop; `Directory` has the names."""
        loop = asyncio.get_running_loop()
        connect = loop.sock_connect

        async def sock_connect(sock: socket.socket, address: Any) -> None:
            if address[0] in self.hosts:
                address = (LOOPBACK, self.hosts[address[0]].port)
            try:
                await connect(sock, address)
            except OSError:
                self.turned_away[address[1]] += 1
                raise

        # aiohttp forgets names after 10 s of the machine's own clock, which may be another than the loop's.
        forgetting = patch("aiohttp.connector.monotonic", loop.time)
        loop.sock_connect = sock_connect  # type: ignore[method-assign]
        try:
            with forgetting:
                yield
        finally:
            loop.sock_connect = connect  # type: ignore[method-assign]


class Directory(ThreadResolver):
    """Looks names up in the network, without a thread: virtual time would not wait for it."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self._network = network

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """See `ThreadResolver`; the port is that of the entrance."""
        if host not in self._network.hosts:
            return await super().resolve(host, port, family)
        if host in self._network.unknown:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        entrance = self._network.hosts[host]
        return [
            ResolveResult(
                hostname=host, host=LOOPBACK, port=entrance.port, family=socket.AF_INET, proto=0, flags=0
            )
        ]


def _bound(port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind((LOOPBACK, port))
    return bound
