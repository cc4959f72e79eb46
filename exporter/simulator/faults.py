"""What can go wrong between a client and the cloud: one frozen value per fault.

A fault stands in front of the whole server, authentication included, as a gateway or a network does.
"""

from __future__ import annotations

import socket
import struct
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from aiohttp import web

from exporter.simulator.refusals import no_permission, throttled

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Mapping

    from exporter.common.clock import Clock

    Respond = Callable[[], Awaitable[web.Response]]

_CHUNK = 64 * 2**10
_PACKED = 2**20


@dataclass(frozen=True, slots=True)
class Scene:
    """What a fault can work with.

    Attributes:
        request: what was asked.
        respond: makes the answer as it would be without the fault.
        clock: for waits.
        stopping: is set when the server stops.
    """

    request: web.Request
    respond: Respond
    clock: Clock
    stopping: asyncio.Event


class Fault(Protocol):
    """Something that goes wrong with an answer."""

    async def play(self, scene: Scene) -> web.StreamResponse:
        """Answer in the fault's way."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """Another answer than the right one."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})

    async def play(self, scene: Scene) -> web.StreamResponse:
        """See `Fault`."""
        del scene
        return web.Response(status=self.status, body=self.body, headers=self.headers)


@dataclass(frozen=True, slots=True)
class Edited:
    """The right answer with some of its top-level keys replaced, e.g. `{"items": None}`."""

    keys: Mapping[str, object]

    async def play(self, scene: Scene) -> web.StreamResponse:
        """See `Fault`."""
        answer = await scene.respond()
        answer.body = msgspec.json.encode({**msgspec.json.decode(_body(answer)), **self.keys})
        return answer


@dataclass(frozen=True, slots=True)
class CutJson:
    """Proper HTTP around the first part of the right body."""

    part: float = 0.5

    async def play(self, scene: Scene) -> web.StreamResponse:
        """See `Fault`."""
        answer = await scene.respond()
        answer.body = _first(_body(answer), self.part)
        return answer


@dataclass(frozen=True, slots=True)
class CutConnection:
    """The right headers, the first part of the body, and the connection is closed."""

    part: float = 0.5

    async def play(self, scene: Scene) -> web.StreamResponse:
        """See `Fault`."""
        answer = await _begin(scene, self.part)
        _transport(scene.request).close()
        return answer


@dataclass(frozen=True, slots=True)
class StalledBody:
    """The right headers, the first part of the body, and nothing more until the server stops."""

    part: float = 0.5

    async def play(self, scene: Scene) -> web.StreamResponse:
        """See `Fault`."""
        answer = await _begin(scene, self.part)
        await scene.stopping.wait()
        if scene.request.transport is not None:  # the client may have given up and gone
            scene.request.transport.abort()
        return answer


@dataclass(frozen=True, slots=True)
class Drip:
    """The right headers, and the right body at one byte every so many seconds."""

    every: float = 3.0

    async def play(self, scene: Scene) -> web.StreamResponse:
        """See `Fault`."""
        body = _body(await scene.respond())
        answer = await _begin(scene, 0.0)
        for byte in body:
            await answer.write(bytes((byte,)))
            await scene.clock.sleep(self.every)
        return answer


@dataclass(frozen=True, slots=True)
class BehindFirstPage:
    """Another fault, on all pages of a listing but the first."""

    fault: Fault

    async def play(self, scene: Scene) -> web.StreamResponse:
        """See `Fault`."""
        if scene.request.query.get("offset", "0") == "0":
            return await scene.respond()
        return await self.fault.play(scene)


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing at all until the server stops."""

    async def play(self, scene: Scene) -> web.StreamResponse:
        """See `Fault`."""
        await scene.stopping.wait()
        if scene.request.transport is not None:  # the client may have given up and gone
            scene.request.transport.abort()
        return web.Response()


@dataclass(frozen=True, slots=True)
class Delay:
    """The right answer, so many seconds late."""

    seconds: float

    async def play(self, scene: Scene) -> web.StreamResponse:
        """See `Fault`."""
        await scene.clock.sleep(self.seconds)
        return await scene.respond()


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is reset (TCP RST) instead of an answer."""

    async def play(self, scene: Scene) -> web.StreamResponse:
        """See `Fault`."""
        transport = _transport(scene.request)
        # Closing a socket that must not linger sends RST in place of FIN.
        transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        transport.abort()
        return web.Response()


