"""The simulated cloud as an HTTP server."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import formatdate
from random import Random
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from exporter.simulator.credential_endpoints import CredentialEndpoints
from exporter.simulator.errors import ApiError, gateway_error
from exporter.simulator.iam import AccessKey, Iam, User
from exporter.simulator.pool_endpoints import PoolEndpoints
from exporter.simulator.signature import ReceivedRequest

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

    from exporter.common.clock import Clock
    from exporter.simulator.pools import Pool

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_MAX_RECORDED = 10_000
_MAX_BODY = 2**20


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """A request that was received.

    Attributes:
        method: GET, POST, PUT.
        path: without the query.
        query: as on the wire.
        headers: their names in lower case, no values.
        at: Unix seconds.
        endpoint: the name of the route, e.g. workloads; empty for an unknown path.
        pool: the pool's ID in the path; empty if there is none.
    """

    method: str
    path: str
    query: str
    headers: frozenset[str]
    at: float
    endpoint: str
    pool: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request whose answer an interceptor makes.

    Attributes:
        request: the request.
        recorded: its endpoint and pool.
        respond: makes the regular answer, authentication included.
        clock: the time of the simulated cloud.
        stopping: is set when the server stops.
    """

    request: web.Request
    recorded: RecordedRequest
    respond: Callable[[], Awaitable[web.Response]]
    clock: Clock
    stopping: asyncio.Event


Interceptor = Callable[[Exchange], Awaitable[web.StreamResponse]]
"""Answers in place of the server, as a gateway or a network failure does. May raise ConnectionError."""


class Simulator:
    """A ModelArts with its gateway, IAM and metadata service.

    Args:
        clock: the time.
        projects: the pools of each project, by project ID.
        keys: access keys that are valid.
        users: who may log in for a token.

    Attributes:
        projects: may be changed at any time: pools come and go.
        iam: access keys, tokens, lockout.
        credential_endpoints: the endpoints that hand out credentials.
        intercept: answers every request in place of the server; None for regular answers. Tests set it to
            inject faults.
        requests: the received requests, oldest first; the newest 10,000.
    """

    def __init__(
        self,
        clock: Clock,
        projects: Mapping[str, Sequence[Pool]],
        *,
        keys: Iterable[AccessKey] = (),
        users: Iterable[User] = (),
    ) -> None:
        self.projects = dict(projects)
        self.iam = Iam(clock, Random(0), keys, users)  # noqa: S311  (protects a simulation)
        self.credential_endpoints = CredentialEndpoints(clock, self.iam)
        self.intercept: Interceptor | None = None
        self.requests: deque[RecordedRequest] = deque(maxlen=_MAX_RECORDED)
        self._clock = clock
        self._pool_endpoints = PoolEndpoints(clock, self.projects)
        self._request_ids = Random(1)  # noqa: S311  (likewise)

    def application(self) -> web.Application:
        """The server's application. Each server needs its own."""
        stopping = asyncio.Event()

        async def stop(_: web.Application) -> None:
            stopping.set()

        @web.middleware
        async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._answer(request, handler, stopping)

        application = web.Application(middlewares=[answer], client_max_size=_MAX_BODY)
        application.add_routes([*self._pool_endpoints.routes(), *self.credential_endpoints.routes()])
        application.on_response_prepare.append(self._set_headers)
        application.on_shutdown.append(stop)
        return application

    async def _answer(
        self, request: web.Request, handler: Handler, stopping: asyncio.Event
    ) -> web.StreamResponse:
        recorded = self._record(request)

        async def respond() -> web.Response:
            return await self._respond(request, handler, recorded)

        if self.intercept is None:
            return await respond()
        try:
            return await self.intercept(Exchange(request, recorded, respond, self._clock, stopping))
        except ConnectionError:  # the client has closed the connection
            return web.Response()

    def _record(self, request: web.Request) -> RecordedRequest:
        path, _, query = request.raw_path.partition("?")
        recorded = RecordedRequest(
            request.method,
            path,
            query,
            frozenset(name.lower() for name in request.headers),
            self._clock.wall(),
            request.match_info.route.name or "",
            request.match_info.get("pool", ""),
        )
        self.requests.append(recorded)
        return recorded

    async def _respond(
        self, request: web.Request, handler: Handler, recorded: RecordedRequest
    ) -> web.Response:
        try:
            if "project" in request.match_info:
                self.iam.authenticate(await _received(request))
            answer = await handler(request)
        except ApiError as error:
            return self._error_answer(error)
        except web.HTTPException as error:
            if recorded.endpoint:
                raise
            message = "The API does not exist or has not been published in the environment"
            return self._error_answer(gateway_error(error.status, "0101", message))
        assert isinstance(answer, web.Response)  # noqa: S101  (no handler streams)
        return answer

    def _error_answer(self, error: ApiError) -> web.Response:
        request_id = self._request_id()
        body = error.body
        if "request_id" in body:
            body = {**body, "request_id": request_id}
        return web.json_bytes_response(
            body, dumps=msgspec.json.encode, status=error.status, headers={"X-Request-Id": request_id}
        )

    def _request_id(self) -> str:
        return f"{self._request_ids.getrandbits(128):032x}"

    async def _set_headers(self, _: web.Request, answer: web.StreamResponse) -> None:
        # aiohttp would take the time of the machine's clock, not of this cloud's.
        answer.headers["Date"] = formatdate(self._clock.wall(), usegmt=True)
        answer.headers.setdefault("X-Request-Id", self._request_id())


@asynccontextmanager
async def serve(simulator: Simulator, port: int = 0, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve a simulated cloud on loopback.

    Args:
        simulator: what to serve.
        port: 0 for any that is free.
        tls: to serve https; None for http.

    Yields:
        The base URL, without a slash at the end.
    """
    async with serve_application(simulator.application(), port, tls) as url:
        yield url


@asynccontextmanager
async def serve_application(
    application: web.Application, port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """Serve any application on loopback; arguments and result are those of `serve`."""
    # An interceptor that never answers ends when `stopping` is set. So a short timeout is enough.
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls).start()
        host, bound = runner.addresses[0][:2]
        yield f"{'https' if tls else 'http'}://{host}:{bound}"
    finally:
        await runner.cleanup()


async def _received(request: web.Request) -> ReceivedRequest:
    headers = {name.lower(): value for name, value in request.headers.items()}
    return ReceivedRequest(request.method, request.raw_path, headers, await request.read())
