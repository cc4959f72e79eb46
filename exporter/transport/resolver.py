"""Looks host names up without the threads of anybody else.

`getaddrinfo` cannot be cancelled, and a silent nameserver keeps it for up to a minute and more. On the event
loop's own executor it would hold back everything that runs there, such as scrapes, and the end of the
process: the loop and the interpreter wait for the threads of executors. So each look-up has a thread of its
own, which nobody waits for (a daemon thread).

An asynchronous resolver (aiodns) needs no thread, but ignores the system's rules (nsswitch.conf, mDNS).
"""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from aiohttp.abc import AbstractResolver, ResolveResult

if TYPE_CHECKING:
    from collections.abc import Callable

_NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


class _Address(NamedTuple):
    family: int
    proto: int
    host: str


class ThreadResolver(AbstractResolver):
    """Looks names up in threads; one for the process.

    A name has one look-up in flight, whoever asks for it, so there are at most as many threads as names. They
    need no other limit: all names come from the configuration.

    Args:
        getaddrinfo: as `socket.getaddrinfo`.
    """

    def __init__(self, getaddrinfo: Callable[..., Any] = socket.getaddrinfo) -> None:
        self._getaddrinfo = getaddrinfo
        self._in_flight: dict[tuple[str, int], asyncio.Future[list[_Address]]] = {}

    def looks_up(self, host: str) -> bool:
        """Whether the name is being looked up."""
        return any(name == host for name, _ in self._in_flight)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a name, in the system's order. The caller limits the time.

        Raises:
            OSError: it has none, or cannot be looked up.
        """
        future = self._in_flight.get((host, family))
        if future is None:
            future = self._start(host, family)
        # Shielded: if one of those who wait gives up, the others still wait.
        addresses = await asyncio.shield(future)
        return [
            ResolveResult(
                hostname=host,
                host=address.host,
                port=port,
                family=address.family,
                proto=address.proto,
                flags=_NUMERIC,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        """Nothing to do: look-ups end by themselves, and nobody waits for them."""

    def _start(self, host: str, family: int) -> asyncio.Future[list[_Address]]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[_Address]] = loop.create_future()

        def end(result: list[_Address] | OSError) -> None:
            del self._in_flight[host, family]
            if isinstance(result, OSError):
                future.set_exception(result)
                future.exception()  # all who waited may have given up
            else:
                future.set_result(result)

        def work() -> None:
            result = self._look_up(host, family)
            with suppress(RuntimeError):  # the loop has been closed
                loop.call_soon_threadsafe(end, result)

        try:
            threading.Thread(target=work, name=f"look-up of {host}", daemon=True).start()
        except RuntimeError as error:  # the limit on threads
            raise OSError(f"no thread to look the name up: {error}") from error
        self._in_flight[host, family] = future
        return future

    def _look_up(self, host: str, family: int) -> list[_Address] | OSError:
        try:
            found = self._getaddrinfo(
                host, None, type=socket.SOCK_STREAM, family=family, flags=socket.AI_ADDRCONFIG
            )
            addresses = [
                _Address(kind, proto, _numeric(kind, address))
                for kind, _, proto, _, address in found
                if isinstance(address[0], str)  # not so if Python was built without IPv6
            ]
        except OSError as error:
            return error
        except UnicodeError as error:  # a label that is too long, or empty
            return OSError(f"the name cannot be looked up: {error}")
        return addresses or OSError("the name has no address")


def _numeric(family: int, address: tuple[Any, ...]) -> str:
    """The address as text; of a link-local IPv6 address with its scope, which it does not work without."""
    match address:
        case (str(host), _, _, int(scope)) if family == socket.AF_INET6 and scope and "%" not in host:
            return f"{host}%{scope}"
        case _:
            return str(address[0])
