"""Peer: the script that a user would write, Huawei's SDK in a loop and prometheus_client's gauges.

`python -m tools.bench.script ENDPOINT SERIES POOL,...`; SERIES is `none` or `all`. It sets the families that
the exporter has, but for the distribution of waits, for which prometheus_client has no metric that can be
set. No overlap of pages, no errors, no freshness: what a first script has.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from typing import Any

from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.http.http_config import HttpConfig
from huaweicloudsdkmodelarts.v1 import ListWorkloadsRequest, ModelArtsClient
from prometheus_client import Gauge, start_http_server

from tools.bench.data import PROJECT

PAUSE = 0.05
"""Seconds between two rounds; in life it would be a minute."""

_PAGE = 500
_BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_IDENTITY = ["region", "project_id", "pool"]
_WORKLOAD = [*_IDENTITY, "uid", "job_name", "type"]
_CARDS = {
    "nvidia.com/gpu": "nvidia_com_gpu",
    "huawei.com/ascend-310": "huawei_com_ascend_310",
    "huawei.com/ascend-1980": "huawei_com_ascend_1980",
}


def gauge(name: str, *labels: str, workload: bool = False) -> Gauge:
    """One family."""
    return Gauge(f"modelarts_{name}", name, [*(_WORKLOAD if workload else _IDENTITY), *labels])


count = gauge("pool_workloads", "type", "status")
pool_cpu = gauge("pool_requested_cpu_cores", "type", "status")
pool_memory = gauge("pool_requested_memory_bytes", "type", "status")
pool_cards = gauge("pool_requested_accelerators", "type", "status", "accelerator")
longest = gauge("pool_longest_pending_seconds", "type", "priority")
info = gauge("workload_info", "name", "job_uuid", "flavor", "priority", "user", "gvk", workload=True)
current_status = gauge("workload_status", "status", workload=True)
pending = gauge("workload_pending_duration_seconds", workload=True)
position = gauge("workload_pending_position", workload=True)
running = gauge("workload_running_duration_seconds", workload=True)
created = gauge("workload_created_timestamp_seconds", workload=True)
cpu = gauge("workload_requested_cpu_cores", workload=True)
memory = gauge("workload_requested_memory_bytes", workload=True)
cards = gauge("workload_requested_accelerators", "accelerator", workload=True)
nodes = gauge("workload_nodes", workload=True)
EVERY = (
    *(count, pool_cpu, pool_memory, pool_cards, longest),
    *(info, current_status, pending, position, running, created, cpu, memory, cards, nodes),
)


def amount(text: str | None) -> float:
    """A quantity such as 24, 500m or 192Gi."""
    if not text:
        return 0.0
    if text[-2:] in _BINARY:
        return float(text[:-2]) * _BINARY[text[-2:]]
    return float(text[:-1]) / 1000 if text.endswith("m") else float(text)


def listed(client: Any, pool: str) -> list[Any]:
    """Every workload of a pool. The SDK drops `total`, so the last page is the one that is not full."""
    found: list[Any] = []
    while True:
        page = client.list_workloads(
            ListWorkloadsRequest(
                pool_name=pool, sort="create_time", ascend=True, limit=_PAGE, offset=str(len(found))
            )
        ).items
        found += page
        if len(page) < _PAGE:
            return found


def show_pool(identity: tuple[str, ...], workloads: list[Any]) -> None:
    """Set the gauges of a pool as a whole."""
    counts: Counter[tuple[str, ...]] = Counter()
    cores: Counter[tuple[str, ...]] = Counter()
    held: Counter[tuple[str, ...]] = Counter()
    wanted: Counter[tuple[str, ...]] = Counter()
    waits: dict[tuple[str, ...], float] = {}
    for one in workloads:
        key = (one.type, one.status)
        counts[key] += 1
        if one.status in {"Completed", "Terminated", "Failed"}:
            continue
        requirement: Any = one.resource_requirement
        cores[key] += amount(requirement.cpu)  # type: ignore[assignment]  # a Counter of floats
        held[key] += amount(requirement.memory)  # type: ignore[assignment]
        for accelerator, attribute in _CARDS.items():
            wanted[*key, accelerator] += amount(getattr(requirement, attribute))  # type: ignore[assignment]
        if one.status in {"Queue", "Pending"}:
            queue = (one.type, one.priority)
            waits[queue] = max(waits.get(queue, 0.0), one.pending_duration)
    for family, figures in (
        *((count, counts), (pool_cpu, cores), (pool_memory, held)),
        *((pool_cards, wanted), (longest, waits)),
    ):
        for labels, value in figures.items():
            family.labels(*identity, *labels).set(value)


def show_workload(identity: tuple[str, ...], one: Any) -> None:
    """Set the gauges of one workload."""
    labels = (*identity, one.uid, one.job_name, one.type)
    texts = (one.name, one.job_uuid, one.flavor, one.priority, one.user_name, one.gvk)
    info.labels(*labels, *(text or "" for text in texts)).set(1)
    current_status.labels(*labels, one.status).set(1)
    for family, value in (
        *((pending, one.pending_duration), (running, one.running_duration)),
        *((position, None if one.pending_position == -1 else one.pending_position),),
    ):
        if value is not None:
            family.labels(*labels).set(value)
    created.labels(*labels).set(one.create_time / 1000)
    requirement = one.resource_requirement
    cpu.labels(*labels).set(amount(requirement.cpu))
    memory.labels(*labels).set(amount(requirement.memory))
    for accelerator, attribute in _CARDS.items():
        if (asked := getattr(requirement, attribute)) is not None:
            cards.labels(*labels, accelerator).set(amount(asked))
    if one.host_ips:
        nodes.labels(*labels).set(len(one.host_ips.split(",")))


def main(endpoint: str, series: str, pools: list[str]) -> None:
    """List and show, for ever."""
    client = (
        ModelArtsClient.new_builder()
        .with_http_config(HttpConfig(timeout=(60, 3600)))
        .with_credentials(BasicCredentials("AK", "SK", PROJECT))
        .with_endpoint(endpoint)
        .build()
    )
    server, _ = start_http_server(0, "127.0.0.1")
    print(f"addresses=http://127.0.0.1:{server.server_port}", file=sys.stderr, flush=True)  # noqa: T201
    while True:
        for family in EVERY:
            family.clear()
        for pool in pools:
            identity = ("cn-north-4", PROJECT, pool)
            workloads = listed(client, pool)
            show_pool(identity, workloads)
            if series == "all":
                for one in workloads:
                    show_workload(identity, one)
        time.sleep(PAUSE)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3].split(","))
