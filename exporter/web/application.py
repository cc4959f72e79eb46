"""Which path answers with what."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import structlog
from aiohttp import web

from exporter.errors import ConfigurationError
from exporter.web import status
from exporter.web.gate import gate
from exporter.web.negotiation import Format, chosen_format, gzip_accepted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence

    from aiohttp.typedefs import Handler

    from exporter.clock import Clock
    from exporter.web.live import LiveWebConfig
    from exporter.web.status import PoolView, ShareView

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


_AT_ONCE = 512 * 2**10
"""Bytes given to the socket at a time; asyncio copies what the client has not taken yet again and again."""


class Exposition(Protocol):
    """The metrics, ready to be sent."""

    async def scrape(self, *, openmetrics: bool, gzip: bool, names: frozenset[str]) -> tuple[bytes, ...]:
        """The exposition, in pieces to be sent one after the other.

        Args:
            openmetrics: OpenMetrics 1.0.0 instead of text 0.0.4.
            gzip: compressed.
            names: only the series of these names; empty for all.
        """
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """What the paths answer from; the composition root hands it in.

    Attributes:
        exposition: the metrics.
        alive: whether the poll loop runs; must not ask the cloud.
        ready: whether every pool has been tried once.
        pools: every pool for the status page, in any order.
        share: which part of the pools that is; None where several exporters do not share them.
        reload: reads the configuration again, raises ConfigurationError where that cannot be used; None while
            --web.enable-lifecycle is not given.
    """

    exposition: Exposition
    alive: Callable[[], bool]
    ready: Callable[[], bool]
    pools: Callable[[], Sequence[PoolView]]
    share: Callable[[], ShareView | None] = lambda: None
    reload: Callable[[], Awaitable[None]] | None = None


def application(
    services: Services,
    *,
    config: LiveWebConfig,
    clock: Clock,
    telemetry_path: str = "/metrics",
    documentation: str | None = None,
) -> web.Application:
    """The whole web side, but for listening (see `exporter.web.server`).

    Args:
        services: what to answer from.
        config: who is let in, and which headers go out.
        clock: for the uptime.
        telemetry_path: where the metrics are; at `/` they take the status page's place.
        documentation: address of the documentation, for a link.
    """
    paths = _Paths(services, clock, telemetry_path, documentation)
    app = web.Application(middlewares=[gate(config), paths.explain])
    app.router.add_get(telemetry_path, paths.metrics)
    if telemetry_path != "/":
        app.router.add_get("/", paths.page)
    app.router.add_get("/-/healthy", paths.healthy)
    app.router.add_get("/-/ready", paths.ready)
    app.router.add_post("/-/reload", paths.reload)

    async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
        response.headers["Server"] = "modelarts-exporter"
        response.headers.update(config.settings.http_server_config.headers.by_name())

    # A signal rather than a middleware: it also reaches the answers that aiohttp makes itself.
    app.on_response_prepare.append(add_headers)
    return app


class _Paths:
    def __init__(
        self, services: Services, clock: Clock, telemetry_path: str, documentation: str | None
    ) -> None:
        self._services = services
        self._clock = clock
        self._started = clock.monotonic()
        self._telemetry_path = telemetry_path
        self._documentation = documentation

    async def metrics(self, request: web.Request) -> web.StreamResponse:
        format_ = chosen_format(_joined(request, "Accept"))
        gzip = gzip_accepted(_joined(request, "Accept-Encoding"))
        pieces = await self._services.exposition.scrape(
            openmetrics=format_ is Format.OPENMETRICS,
            gzip=gzip,
            names=frozenset(request.query.getall("name[]", ())),
        )
        headers = {"Content-Type": format_.value, "Vary": "Accept, Accept-Encoding"}
        if gzip:
            headers["Content-Encoding"] = "gzip"
        size = sum(map(len, pieces))
        if size <= _AT_ONCE or request.method == "HEAD":
            return web.Response(body=b"".join(pieces), headers=headers)
        # Each part once the client has taken the one before: 24 MB at once held up everybody else for 0.5 s.
        response = web.StreamResponse(headers=headers)
        response.content_length = size
        with suppress(ConnectionError):  # who hangs up has had enough, which is no fault of ours
            await response.prepare(request)
            for part in _parts(pieces):
                await response.write(part)
        return response

    async def page(self, _request: web.Request) -> web.Response:
        view = status.view(
            self._services.pools(),
            uptime=self._clock.monotonic() - self._started,
            telemetry_path=self._telemetry_path,
            documentation=self._documentation,
            share=self._services.share(),
        )
        # In a thread: the first view imports the template engine, and 200 pools take some milliseconds.
        html = await asyncio.to_thread(status.rendered, view)
        return web.Response(
            text=html,
            content_type="text/html",
            headers={
                "Content-Security-Policy": status.content_security_policy(),
                "Cache-Control": "no-store",
            },
        )

    async def healthy(self, _request: web.Request) -> web.Response:
        if self._services.alive():
            return web.Response(text="healthy\n")
        return web.Response(status=503, text="not healthy: the poll loop has ended\n")

    async def ready(self, _request: web.Request) -> web.Response:
        if self._services.ready():
            return web.Response(text="ready\n")
        return web.Response(status=503, text="not ready: not every pool has been tried yet\n")

    async def reload(self, _request: web.Request) -> web.Response:
        if self._services.reload is None:
            return web.Response(status=403, text="reloading is off; start with --web.enable-lifecycle\n")
        try:
            await self._services.reload()
        except ConfigurationError as error:
            return web.Response(status=400, text=f"not reloaded, the old configuration holds:\n{error}\n")
        return web.Response(text="reloaded\n")

    @web.middleware
    async def explain(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """What aiohttp would answer with a bare code gets a text that helps."""
        try:
            return await handler(request)
        except web.HTTPNotFound:
            paths = dict.fromkeys((self._telemetry_path, "/", "/-/healthy", "/-/ready", "/-/reload"))
            return web.Response(status=404, text="\n".join(("not found; there is:", *paths, "")))
        except web.HTTPException:
            raise
        except Exception:  # noqa: BLE001  (whatever it is, it is logged and answered)
            # One path's fault stays its own, and its traceback stays in the log.
            _log.exception("request failed", method=request.method, path=request.path)
            return web.Response(status=500, text="internal error; the exporter's log says more\n")


def _joined(request: web.Request, header: str) -> str:
    """A header that may come in several lines."""
    return ",".join(request.headers.getall(header, ()))


def _parts(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in parts of about `_AT_ONCE`.

    Every time the loop sends, it gives the interpreter away and has to wait for it beside a poll; that costs
    more than to copy.
    """
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= _AT_ONCE:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join(waiting)
