from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING, Any

from support.fixed_pool import FixedPool
from support.sim_client import KEY, POOL, PROJECT

from exporter.common.clock import SystemClock
from exporter.simulator.demo import demo_cloud
from exporter.simulator.pools import Profile
from exporter.simulator.server import Simulator, serve

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def list_with_sdk(base: str, ak: str, sk: str, project: str, pool: str) -> list[Any]:
    """All workloads of a pool, page by page, through Huawei's own client."""
    sdk = import_module("huaweicloudsdkmodelarts.v1")
    credentials = import_module("huaweicloudsdkcore.auth.credentials").BasicCredentials(ak, sk, project)
    client = sdk.ModelArtsClient.new_builder().with_credentials(credentials).with_endpoint(base).build()
    workloads: list[Any] = []
    while True:
        request = sdk.ListWorkloadsRequest(
            pool_name=pool, sort="create_time", ascend=True, offset=str(len(workloads)), limit=200
        )
        page = client.list_workloads(request).items
        if not page:
            return workloads
        workloads += page


async def test_huaweis_client_lists_a_demo_pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signature, paging and every field that the SDK knows."""
    # The SDK writes a file into the home directory when it is imported.
    monkeypatch.setenv("HOME", str(tmp_path))
    cloud = demo_cloud(SystemClock())
    cloud.simulator.iam.add_key(KEY)
    pool = cloud.pools[0]
    async with serve(cloud.simulator) as base:
        workloads = await asyncio.to_thread(
            list_with_sdk, base, KEY.ak, KEY.sk, cloud.project_id, pool.profile.id
        )
    listed = {item["uid"]: item for item in pool.workloads()}
    # Jobs may come and go meanwhile: the clock is real.
    both = [workload for workload in workloads if workload.uid in listed]
    assert len(both) > 300
    for workload in both:
        item = listed[workload.uid]
        assert workload.create_time == item["createTime"]
        assert workload.job_name == item["jobName"]
        assert workload.user_name == item["userName"]
        assert workload.priority == item["priority"]
        assert workload.gvk == item["gvk"]


async def test_huaweis_client_reads_a_fixed_pool_to_the_last_item(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1,021 workloads over six pages, in order."""
    monkeypatch.setenv("HOME", str(tmp_path))
    items = [{"uid": f"uid-{number}", "createTime": number, "type": "train"} for number in range(1021)]
    simulator = Simulator(SystemClock(), {PROJECT: [FixedPool(Profile(POOL), items)]}, keys=[KEY])
    async with serve(simulator) as base:
        workloads = await asyncio.to_thread(list_with_sdk, base, KEY.ak, KEY.sk, PROJECT, POOL)
    assert [workload.uid for workload in workloads] == [item["uid"] for item in items]
    assert len(simulator.requests) == 7


def events_with_sdk(base: str, pool: str) -> list[Any]:
    """The scheduled events of a pool, through Huawei's own client."""
    sdk = import_module("huaweicloudsdkmodelarts.v1")
    credentials = import_module("huaweicloudsdkcore.auth.credentials").BasicCredentials(
        KEY.ak, KEY.sk, PROJECT
    )
    client = sdk.ModelArtsClient.new_builder().with_credentials(credentials).with_endpoint(base).build()
    answer = client.list_scheduled_events(sdk.ListScheduledEventsRequest(pool_name=pool, offset=1, limit=2))
    assert answer.count == 5
    return list(answer.events)


async def test_huaweis_client_reads_scheduled_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One page of one pool's events."""
    monkeypatch.setenv("HOME", str(tmp_path))
    pool, other = FixedPool(Profile(POOL)), FixedPool(Profile("pool-other"))
    pool.events = [{"id": f"e{number}", "type": "node_reboot", "state": "scheduled"} for number in range(5)]
    other.events = [{"id": "another"}]
    simulator = Simulator(SystemClock(), {PROJECT: [pool, other]}, keys=[KEY])
    async with serve(simulator) as base:
        events = await asyncio.to_thread(events_with_sdk, base, POOL)
    assert [(event.id, event.type, event.state) for event in events] == [
        ("e1", "node_reboot", "scheduled"),
        ("e2", "node_reboot", "scheduled"),
    ]
