"""How many requests a project costs per interval, by endpoint: counted where they arrive."""

from __future__ import annotations

from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from support.cloud import PROJECT, REGION, cloud_of, jobs
from support.fakes import fake_context
from support.fixed_pool import FixedPool

from exporter.lifecycle.tracker import Tracker
from exporter.polling.capacity import CapacityPoller
from exporter.polling.memory import ProjectMemory
from exporter.polling.project import ProjectPoller
from exporter.polling.publish import Publisher
from exporter.polling.schedule import IntervalMonitor
from exporter.polling.selection import Selection
from exporter.simulator.pools import Profile
from exporter.waiting.strategies import Strategies

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from support.cloud import Cloud
    from support.fakes import FakeClock

    from exporter.polling.cross_check import CrossCheck


@asynccontextmanager
async def project_of(
    clock: FakeClock, pools: int, *, workloads: int, nodes: bool, cross_check: CrossCheck
) -> AsyncIterator[tuple[Cloud, ProjectPoller]]:
    """A project with so many equal pools, and its poller."""
    listed = jobs(workloads)
    async with cloud_of(clock) as cloud:
        cloud.simulator.projects[PROJECT] = [
            FixedPool(Profile(f"pool-{index:03}-0123456789abcdef0123456789abcdef"), listed)
            for index in range(pools)
        ]
        context = fake_context(clock, self_metrics=cloud.self_metrics)
        common: dict[str, Any] = {
            "region": REGION,
            "project_id": PROJECT,
            "client": cloud.client,
            "context": context,
            "publisher": Publisher(context, Strategies()),
            "memory": ProjectMemory(cloud.client.memory),
            "interval": 60.0,
            "stale_after": 300.0,
        }
        ids = tuple(pool.profile.id for pool in cloud.simulator.projects[PROJECT])
        yield (
            cloud,
            ProjectPoller(
                **common,
                selection=Selection(PROJECT, ids),
                workspace_id="0",
                tracker=Tracker(context),
                monitor=IntervalMonitor(
                    region=REGION,
                    project_id=PROJECT,
                    interval=60.0,
                    requests_per_second=10.0,
                    self_metrics=cloud.self_metrics,
                ),
                estimates=False,
                cross_check=cross_check,
                capacity=CapacityPoller(**common, nodes=nodes),
            ),
        )


@pytest.mark.parametrize("pools", [1, 20, 200])
@pytest.mark.parametrize(
    ("workloads", "nodes", "cross_check", "per_pool"),
    [
        (1, False, "off", {"workloads": 1}),
        (1, False, "paged", {"workloads": 1}),
        (1, True, "always", {"workloads": 1, "nodes": 1}),
    ],
    ids=["least", "default", "everything"],
)
async def test_requests_of_an_interval(
    clock: FakeClock,
    pools: int,
    workloads: int,
    nodes: bool,
    cross_check: CrossCheck,
    per_pool: dict[str, int],
) -> None:
    """One for all pools' capacities; one a pool for its listing, and its nodes where wanted."""
    async with project_of(clock, pools, workloads=workloads, nodes=nodes, cross_check=cross_check) as (
        cloud,
        poller,
    ):
        await poller.once()
        cloud.simulator.requests.clear()
        await poller.once()
        asked = Counter(recorded.endpoint for recorded in cloud.simulator.requests)
        # The list of pools is asked for in each round here, and every five intervals by the daemon.
        assert asked == {
            "pools": 1,
            "runtime": 1,
            **{name: count * pools for name, count in per_pool.items()},
        }


async def test_requests_of_a_large_pool(clock: FakeClock) -> None:
    """By default a listing of several pages is checked by the count of the runtime metrics, for free."""
    async with project_of(clock, 1, workloads=1200, nodes=False, cross_check="paged") as (cloud, poller):
        await poller.once()
        cloud.simulator.requests.clear()
        await poller.once()
        asked = Counter(recorded.endpoint for recorded in cloud.simulator.requests)
        assert asked == {"pools": 1, "runtime": 1, "workloads": 3}
