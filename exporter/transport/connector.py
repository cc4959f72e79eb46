"""Connections that are kept between requests, and never used again once something unasked arrived on them.

HTTP/1.1 does not say which request an answer belongs to: the next answer is the next request's. So an answer
that comes twice, or late, would become that of the next request. aiohttp (3.14) looks at what lies unread on
a connection when its answer has ended, but not when it is used again.
"""

from __future__ import annotations

import select
from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.client_reqrep import ConnectionKey
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace


class Connector(aiohttp.TCPConnector):
    """An aiohttp connector that checks a kept connection before it is used again.

    It overrides two methods that aiohttp does not document; tests notice if they are renamed.
    """

    async def _get(self, key: ConnectionKey, traces: list[Trace]) -> Connection | None:
        while (connection := await super()._get(key, traces)) is not None:
            if not _unread(connection):
                return connection
            connection.close()
        return None

    def _release(self, key: ConnectionKey, protocol: ResponseHandler, *, should_close: bool = False) -> None:
        super()._release(key, protocol, should_close=should_close)
        # Without a parser, what arrives now is kept as it is, and reading stops after 64 KiB. With one,
        # answers to no request would pile up in memory.
        protocol._parser = None  # noqa: SLF001


def _unread(connection: Connection) -> bool:
    """Whether something has arrived since the last answer; also the end of the connection."""
    protocol, transport = connection.protocol, connection.transport
    if protocol is None or transport is None or protocol.should_close:
        return True
    # It may have arrived without the event loop having read it.
    poll = select.poll()
    poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
    return bool(poll.poll(0))
