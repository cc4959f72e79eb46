"""Which path answers with what."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import structlog
from aiohttp import web

from exporter.common.errors import ConfigurationError
from exporter.web import status
from exporter.web.access import gate
from exporter.web.listener.protocol import ALWAYS
from exporter.web.scrapes import Scrapes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from aiohttp.typedefs import Handler

    from exporter.common.clock import Clock
    from exporter.web.config_watch import WebConfigWatcher
    from exporter.web.scrapes import Exposition
    from exporter.web.status import PoolView, ShareView

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


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
    config: WebConfigWatcher,
    clock: Clock,
    telemetry_path: str = "/metrics",
    max_requests: int = 40,
    documentation: str | None = None,
) -> web.Application:
    """The whole web side, but for listening (see `exporter.web.listener.server`).

    Args:
        services: what to answer from.
        config: who is let in, and which headers go out.
        clock: for the uptime, and for what the configuration limits by time.
        telemetry_path: where the metrics are; at `/` they take the status page's place.
        max_requests: scrapes that are answered at once; 0 for any number.
        documentation: address of the documentation, for a link.
    """
    paths = _Paths(services, clock, telemetry_path, documentation)
    app = web.Application(middlewares=[gate(config, clock), paths.explain])
    add_get = partial(app.router.add_get, expect_handler=_no_continue)
    add_get(telemetry_path, Scrapes(services.exposition, max_requests).answer)
    if telemetry_path != "/":
        add_get("/", paths.page)
    add_get("/-/healthy", paths.healthy)
    add_get("/-/ready", paths.ready)
    app.router.add_post("/-/reload", paths.reload, expect_handler=_no_continue)

    async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(ALWAYS)
        response.headers.update(config.settings.http_server_config.headers.as_dict())

    # A signal rather than a middleware: it also reaches the answers that aiohttp makes itself.
    app.on_response_prepare.append(add_headers)
    return app


async def _no_continue(_request: web.Request) -> None:
    """Expect: 100-continue asks whether to send a body; the gate's answer is no.

    Aiohttp's own handler would answer anything else before the gate, and quote it.
    """


class _Paths:
    def __init__(
        self, services: Services, clock: Clock, telemetry_path: str, documentation: str | None
    ) -> None:
        self._services = services
        self._clock = clock
        self._started = clock.monotonic()
        self._telemetry_path = telemetry_path
        self._documentation = documentation

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
        except Exception:
            # One path's fault stays its own, and its traceback stays in the log.
            log.exception("request failed", method=request.method, path=request.path)
            return web.Response(status=500, text="internal error; the exporter's log says more\n")
