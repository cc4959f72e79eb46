"""Faults between a client and the simulated cloud, and their injection into a simulator.

    plant(simulator, Silence(), endpoint="workloads")     the listings of every pool get no answer
    clear(simulator)                                      regular answers again

A fault is in front of the whole server, authentication included, as a gateway or the network is.
"""

from __future__ import annotations

import socket
import struct
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from aiohttp import web

from exporter.simulator.errors import gateway_error, modelarts_error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from exporter.simulator.server import Exchange, Simulator

_CHUNK = 64 * 2**10
_COMPRESSED_CHUNK = 2**20


class CloudFault(Protocol):
    """Something that goes wrong with an answer."""

    async def answer(self, exchange: Exchange) -> web.StreamResponse:
        """Make the faulty answer."""
        ...


def plant(
    simulator: Simulator,
    fault: CloudFault,
    *,
    endpoint: str | None = None,
    pool: str | None = None,
    skip: int = 0,
    times: float = float("inf"),
) -> None:
    """Let requests meet a fault.

    Args:
        simulator: where.
        fault: what goes wrong.
        endpoint: the name of a route (workloads, statistics, runtime, pools, nodes, token ...); None for all.
        pool: a pool's ID; None for all, and for endpoints without one.
        skip: number of matching requests that get a regular answer before.
        times: number of requests that meet it after that; all by default.
    """
    if not isinstance(simulator.intercept, _Plan):
        simulator.intercept = _Plan()
    simulator.intercept.planted.append(_Planted(fault, endpoint, pool, skip, times))


def clear(simulator: Simulator) -> None:
    """Let every request get a regular answer again."""
    simulator.intercept = None


@dataclass(slots=True)
class _Planted:
    fault: CloudFault
    endpoint: str | None
    pool: str | None
    skip: int
    times: float

    def matches(self, endpoint: str, pool: str) -> bool:
        return self.times > 0 and self.endpoint in {None, endpoint} and self.pool in {None, pool}


@dataclass(slots=True)
class _Plan:
    """The interceptor: a request meets the fault that was planted first of those that are due."""

    planted: list[_Planted] = field(default_factory=list)

    async def __call__(self, exchange: Exchange) -> web.StreamResponse:
        fault = self._due(exchange.recorded.endpoint, exchange.recorded.pool)
        return await (exchange.respond() if fault is None else fault.answer(exchange))

    def _due(self, endpoint: str, pool: str) -> CloudFault | None:
        for planted in self.planted:
            if planted.matches(endpoint, pool):
                if planted.skip == 0:
                    planted.times -= 1
                    return planted.fault
                planted.skip -= 1
        return None


@dataclass(frozen=True, slots=True)
class Answer:
    """Another answer than the regular one."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})

    async def answer(self, _: Exchange) -> web.StreamResponse:
        return web.Response(status=self.status, body=self.body, headers=self.headers)


@dataclass(frozen=True, slots=True)
class Edited:
    """The regular answer with some of its top-level keys replaced, e.g. `{"items": None}`."""

    keys: Mapping[str, object]

    async def answer(self, exchange: Exchange) -> web.StreamResponse:
        answer = await exchange.respond()
        answer.body = msgspec.json.encode({**msgspec.json.decode(_body(answer)), **self.keys})
        return answer


@dataclass(frozen=True, slots=True)
class CutJson:
    """Valid HTTP with only the first part of the regular body."""

    part: float = 0.5

    async def answer(self, exchange: Exchange) -> web.StreamResponse:
        answer = await exchange.respond()
        answer.body = _first(_body(answer), self.part)
        return answer


@dataclass(frozen=True, slots=True)
class CutConnection:
    """The regular headers and the first part of the body, then the connection is closed."""

    part: float = 0.5

    async def answer(self, exchange: Exchange) -> web.StreamResponse:
        answer = await _begin(exchange, self.part)
        _transport(exchange.request).close()
        return answer


@dataclass(frozen=True, slots=True)
class StalledBody:
    """The regular headers and the first part of the body, then nothing until the server stops."""

    part: float = 0.5

    async def answer(self, exchange: Exchange) -> web.StreamResponse:
        answer = await _begin(exchange, self.part)
        await exchange.stopping.wait()
        if exchange.request.transport is not None:  # the client may have closed the connection
            exchange.request.transport.abort()
        return answer


@dataclass(frozen=True, slots=True)
class Drip:
    """The regular answer, its body one byte at a time, `every` seconds apart."""

    every: float = 3.0

    async def answer(self, exchange: Exchange) -> web.StreamResponse:
        body = _body(await exchange.respond())
        answer = await _begin(exchange, 0.0)
        for byte in body:
            await answer.write(bytes((byte,)))
            await exchange.clock.sleep(self.every)
        return answer


@dataclass(frozen=True, slots=True)
class BehindFirstPage:
    """Another fault, on every page of a listing but the first."""

    fault: CloudFault

    async def answer(self, exchange: Exchange) -> web.StreamResponse:
        if exchange.request.query.get("offset", "0") == "0":
            return await exchange.respond()
        return await self.fault.answer(exchange)


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing at all until the server stops."""

    async def answer(self, exchange: Exchange) -> web.StreamResponse:
        await exchange.stopping.wait()
        if exchange.request.transport is not None:  # the client may have closed the connection
            exchange.request.transport.abort()
        return web.Response()


