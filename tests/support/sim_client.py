"""A client of the simulated cloud that signs with Huawei's own signer."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import aiohttp
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer
from yarl import URL

from exporter.simulator.iam import AccessKey
from exporter.simulator.pools import Profile
from exporter.simulator.server import Simulator, serve
from support.fixed_pool import FixedPool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from exporter.common.clock import Clock

PROJECT = "0123456789abcdef0123456789abcdef"
POOL = "pool-fixed-00112233445566778899aabbccddeeff"
KEY = AccessKey(ak="HPUATESTTESTTESTTEST", sk="a-secret-of-the-tests")
WORKLOADS = f"/v2/{PROJECT}/pools/{POOL}/workloads"


def workload(number: int, **fields: object) -> dict[str, object]:
    return {
        "kind": "Workload",
        "uid": f"uid-{number:05d}",
        "type": "train",
        "status": "Queue",
        "createTime": 1_700_000_000_000 + number,
        **fields,
    }


def simulator_of(clock: Clock, workloads: Iterable[object] = ()) -> tuple[Simulator, FixedPool]:
    pool = FixedPool(Profile(id=POOL, name="fixed"), workloads)
    return Simulator(clock, {PROJECT: [pool]}, keys=[KEY]), pool


def signed(
    base: str,
    path: str,
    query: Mapping[str, object],
    *,
    at: float,
    key: AccessKey = KEY,
    headers: Mapping[str, str] | None = None,
) -> tuple[URL, dict[str, str]]:
    """The address and the headers of a GET, as Huawei's SDK would send them."""
    token = {"X-Security-Token": key.security_token} if key.security_token else {}
    request = SdkRequest(
        method="GET",
        schema="http",
        host=base.removeprefix("http://"),
        resource_path=path,
        query_params=list(query.items()),
        header_params={
            "X-Sdk-Date": datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ"),
            **token,
            **(headers or {}),
        },
        body="",
    )
    Signer(SimpleNamespace(ak=key.ak, sk=key.sk)).sign(request)
    return URL(base + request.uri, encoded=True), request.header_params


class Client:
    """Asks one simulated server and remembers nothing."""

    def __init__(self, session: aiohttp.ClientSession, base: str, clock: Clock) -> None:
        self.session = session
        self.base = base
        self.clock = clock

    def get(
        self,
        path: str = WORKLOADS,
        *,
        key: AccessKey = KEY,
        at: float | None = None,
        headers: Mapping[str, str] | None = None,
        **query: object,
    ) -> aiohttp.client._RequestContextManager:
        moment = self.clock.wall() if at is None else at
        url, signed_headers = signed(self.base, path, query, at=moment, key=key, headers=headers)
        return self.session.get(url, headers=signed_headers, allow_redirects=False)

    async def json(self, path: str = WORKLOADS, **query: Any) -> dict[str, object]:
        async with self.get(path, **query) as answer:
            assert answer.status == 200, await answer.text()
            body: dict[str, object] = await answer.json()
            return body


@asynccontextmanager
async def connect(simulator: Simulator, clock: Clock) -> AsyncIterator[Client]:
    """Serve a simulator and give a client of it."""
    async with aiohttp.ClientSession() as session, serve(simulator) as base:
        yield Client(session, base, clock)
