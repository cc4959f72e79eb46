"""`modelarts-exporter once` on a fragmented, a full and a roomy pool: the metrics tell which is which."""

from __future__ import annotations

import asyncio
import os
import sys

from prometheus_client.parser import text_string_to_metric_families
from support.cloud import KEY, PROJECT, REGION, jobs

from exporter.common.clock import SystemClock
from exporter.simulator.nodes import Room
from exporter.simulator.pools import FixedPool, Profile
from exporter.simulator.server import Simulator, serve

CARD = "huawei.com/ascend-1980"
EIGHT = jobs(1, resourceRequirement={"cpu": "8", "memory": "64Gi", CARD: "8"})
"""A job that needs all eight cards of a node."""


def pool(name: str, *free_cards: int) -> FixedPool:
    """A pool of four nodes of eight cards, with so many of them free on each."""
    profile = Profile(f"pool-{name}-0123456789abcdef0123456789abcdef")
    whole = profile.whole_node
    rooms = [Room((1 << cards) - 1, whole.cpu // 2, whole.memory // 2) for cards in free_cards]
    return FixedPool(profile, EIGHT, free=rooms)


async def exposition(*pools: FixedPool) -> str:
    simulator = Simulator(SystemClock(), {PROJECT: pools}, keys=[KEY])
    async with serve(simulator) as endpoint:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "exporter", "once"),
            stdout=-1,
            stderr=-1,
            env={
                "PATH": os.environ["PATH"],
                "MODELARTS_EXPORTER_REGION": REGION,
                "MODELARTS_EXPORTER_PROJECT_ID": PROJECT,
                "MODELARTS_EXPORTER_POOLS": "*",
                "MODELARTS_EXPORTER_ENDPOINT": endpoint,
                "MODELARTS_EXPORTER_CAPACITY__READ": "nodes",
                "HUAWEICLOUD_SDK_AK": KEY.ak,
                "HUAWEICLOUD_SDK_SK": KEY.sk,
            },
        )
        out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return out.decode()


async def test_fragmentation_is_told_from_shortage() -> None:
    """A job of eight cards waits in each. Two pools have eight free cards, one of them on one node."""
    pools = {"fragmented": (2, 2, 2, 2), "full": (0, 0, 0, 0), "roomy": (8, 0, 0, 0)}
    text = await exposition(*(pool(name, *free) for name, free in pools.items()))
    samples = {
        (sample.name.removeprefix("modelarts_pool_"), sample.labels["pool"].split("-")[1]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if "pool" in sample.labels and sample.labels.get("type", "train") == "train"
    }

    def told(name: str) -> list[float]:
        return [samples[name, one] for one in pools]

    assert told("capacity_accelerators") == [32.0, 32.0, 32.0]
    assert told("allocated_accelerators") == [24.0, 32.0, 24.0]
    assert told("fitting_workloads") == [1.0, 0.0, 1.0]
    assert told("free_accelerators") == [8.0, 0.0, 8.0]
    assert told("free_accelerators_max_per_node") == [2.0, 0.0, 8.0]
