"""Serves the listings from ready bytes: a process of its own, so that it is not what is measured.

`python -m tools.bench.pages POOLS WORKLOADS_EACH`; its first line of output is its address. No signature is
looked at. A gate can hold every listing of the first pool back, so that polls can be let through one by one.
"""

from __future__ import annotations

import asyncio
import sys
from urllib.parse import parse_qs

import msgspec

from tools.bench.data import Size, Variant, variants


class Cloud:
    """The pools, and the gate before the first of them."""

    def __init__(self, size: Size) -> None:
        self._pools = {pool: variants(pool, size.each) for pool in size.ids}
        self._turns = dict.fromkeys(self._pools, -1)
        self._gated = size.ids[0]
        self._held: list[tuple[Connection, bytes]] = []
        self._closed = False
        self._listings = 0

    def answer(self, target: str, connection: Connection) -> bytes | None:
        """The body for a request's target; None where it is held back."""
        path, _, query = target.partition("?")
        match path.strip("/").split("/"):
            case ["v2", _, "pools", pool, "workloads"]:
                return self._listing(pool, parse_qs(query), connection)
            case ["v2", _, "pools"]:
                items = [
                    {"metadata": {"name": pool, "labels": {"os.modelarts/name": f"Pool {pool[11:17]}"}}}
                    for pool in self._pools
                ]
                return msgspec.json.encode({"kind": "PoolList", "items": items})
            case ["control", command]:
                self._control(command)
                return msgspec.json.encode({"held": len(self._held), "listings": self._listings})
            case _:
                return b"{}"

    def _listing(self, pool: str, query: dict[str, list[str]], connection: Connection) -> bytes | None:
        offset, limit = int(query.get("offset", ["0"])[0]), int(query.get("limit", ["500"])[0])
        if offset == 0:
            self._listings += 1
            self._turns[pool] += 1
        states: tuple[Variant, ...] = self._pools[pool]
        body = states[self._turns[pool] % len(states)].body(offset, limit)
        if offset == 0 and pool == self._gated and self._closed:
            self._held.append((connection, body))
            return None
        return body

    def _control(self, command: str) -> None:
        if command in {"open", "close"}:
            self._closed = command == "close"
        if command in {"open", "step"}:
            held, self._held = self._held, []
            for connection, body in held:
                connection.reply(body)


class Connection(asyncio.Protocol):
    """One client's, kept alive. Own code: a server of any framework would cost more than the exporter."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Part of the protocol."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Part of the protocol."""
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            body = self._cloud.answer(head.split(b" ", 2)[1].decode(), self)
            if body is not None:
                self.reply(body)

    def reply(self, body: bytes) -> None:
        """Send a 200."""
        assert self._transport is not None
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        self._transport.writelines((head, body))


async def _serve(size: Size) -> None:
    cloud = Cloud(size)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(cloud), "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)  # noqa: T201  (its address)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(Size(int(sys.argv[1]), int(sys.argv[2]))))