@dataclass(frozen=True, slots=True)
class Delay:
    """The regular answer, `seconds` late."""

    seconds: float

    async def answer(self, exchange: Exchange) -> web.StreamResponse:
        await exchange.clock.sleep(self.seconds)
        return await exchange.respond()


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is reset (TCP RST) instead of an answer."""

    async def answer(self, exchange: Exchange) -> web.StreamResponse:
        transport = _transport(exchange.request)
        # With a linger time of 0, closing the socket sends RST instead of FIN.
        transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        transport.abort()
        return web.Response()


@dataclass(frozen=True, slots=True)
class Gzipped:
    """The regular answer, compressed with gzip."""

    async def answer(self, exchange: Exchange) -> web.StreamResponse:
        answer = await exchange.respond()
        answer.enable_compression(web.ContentCoding.gzip)
        return answer


@dataclass(frozen=True, slots=True)
class Oversized:
    """A listing that begins with white space; with `gzip` a small answer that decompresses to it.

    Attributes:
        size: decompressed bytes.
        gzip: whether it is compressed.
        took: is called with the number of decompressed bytes that the client has taken so far.
    """

    size: int
    gzip: bool = False
    took: Callable[[int], None] = field(default=lambda _: None, repr=False)

    async def answer(self, exchange: Exchange) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "application/json"})
        if self.gzip:
            answer.headers["Content-Encoding"] = "gzip"
        await answer.prepare(exchange.request)
        compressor = zlib.compressobj(wbits=31) if self.gzip else None
        chunk = b" " * (_COMPRESSED_CHUNK if self.gzip else _CHUNK)
        for number in range(-(-self.size // len(chunk))):
            data = compressor.compress(chunk) + compressor.flush(zlib.Z_SYNC_FLUSH) if compressor else chunk
            await answer.write(data)
            await exchange.clock.sleep(0)  # gives way, so that a closed connection is noticed
            self.took((number + 1) * len(chunk))
        rest = b'{"kind":"WorkloadList","apiVersion":"v1","items":[]}'
        await answer.write(compressor.compress(rest) + compressor.flush() if compressor else rest)
        return answer


def html(status: int = 200) -> Answer:
    """A web page instead of JSON, as from a proxy."""
    page = b"<!doctype html><html><head><title>Sign in</title></head><body><h1>Sign in</h1></body></html>"
    return Answer(status, page, {"Content-Type": "text/html; charset=utf-8"})


def login_page() -> Answer:
    """302 to a login page."""
    headers = {"Location": "https://auth.huaweicloud.com/authui/login", "Content-Type": "text/html"}
    return Answer(302, b"<html>Found</html>", headers)


def empty_body() -> Answer:
    """200 without a body."""
    return Answer()


def nested(depth: int = 100_000) -> Answer:
    """A listing whose items are nested too deep for a recursive parser."""
    return Answer(body=b'{"kind":"WorkloadList","items":' + b"[" * depth + b"]" * depth + b"}")


def too_many_requests(retry_after: str | None = None, limit: int = 200, minutes: int = 5) -> Answer:
    """429 APIGW.0308 with the gateway's real text, and `Retry-After` if one is given."""
    policy = f"policy user over ratelimit,limit:{limit},time:{minutes} minute"
    error = gateway_error(429, "0308", f"The throttling threshold has been reached: {policy}")
    headers = {"Content-Type": "application/json"}
    if retry_after is not None:
        headers["Retry-After"] = retry_after
    return Answer(429, msgspec.json.encode(error.body), headers)


def forbidden() -> Answer:
    """403 ModelArts.0108."""
    error = modelarts_error(403, "0108", "The user is not authorized to perform this operation.")
    return Answer(403, msgspec.json.encode(error.body))


def _body(answer: web.Response) -> bytes:
    assert isinstance(answer.body, bytes)
    return answer.body


def _first(body: bytes, part: float) -> bytes:
    return body[: int(len(body) * part)]


async def _begin(exchange: Exchange, part: float) -> web.StreamResponse:
    whole = await exchange.respond()
    body = _body(whole)
    answer = web.StreamResponse(status=whole.status, headers=whole.headers)
    answer.content_length = len(body)
    await answer.prepare(exchange.request)
    await answer.write(_first(body, part))
    return answer


def _transport(request: web.Request) -> Any:
    assert request.transport is not None
    return request.transport


@dataclass(slots=True)
class EndlessNodes:
    """A new node and a new cursor in every answer.

    Attributes:
        answers: how many there were.
    """

    answers: int = 0

    async def answer(self, _: Exchange) -> web.StreamResponse:
        self.answers += 1
        metadata = {"name": f"node-{self.answers}"}
        return web.json_response(
            {
                "kind": "NodeList",
                "metadata": {"continue": str(self.answers)},
                "items": [{"metadata": metadata, "status": {"phase": "Available"}}],
            }
        )
