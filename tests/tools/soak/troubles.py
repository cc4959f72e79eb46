"""What goes wrong with the cloud, one thing after the other."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from exporter.simulator.faults import (
    CutConnection,
    CutJson,
    Edited,
    Gzipped,
    Oversized,
    Reset,
    Silence,
    StalledBody,
    empty_body,
    forbidden,
    html,
    login_page,
    nested,
    too_many_requests,
)
from exporter.simulator.server import serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping
    from contextlib import AbstractAsyncContextManager
    from random import Random

    from exporter.simulator.faults import Fault
    from exporter.simulator.server import Simulator
    from tools.soak.process import Subject
    from tools.soak.world import World

_OVER_THE_CAP = 65 * 2**20

FAULTS: Mapping[str, Fault] = {
    "reset": Reset(),
    "silence": Silence(),
    "stalled body": StalledBody(),
    "cut connection": CutConnection(),
    "cut JSON": CutJson(),
    "items: null": Edited({"items": None, "total": 7}),
    "not understood": Edited({"items": [{"kind": "?"}, 7, None]}),
    "302": login_page(),
    "200 with HTML": html(),
    "503 with HTML": html(503),
    "500": html(500),
    "403": forbidden(),
    "429": too_many_requests(),
    "429 with Retry-After": too_many_requests(retry_after="1200"),
    "empty": empty_body(),
    "nested": nested(),
    "gzip": Gzipped(),
    "65 MiB in gzip": Oversized(_OVER_THE_CAP, gzip=True),
}

_ENDPOINTS = (None, "workloads", "workloads", "pools", "runtime", "nodes", "statistics")


class Cloud:
    """The served simulator, which may also be away: its port is its own for good."""

    def __init__(self, simulator: Simulator, url: str, serving: AsyncExitStack) -> None:
        self._simulator = simulator
        self._serving = serving
        self.url = url

    @classmethod
    @asynccontextmanager
    async def of(cls, simulator: Simulator) -> AsyncIterator[Cloud]:
        """Serve it."""
        async with AsyncExitStack() as serving:
            url = await serving.enter_async_context(serve(simulator))
            yield cls(simulator, url, serving)

    @asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        """Nobody listens."""
        await self._serving.aclose()
        try:
            yield
        finally:
            port = urlsplit(self.url).port
            assert port is not None
            await self._serving.enter_async_context(serve(self._simulator, port))


class Trouble(NamedTuple):
    """One thing that goes wrong.

    Attributes:
        kind: for the report.
        happening: lasts as long as the trouble does.
    """

    kind: str
    happening: Callable[[], AbstractAsyncContextManager[None]]


def troubles(world: World, cloud: Cloud, subject: Subject, rng: Random) -> Iterator[Trouble]:
    """All kinds in another order each time round, for ever."""
    identity, faults = world.simulator.identity, world.simulator.faults

    @asynccontextmanager
    async def planted(fault: Fault) -> AsyncIterator[None]:
        endpoint = rng.choice(_ENDPOINTS)
        pool = rng.choice((None, rng.choice(sorted(world.pools))))
        faults.plant(fault, endpoint=endpoint, pool=pool, skip=rng.choice((0, 0, 1)))
        try:
            yield
        finally:
            faults.clear()

    @asynccontextmanager
    async def revoked() -> AsyncIterator[None]:
        identity.distrust(world.key.ak)
        try:
            yield
        finally:
            identity.trust(world.key)

    @asynccontextmanager
    async def tokens_ended() -> AsyncIterator[None]:
        identity.end_tokens()
        yield

    @asynccontextmanager
    async def stopped() -> AsyncIterator[None]:
        subject.stop()
        try:
            yield
        finally:
            subject.go_on()

    kinds = [Trouble(name, partial(planted, fault)) for name, fault in FAULTS.items()]
    kinds += [
        Trouble("refused", cloud.away),
        Trouble("key revoked", revoked),
        Trouble("tokens ended", tokens_ended),
        Trouble("stopped and continued", stopped),
    ]
    while True:
        rng.shuffle(kinds)
        yield from kinds
