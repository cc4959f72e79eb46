"""Jobs, pools, nodes, their events, allocation and statistics as JSON objects of the API.

Key names and shapes follow the documented examples. Fields without a value are left out.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from exporter.simulator.jobs import GIB

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from exporter.simulator.jobs import Allocation, CardFormat, CpuFormat, Job, MemoryFormat, Submission
    from exporter.simulator.nodes import NodeResources
    from exporter.simulator.pools import Profile

PENDING_AT_HEAD = 5
"""The scheduler has taken up this many jobs at the head of the queue: they are Pending, the others Queue."""

_COUNTED = ("Pending", "Queue", "Running")
"""The statuses that the documented example of the statistics counts. The others are only in the total."""

_WAITING = {"Queue", "Pending"}
_FINISHED = {"Completed", "Terminated", "Failed"}

_ANNOUNCED = 3 * 86_400.0
"""Seconds before its begin at which an event is published."""

_MIB = 2**20
_GB = 10**9


def workload_object(
    job: Job, now: float, pool: str, accelerator: str, position: int | None
) -> dict[str, object]:
    """A job as an item of the workload listing.

    Args:
        job: which one.
        now: Unix seconds; the durations are as of then.
        pool: the pool's ID.
        accelerator: the resource name of its cards.
        position: its place in the queue, 1 for the first; None if it does not wait.
    """
    submission = job.submission
    item: dict[str, object] = {
        "kind": "Workload",
        "apiVersion": "v1",
        "uid": submission.uid,
        "jobUUID": submission.job_uuid,
        "name": submission.name,
        "jobName": submission.job_name,
        "type": submission.type,
        "namespace": pool,
        "resourceRequirement": _resource_requirement(submission, accelerator, submission.request.nodes),
        "priority": str(submission.priority),
        "createTime": round(submission.created * 1000),
        "pendingDuration": int(job.pending_duration(now)),
        "gvk": submission.gvk,
        "isDeleted": "false",
        "userName": submission.user,
    }
    if position is None:
        item["status"] = job.status(now)
    else:
        item["status"] = "Pending" if position <= PENDING_AT_HEAD else "Queue"
        if submission.position != "absent":
            item["pendingPosition"] = position if submission.position == "number" else -1
    if job.allocations:
        item |= _placement(job, accelerator)
    if (running := job.running_duration(now)) is not None:
        item["runningDuration"] = int(running)
    return item


def pool_object(profile: Profile, shares: int = 0) -> dict[str, object]:
    """An item of the list of pools.

    Args:
        profile: of the pool.
        shares: how many logical pools are a share of it.
    """
    labels = {"os.modelarts/name": profile.name} if profile.name else {}
    flavor = {"flavor": profile.flavor, "count": profile.nodes, "maxCount": profile.nodes}
    nothing: list[object] = []
    return {
        "apiVersion": "v2",
        "kind": "Pool",
        "metadata": {
            "name": profile.id,
            "creationTimestamp": "2024-06-13T02:11:58Z",
            "labels": {**labels, "os.modelarts/workspace.id": profile.workspace},
            "annotations": {
                "os.modelarts.pool/scheduler.queue.strategy": profile.strategy,
                **({"os.modelarts.pool/subpools.count": str(shares)} if shares else {}),
            },
        },
        "spec": {
            "type": "Logical" if profile.parent else "Dedicate",
            "scope": ["Train", "Infer", "Notebook"],
            "resources": [flavor],
        },
        "status": {
            "phase": profile.phase,
            **({"parent": profile.parent, "root": profile.parent} if profile.parent else {}),
            "resources": {
                "creating": nothing,
                "available": [{**flavor, "nodePool": f"{profile.flavor}-default", "azs": nothing}],
                "abnormal": nothing,
                "deleting": nothing,
            },
        },
    }


def node_object(profile: Profile, index: int, free: NodeResources) -> dict[str, object]:
    """An item of the list of a pool's nodes."""
    capacity = profile.node_capacity
    return {
        "apiVersion": "v2",
        "kind": "Node",
        "metadata": {
            "name": f"os-node-created-{index:05d}",
            "creationTimestamp": "2024-06-13T02:31:07Z",
            "annotations": {"os.modelarts/npu-topology-placement": _topology(capacity.cards & ~free.cards)},
        },
        "spec": {"flavor": profile.flavor},
        "status": {
            "phase": "Available",
            "az": "cn-north-4a",
            "privateIp": _node_ip(index),
            "resources": _node_resources(profile, capacity),
            "availableResources": _node_resources(profile, free),
        },
    }


def runtime_object(
    profile: Profile, free: Sequence[NodeResources], now: float, workloads: Iterable[object] = ()
) -> dict[str, object]:
    """An item of the runtime metrics. Numbers and strings are mixed, as in the documented example.

    Args:
        profile: of the pool.
        free: what is free, node by node.
        now: Unix seconds.
        workloads: as the listing has them.
    """
    node = profile.node_capacity
    timestamp = _utc(now)
    capacity = {
        "cpu": profile.cpu * len(free),
        "memory": format_memory(node.memory * len(free), "binary"),
        profile.accelerator: profile.cards * len(free),
    }
    allocated_cards = sum(profile.cards - other.cards.bit_count() for other in free)
    allocated = {
        "cpu": format_cpu(sum(node.cpu - other.cpu for other in free), "number"),
        "memory": format_memory(sum(node.memory - other.memory for other in free), "mebi"),
    }
    if allocated_cards:  # the documented example has no key for cards if no job holds one
        allocated[profile.accelerator] = allocated_cards
    return {
        "metadata": {"name": profile.id},
        "table": {
            "capacity": {"value": capacity, "maxValue": capacity, "timestamp": timestamp, "window": "1m"},
            "allocated": {"value": allocated, "timestamp": timestamp, "window": "1m"},
            "workload": {**_workload_counts(workloads), "timestamp": timestamp, "window": "1m"},
        },
    }


