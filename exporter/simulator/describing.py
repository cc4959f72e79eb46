"""Pools, nodes, allocation and statistics as the API's objects."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from exporter.simulator import spelling
from exporter.simulator.workloads import address, topology

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from exporter.simulator.nodes import Room
    from exporter.simulator.pools import Profile

_COUNTED = ("Pending", "Queue", "Running")
"""The statuses that the documented example of the statistics counts; the others are in the total only."""


def pool_object(profile: Profile) -> dict[str, object]:
    """A pool of the pools' list."""
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
            "annotations": {"os.modelarts.pool/scheduler.queue.strategy": "priority"},
        },
        "spec": {"type": "Dedicate", "scope": ["Train", "Infer", "Notebook"], "resources": [flavor]},
        "status": {
            "phase": profile.phase,
            "resources": {
                "creating": nothing,
                "available": [{**flavor, "nodePool": f"{profile.flavor}-default", "azs": nothing}],
                "abnormal": nothing,
                "deleting": nothing,
            },
        },
    }


def node_object(profile: Profile, index: int, free: Room) -> dict[str, object]:
    """A node of a pool's nodes."""
    whole = profile.whole_node
    return {
        "apiVersion": "v2",
        "kind": "Node",
        "metadata": {
            "name": f"os-node-created-{index:05d}",
            "creationTimestamp": "2024-06-13T02:31:07Z",
            "annotations": {"os.modelarts/npu-topology-placement": topology(whole.cards & ~free.cards)},
        },
        "spec": {"flavor": profile.flavor},
        "status": {
            "phase": "Available",
            "az": "cn-north-4a",
            "privateIp": address(index),
            "resources": _resources(profile, whole),
            "availableResources": _resources(profile, free),
        },
    }


def runtime_object(profile: Profile, rooms: Sequence[Room], now: float) -> dict[str, object]:
    """A pool of the runtime metrics. Numbers and strings are mixed, as in the documented example."""
    whole = profile.whole_node
    moment = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    capacity = {
        "cpu": profile.cpu * len(rooms),
        "memory": spelling.memory(whole.memory * len(rooms), "binary"),
        profile.accelerator: profile.cards * len(rooms),
    }
    taken_cpu = sum(whole.cpu - room.cpu for room in rooms)
    taken_cards = sum(profile.cards - room.cards.bit_count() for room in rooms)
    allocated = {
        "cpu": spelling.cpu(taken_cpu, "number"),
        "memory": spelling.memory(sum(whole.memory - room.memory for room in rooms), "mebi"),
    }
    if taken_cards:  # the documented example leaves cards out where no job holds one
        allocated[profile.accelerator] = taken_cards
    return {
        "metadata": {"name": profile.id},
        "table": {
            "capacity": {"value": capacity, "maxValue": capacity, "timestamp": moment, "window": "1m"},
            "allocated": {"value": allocated, "timestamp": moment, "window": "1m"},
        },
    }


def statistics_object(workloads: Iterable[object]) -> dict[str, object]:
    """The counts of a pool's workloads by type and status."""
    counts = Counter((item.get("type"), item.get("status")) for item in workloads if isinstance(item, dict))
    types = sorted({str(of_type) for of_type, _ in counts})
    items = [
        {
            "type": one,
            "total": sum(number for (of_type, _), number in counts.items() if of_type == one),
            "status": {status: counts[one, status] for status in _COUNTED},
        }
        for one in types
    ]
    return {"statistics": {"total": counts.total(), "items": items}}


def _resources(profile: Profile, room: Room) -> dict[str, str]:
    return {
        "cpu": str(spelling.cpu(room.cpu, "plain")),
        "memory": spelling.memory(room.memory, "binary"),
        profile.accelerator: str(room.cards.bit_count()),
    }