@dataclass(frozen=True, slots=True)
class Gzipped:
    """The right answer, compressed."""

    async def play(self, scene: Scene) -> web.StreamResponse:
        """See `Fault`."""
        answer = await scene.respond()
        answer.enable_compression(web.ContentCoding.gzip)
        return answer


@dataclass(frozen=True, slots=True)
class Oversized:
    """A listing of so many bytes of white space; with `gzip` a small answer that unpacks to them.

    Attributes:
        size: unpacked bytes.
        gzip: whether it is packed.
        took: told how many unpacked bytes the client has taken so far.
    """

    size: int
    gzip: bool = False
    took: Callable[[int], None] = field(default=lambda _: None, repr=False)

    async def play(self, scene: Scene) -> web.StreamResponse:
        """See `Fault`."""
        answer = web.StreamResponse(headers={"Content-Type": "application/json"})
        if self.gzip:
            answer.headers["Content-Encoding"] = "gzip"
        await answer.prepare(scene.request)
        pack = zlib.compressobj(wbits=31) if self.gzip else None
        chunk = b" " * (_PACKED if self.gzip else _CHUNK)
        for number in range(-(-self.size // len(chunk))):
            packed = pack.compress(chunk) + pack.flush(zlib.Z_SYNC_FLUSH) if pack else chunk
            await answer.write(packed)
            await scene.clock.sleep(0)  # so little is no reason to wait for the client, which may have gone
            self.took((number + 1) * len(chunk))
        rest = b'{"kind":"WorkloadList","apiVersion":"v1","items":[]}'
        await answer.write(pack.compress(rest) + pack.flush() if pack else rest)
        return answer


def html(status: int = 200) -> Answer:
    """A web page where JSON should be, as from a proxy."""
    page = b"<!doctype html><html><head><title>Sign in</title></head><body><h1>Sign in</h1></body></html>"
    return Answer(status, page, {"Content-Type": "text/html; charset=utf-8"})


def login_page() -> Answer:
    """302 to a login page."""
    headers = {"Location": "https://auth.huaweicloud.com/authui/login", "Content-Type": "text/html"}
    return Answer(302, b"<html>Found</html>", headers)


def empty_body() -> Answer:
    """200 with nothing in it."""
    return Answer()


def nested(depth: int = 100_000) -> Answer:
    """A listing whose items are nested too deep for a recursive reader."""
    return Answer(body=b'{"kind":"WorkloadList","items":' + b"[" * depth + b"]" * depth + b"}")


def too_many_requests(retry_after: str | None = None, limit: int = 200, minutes: int = 5) -> Answer:
    """429 with the gateway's text, and `Retry-After` where one is given."""
    headers = {"Content-Type": "application/json"}
    if retry_after is not None:
        headers["Retry-After"] = retry_after
    return Answer(429, msgspec.json.encode(throttled(limit, minutes).body), headers)


def forbidden() -> Answer:
    """403 ModelArts.0108."""
    return Answer(403, msgspec.json.encode(no_permission().body))


def _body(answer: web.Response) -> bytes:
    assert isinstance(answer.body, bytes)  # noqa: S101  (the handlers make no other)
    return answer.body


def _first(body: bytes, part: float) -> bytes:
    return body[: int(len(body) * part)]


async def _begin(scene: Scene, part: float) -> web.StreamResponse:
    whole = await scene.respond()
    body = _body(whole)
    answer = web.StreamResponse(status=whole.status, headers=whole.headers)
    answer.content_length = len(body)
    await answer.prepare(scene.request)
    await answer.write(_first(body, part))
    return answer


def _transport(request: web.Request) -> Any:
    assert request.transport is not None  # noqa: S101  (the client may be gone, its transport is not yet)
    return request.transport