def _workload_counts(workloads: Iterable[object]) -> dict[str, dict[str, int]]:
    """Those that wait, and those that have their resources, by type."""
    counts: dict[str, Counter[str]] = {"queue": Counter(), "allocated": Counter()}
    for item in workloads:
        if isinstance(item, dict) and item.get("status") not in _FINISHED:
            counts["queue" if item.get("status") in _WAITING else "allocated"][str(item.get("type"))] += 1
    return {state: {**by_type, "sum": by_type.total()} for state, by_type in counts.items()}


def reboot_object(profile: Profile, begins: float) -> dict[str, object]:
    """A scheduled event: one of the pool's nodes is restarted at this Unix time."""
    return {
        "id": "event-5f0c2b7e",
        "catalog": "hardware",
        "type": "node_reboot",
        "state": "scheduled",
        "instanceType": "standard",
        "instanceId": "1f6c0b7a-88d4-4f0b-9a53-7c2de1f04b66",
        "nodeName": "os-node-created-00003",
        "poolName": profile.id,
        "publishTime": _utc(begins - _ANNOUNCED),
        "notBefore": _utc(begins),
    }


def statistics_object(workloads: Iterable[object]) -> dict[str, object]:
    """The numbers of a pool's workloads by type and status."""
    counts = Counter((item.get("type"), item.get("status")) for item in workloads if isinstance(item, dict))
    types = sorted({str(workload_type) for workload_type, _ in counts})
    items = [
        {
            "type": kind,
            "total": sum(number for (workload_type, _), number in counts.items() if workload_type == kind),
            "status": {status: counts[kind, status] for status in _COUNTED},
        }
        for kind in types
    ]
    return {"statistics": {"total": counts.total(), "items": items}}


def format_cpu(millicores: int, written: CpuFormat) -> str | int:
    """Millicores in that format; as "1073m" if they are no whole cores and the format has only those."""
    cores, rest = divmod(millicores, 1000)
    match written:
        case "milli":
            return f"{millicores}m"
        case "unit":
            # The documented example says "1 Cores".
            return f"{millicores / 1000:g} {'Core' if millicores < 1000 else 'Cores'}"  # noqa: PLR2004  (one core)
        case _ if rest:
            return f"{millicores}m"
        case "number":
            return cores
        case _:
            return str(cores)


def format_memory(amount: int, written: MemoryFormat) -> str:
    """Bytes in that format; in a smaller unit if the format's own would not be exact."""
    match written:
        case "unit" if amount * 100 % GIB == 0:
            return f"{amount * 100 // GIB / 100:g} GiB"
        case "decimal" if amount % _GB == 0:
            return f"{amount // _GB}G"
        case "binary" if amount % GIB == 0:
            return f"{amount // GIB}Gi"
        case "mebi" | "binary" | "unit" if amount % _MIB == 0:
            return f"{amount // _MIB}Mi"
        case _:
            return str(amount)


def format_cards(number: int, written: CardFormat) -> str | int:
    """Accelerator cards in that format."""
    return number if written == "number" else str(number)


def _placement(job: Job, accelerator: str) -> dict[str, object]:
    submission = job.submission

    def on_node(allocation: Allocation) -> dict[str, object]:
        return {
            "hostIp": _node_ip(allocation.node),
            "npuTopologyPlacement": _topology(allocation.cards),
            "resourceRequirement": _resource_requirement(submission, accelerator, 1),
        }

    placement: dict[str, object] = {"flavor": submission.flavor}
    if job.finished is None:
        placement["hostIps"] = ",".join(_node_ip(allocation.node) for allocation in job.allocations)
        placement["nodes"] = [on_node(allocation) for allocation in job.allocations]
    return placement


def _resource_requirement(submission: Submission, accelerator: str, nodes: int) -> dict[str, object]:
    request, formats = submission.request, submission.formats
    requirement: dict[str, object] = {
        "cpu": format_cpu(nodes * request.cpu, formats.cpu),
        "memory": format_memory(nodes * request.memory, formats.memory),
    }
    if request.cards:
        requirement[submission.accelerator or accelerator] = format_cards(
            nodes * request.cards, formats.cards
        )
    return requirement


def _node_resources(profile: Profile, resources: NodeResources) -> dict[str, str]:
    return {
        "cpu": str(format_cpu(resources.cpu, "plain")),
        "memory": format_memory(resources.memory, "binary"),
        profile.accelerator: str(resources.cards.bit_count()),
    }


def _node_ip(index: int) -> str:
    return f"192.168.{index // 200}.{index % 200 + 11}"


def _topology(cards: int) -> str:
    """16 characters, the rightmost is card 1; 1 is occupied."""
    return f"{cards:016b}"


def _utc(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
