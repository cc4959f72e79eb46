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

from aiohttp import web

from exporter.simulator.faults import Scene
from exporter.simulator.identity import Identity, KeyPair, User
from exporter.simulator.login import Login
from exporter.simulator.modelarts import ModelArts, reply
from exporter.simulator.planting import Faults
from exporter.simulator.refusals import Refusal, by_gateway
from exporter.simulator.signature import Arrived

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

    from exporter.common.clock import Clock
    from exporter.simulator.pools import Pool

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_REMEMBERED = 10_000
_LARGEST_BODY = 2**20


@dataclass(frozen=True, slots=True)
class Recorded:
    """A request that arrived.

    Attributes:
        method: GET, POST, PUT.
        path: without the query.
        query: as on the wire.
        headers: their names in lower case, no values.
        at: Unix seconds.
        endpoint: the route's name; empty where there is none.
        pool: the pool's ID in the path; empty where there is none.
    """

    method: str
    path: str
    query: str
    headers: frozenset[str]
    at: float
    endpoint: str
    pool: str


class Simulator:
    """A ModelArts with its gateway, IAM and metadata service.

    Args:
        clock: the time.
        projects: the pools of each project, by project ID.
        keys: access keys that are trusted.
        users: who may log in for a token.

    Attributes:
        projects: may be changed at any time: pools come and go.
        identity: keys, tokens, locks.
        login: the endpoints that hand out credentials.
        faults: what goes wrong.
        requests: what arrived, oldest first; the newest 10,000.
    """

    def __init__(
        self,
        clock: Clock,
        projects: Mapping[str, Sequence[Pool]],
        *,
        keys: Iterable[KeyPair] = (),
        users: Iterable[User] = (),
    ) -> None:
        self.projects = dict(projects)
        self.identity = Identity(clock, Random(0), keys, users)  # noqa: S311  (guards a simulation)
        self.login = Login(clock, self.identity)
        self.faults = Faults()
        self.requests: deque[Recorded] = deque(maxlen=_REMEMBERED)
        self._clock = clock
        self._modelarts = ModelArts(clock, self.projects)
        self._request_ids = Random(1)  # noqa: S311  (likewise)

    def application(self) -> web.Application:
        """The server's application; one for each time it is served."""
        stopping = asyncio.Event()

        async def stop(_: web.Application) -> None:
            stopping.set()

        @web.middleware
        async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._answer(request, handler, stopping)

        application = web.Application(middlewares=[answer], client_max_size=_LARGEST_BODY)
        application.add_routes([*self._modelarts.routes(), *self.login.routes()])
        application.on_response_prepare.append(self._stamp)
        application.on_shutdown.append(stop)
        return application

    async def _answer(
        self, request: web.Request, handler: Handler, stopping: asyncio.Event
    ) -> web.StreamResponse:
        recorded = self._record(request)

        async def respond() -> web.Response:
            return await self._respond(request, handler, recorded)

        fault = self.faults.meet(recorded.endpoint, recorded.pool)
        if fault is None:
            return await respond()
        try:
            return await fault.play(Scene(request, respond, self._clock, stopping))
        except ConnectionError:  # the client has had enough of it, and is gone
            return web.Response()

    def _record(self, request: web.Request) -> Recorded:
        path, _, query = request.raw_path.partition("?")
        recorded = Recorded(
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

    async def _respond(self, request: web.Request, handler: Handler, recorded: Recorded) -> web.Response:
        try:
            if "project" in request.match_info:
                self.identity.authenticate(await _arrived(request))
            answer = await handler(request)
        except Refusal as refusal:
            return self._refuse(refusal)
        except web.HTTPException as error:
            if recorded.endpoint:
                raise
            message = "The API does not exist or has not been published in the environment"
            return self._refuse(by_gateway(error.status, "0101", message))
        assert isinstance(answer, web.Response)  # noqa: S101  (all handlers make whole answers)
        return answer

    def _refuse(self, refusal: Refusal) -> web.Response:
        request_id = self._request_id()
        body = refusal.body
        if "request_id" in body:
            body = {**body, "request_id": request_id}
        answer = reply(body, refusal.status)
        answer.headers["X-Request-Id"] = request_id
        return answer

    def _request_id(self) -> str:
        return f"{self._request_ids.getrandbits(128):032x}"

    async def _stamp(self, _: web.Request, answer: web.StreamResponse) -> None:
        # aiohttp would take the machine's clock, not the one of this cloud.
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
    # The faults that never answer end when the application shuts down, so nothing is waited for.
    runner = web.AppRunner(simulator.application(), access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls).start()
        host, bound = runner.addresses[0][:2]
        yield f"{'https' if tls else 'http'}://{host}:{bound}"
    finally:
        await runner.cleanup()


async def _arrived(request: web.Request) -> Arrived:
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Arrived(request.method, request.raw_path, headers, await request.read())
