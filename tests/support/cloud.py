"""A simulated cloud of fixed pools, and a client that asks it, for tests."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from exporter.api.client import Client
from exporter.api.memory import ApiMemory
from exporter.api.rate_limit import RateLimiter
from exporter.credentials.authenticator import Authenticator
from exporter.credentials.key_files import configured_keys
from exporter.credentials.lockout import Lockout
from exporter.self_metrics import SelfMetrics
from exporter.simulator.iam import AccessKey
from exporter.simulator.pools import Profile
from exporter.simulator.server import Simulator, serve
from exporter.transport.http import HttpTransport
from support.fakes import fake_context
from support.fixed_pool import FixedPool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from support.fakes import FakeClock
    from support.fixed_pool import ListingRules

REGION = "cn-north-4"
PROJECT = "0123456789abcdef0123456789abcdef"
POOL = "pool-train-cards-0123456789abcdef0123456789abcdef"
KEY = AccessKey(ak="HPUATESTTESTTESTTEST", sk="testTestTestTestTestTestTestTestTestTest")


def jobs(count: int, **fields: Any) -> list[dict[str, Any]]:
    """So many queued jobs, created one second after the other."""
    return [
        {
            "uid": f"uid-{index:05}",
            "jobName": f"job-{index:05}",
            "type": "train",
            "status": "Queue",
            "createTime": 1_699_900_000_000 + index * 1000,
            "pendingDuration": count - index,
            **fields,
        }
        for index in range(count)
    ]


@dataclass
class Cloud:
    """A running simulator with one client of its project."""

    simulator: Simulator
    pool: FixedPool
    url: str
    client: Client
    self_metrics: SelfMetrics
    rate_limiter: RateLimiter

    def requests(self, endpoint: str = "workloads") -> int:
        """How many requests arrived at an endpoint."""
        return sum(recorded.endpoint == endpoint for recorded in self.simulator.requests)

    def sample(self, name: str, **labels: str) -> float | None:
        """One of the exporter's own metrics."""
        return self.self_metrics.registry.get_sample_value(f"modelarts_exporter_{name}", labels)


@asynccontextmanager
async def cloud_of(
    clock: FakeClock,
    workloads: Sequence[dict[str, Any]] = (),
    *,
    rules: ListingRules | None = None,
    sk: str = KEY.sk,
    timeout: float = 5.0,
    rate: float = 1000.0,
) -> AsyncIterator[Cloud]:
    """A cloud with one pool; the client uses this secret key."""
    pool = FixedPool(Profile(POOL, name="Training"), workloads, rules=rules)
    simulator = Simulator(clock, {PROJECT: [pool]}, keys=[KEY])
    self_metrics = SelfMetrics()
    rate_limiter = RateLimiter(PROJECT, requests_per_second=rate, concurrency=8, clock=clock)
    async with serve(simulator) as url:
        transport = HttpTransport()
        try:
            yield Cloud(
                simulator,
                pool,
                url,
                Client(
                    endpoint=url,
                    project_id=PROJECT,
                    authenticator=Authenticator(configured_keys(KEY.ak, sk), Lockout(clock), PROJECT, clock),
                    transport=transport,
                    rate_limiter=rate_limiter,
                    memory=ApiMemory(clock),
                    context=fake_context(clock, self_metrics=self_metrics),
                    timeout=timeout,
                ),
                self_metrics,
                rate_limiter,
            )
        finally:
            await transport.close()
