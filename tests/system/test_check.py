"""`check` on a real server: the table, what stands below it, and the exit status."""

from __future__ import annotations

from typing import Any

import pytest
from support.cloud import jobs
from support.fixed_pool import FixedPool
from support.independent_cloud import AK, LARGE, PROJECT, SK, WAITING, Cloud, command, serving

from exporter.common.clock import SystemClock
from exporter.simulator.iam import AccessKey
from exporter.simulator.pools import Profile
from exporter.simulator.server import Simulator, serve


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"pools": "pool-wrong-0123456789abcdef0123456789abcdef"},
            ["not_found", "by ID (metadata.name)", "did you mean"],
        ),
        ({"HUAWEICLOUD_SDK_SK": "wrong"}, ["unauthorized", "APIGW.0301", "environment"]),
        ({"endpoint": "http://127.0.0.1:1"}, ["connection", "check endpoint"]),
    ],
    ids=["missing pool", "wrong key", "dead endpoint"],
)
async def test_check_tells_what_is_wrong_and_what_to_do(change: dict[str, str], words: list[str]) -> None:
    """Exit 1 and a table with the outcome and advice; no traceback, no secret."""
    cloud = Cloud()
    async with serving(cloud) as endpoint:
        arguments: dict[str, Any] = {"endpoint": endpoint, **change}
        status, table, errors = await command("check", **arguments)
    assert status == 1, errors
    told = " ".join(table.split())  # the table folds long advice
    for word in words:
        assert word in told
    assert "Traceback" not in table + errors
    assert SK not in table + errors
    # A wrong key is not tried once per pool: that would lock it.
    if "HUAWEICLOUD_SDK_SK" in change:
        assert cloud.refused == 1


async def test_check_tells_of_more_pools_than_the_pace_allows() -> None:
    """Below the table, with what to raise; the pools are well all the same, so exit 0."""
    cloud = Cloud()
    often: dict[str, Any] = {
        "MODELARTS_EXPORTER_POLL__INTERVAL": "100ms",
        "MODELARTS_EXPORTER_POLL__REQUESTS_PER_SECOND": "10",
    }
    async with serving(cloud) as endpoint:
        status, table, errors = await command("check", endpoint=endpoint, **often)
    assert status == 0, errors
    assert "cannot be read within poll.interval" in table
    assert "raise poll.requests_per_second or poll.interval" in table


async def test_check_of_good_pools() -> None:
    """Exit 0 and a row per pool with its workloads, the waiting and the longest wait."""
    cloud = Cloud()
    async with serving(cloud) as endpoint:
        status, table, errors = await command("check", endpoint=endpoint)
    assert status == 0, errors
    [large] = [line for line in table.splitlines() if "pool-large" in line]
    waiting = sum(job.item["status"] in WAITING for job in cloud.jobs[LARGE])
    assert large.split()[:7] == [LARGE, "(the", "large", "one)", "ok", "1500", str(waiting)]


async def test_check_tells_of_odd_accelerators() -> None:
    """Once for each pool, below the table; the pools are well all the same, so exit 0."""
    listed = jobs(3, resourceRequirement={"cpu": "1", "nvidia.com/gpu": "1"})
    pools = [
        FixedPool(Profile(f"pool-{name}-0123456789abcdef0123456789abcdef", accelerator=accelerator), listed)
        for name, accelerator in (("odd", "tnt004"), ("plain", "nvidia.com/gpu"))
    ]
    simulator = Simulator(SystemClock(), {PROJECT: pools}, keys=[AccessKey(AK, SK)])
    ids = ",".join(pool.profile.id for pool in pools)
    async with serve(simulator) as endpoint:
        status, table, errors = await command("check", endpoint=endpoint, pools=ids)
    assert status == 0, errors
    undocumented, apart = (line for line in table.splitlines() if line.startswith("pool-odd") and ":" in line)
    assert undocumented.endswith("count as accelerators: tnt004")
    assert "ask for nvidia.com/gpu, and the pool's capacity names tnt004" in apart
    assert not any(line.startswith("pool-plain") and ":" in line for line in table.splitlines())
