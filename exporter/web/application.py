"""The paths of the web server and their responses."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

import structlog
from aiohttp import hdrs, web

from exporter.common.errors import ConfigurationError
from exporter.web import status
from exporter.web.access import access_control, comes_from_another_site
from exporter.web.basic_auth import PasswordCheck
from exporter.web.listener.protocol import ALWAYS
from exporter.web.scrapes import Scrapes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from aiohttp.typedefs import Handler

    from exporter.common.clock import Clock
    from exporter.web.config_watch import WebConfigWatcher
    from exporter.web.scrapes import ScrapeSource
    from exporter.web.status import PoolView, ShareView

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Backend:
    """The data and actions behind the paths, from the composition root.

    Attributes:
        exposition: the metrics.
        alive: whether the poll loop runs; must not call the cloud.
        ready: whether every pool has been polled once, successfully or not.
        pools: every pool for the status page, in any order.
        share: this exporter's share of the pools; None if they are not shared.
        reload: reads the configuration again and raises ConfigurationError if it cannot be used; None without
            --web.enable-lifecycle.
    """

    exposition: ScrapeSource
    alive: Callable[[], bool]
    ready: Callable[[], bool]
    pools: Callable[[], Sequence[PoolView]]
    share: Callable[[], ShareView | None] = lambda: None
    reload: Callable[[], Awaitable[None]] | None = None


def application(
    backend: Backend,
    *,
    config: WebConfigWatcher,
    clock: Clock,
    telemetry_path: str = "/metrics",
    max_requests: int = 40,
) -> web.Application:
    """The web application; `exporter.web.listener.server` serves it.

    Args:
        backend: the data and actions behind the paths.
        config: access control and extra headers.
        clock: for the uptime, the rate limit, and how fast clients read.
        telemetry_path: the path of the metrics; `/` replaces the status page.
        max_requests: concurrent scrapes; 0 for any number.
    """
    paths, passwords = _Paths(backend, clock, telemetry_path), PasswordCheck()
    app = web.Application(middlewares=[access_control(config, passwords, clock), paths.explain])
    app.on_shutdown.append(passwords.refuse_waiting)
    gets = {
        "/": paths.page,
        telemetry_path: Scrapes(backend.exposition, max_requests, clock).handle,
        "/-/healthy": paths.healthy,
        "/-/ready": paths.ready,
    }
    for path, handler in gets.items():
        _add(app, path, {hdrs.METH_GET: handler, hdrs.METH_HEAD: handler})
    _add(app, "/-/reload", {hdrs.METH_POST: paths.reload})
    # Aiohttp's own route for paths that do not exist has its own handler of the Expect header.
    app.router.add_route(hdrs.METH_ANY, "/{any:.*}", _not_found, expect_handler=_no_continue)

    async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(ALWAYS)
        response.headers.update(config.settings.http_server_config.headers.as_dict())
        if not config.is_current(request.get_extra_info("sslcontext")):
            response.force_close()
            response.headers["Connection"] = "close"

    # A signal, not a middleware: it also reaches the responses that aiohttp creates itself.
    app.on_response_prepare.append(add_headers)
    return app


def _add(app: web.Application, path: str, handlers: Mapping[str, Handler]) -> None:
    resource = app.router.add_resource(path)
    for method, handler in handlers.items():
        resource.add_route(method, handler, expect_handler=_no_continue)

    async def not_allowed(request: web.Request) -> web.StreamResponse:
        raise web.HTTPMethodNotAllowed(request.method, handlers)

    resource.add_route(hdrs.METH_ANY, not_allowed, expect_handler=_no_continue)


async def _not_found(_request: web.Request) -> web.StreamResponse:
    raise web.HTTPNotFound


async def _no_continue(_request: web.Request) -> None:
    """Ignore the Expect header. Access control refuses the body that it announces.

    Aiohttp's own handler would respond to an unknown value before access control, and quote the value.
    """


class _Paths:
    def __init__(self, backend: Backend, clock: Clock, telemetry_path: str) -> None:
        self._backend = backend
        self._clock = clock
        self._started = clock.monotonic()
        self._telemetry_path = telemetry_path
        self._rendering = asyncio.Lock()

    async def page(self, _request: web.Request) -> web.Response:
        view = status.page_view(
            self._backend.pools(),
            uptime=self._clock.monotonic() - self._started,
            telemetry_path=self._telemetry_path,
            share=self._backend.share(),
        )
        # In a thread: the first call imports the template engine, and 200 pools take some milliseconds. One
        # at a time: several threads would leave the event loop too little of the interpreter.
        async with self._rendering:
            html = await asyncio.to_thread(status.render_page, view)
        return web.Response(
            text=html,
            content_type="text/html",
            headers={
                "Content-Security-Policy": status.content_security_policy(),
                "Cache-Control": "no-store",
            },
        )

    async def healthy(self, _request: web.Request) -> web.Response:
        if self._backend.alive():
            return web.Response(text="healthy\n")
        return web.Response(
            status=HTTPStatus.SERVICE_UNAVAILABLE, text="not healthy: the poll loop has ended\n"
        )

    async def ready(self, _request: web.Request) -> web.Response:
        if self._backend.ready():
            return web.Response(text="ready\n")
        return web.Response(
            status=HTTPStatus.SERVICE_UNAVAILABLE, text="not ready: not every pool has been polled yet\n"
        )

    async def reload(self, request: web.Request) -> web.Response:
        if self._backend.reload is None:
            return web.Response(
                status=HTTPStatus.FORBIDDEN,
                text="reloading is disabled; start with --web.enable-lifecycle\n",
            )
        if comes_from_another_site(request):
            return web.Response(
                status=HTTPStatus.FORBIDDEN, text="not reloaded: a page of another site made this request\n"
            )
        try:
            await self._backend.reload()
        except ConfigurationError as error:
            return web.Response(
                status=HTTPStatus.BAD_REQUEST,
                text=f"not reloaded, the old configuration stays in use:\n{error}\n",
            )
        return web.Response(text="reloaded\n")

    @web.middleware
    async def explain(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Add helpful text to responses for which aiohttp sends only a status."""
        try:
            return await handler(request)
        except web.HTTPNotFound:
            paths = dict.fromkeys((self._telemetry_path, "/", "/-/healthy", "/-/ready", "/-/reload"))
            return web.Response(
                status=HTTPStatus.NOT_FOUND, text="\n".join(("not found; there are:", *paths, ""))
            )
        except web.HTTPException:
            raise
        except Exception:
            # The error stays with this request, and its traceback stays in the log.
            log.exception("request failed", method=request.method, path=request.path)
            return web.Response(
                status=HTTPStatus.INTERNAL_SERVER_ERROR, text="internal error; see the exporter's log\n"
            )
