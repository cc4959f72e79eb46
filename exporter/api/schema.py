"""Every name that goes over the wire, and the shapes of the answers.

Source: the API reference page "Obtaining Jobs in a Dedicated Resource Pool", a real answer, and Huawei's SDK
3.1.219. Fields are only those that are used; everything but `kind` and `items` may be missing.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

PAGE_LIMIT = 500
"""Most workloads in one answer."""

WORKLOAD_LIST = "WorkloadList"
"""The only `kind` that a listing may have."""

LISTING_QUERY = {"sort": "create_time", "ascend": "true", "limit": str(PAGE_LIMIT)}
"""Oldest first, so that a new job appends at the end and moves no other."""

RENAMED_ACCELERATORS = {
    "huawei.com/ascend-snt3": "huawei.com/ascend-310",
    "huawei.com/ascend-snt9": "huawei.com/ascend-1980",
}
"""Older pages and the Terraform provider name the same two cards differently."""

DISPLAY_NAME_LABEL = "os.modelarts/name"
QUEUE_STRATEGY_ANNOTATION = "os.modelarts.pool/scheduler.queue.strategy"
PLACEMENT_ANNOTATION = "os.modelarts/npu-topology-placement"
"""16 characters of 0 and 1, one for each card of a node, 1 for an occupied one; the rightmost is card 1."""

NODES_LIMIT = 500
"""Most nodes in one answer."""

POOL_NOT_FOUND = "ModelArts.50015001"
"""The error code of a 404 that is about the pool, and not about the endpoint."""

NULL = msgspec.Raw(b"null")


class WireWorkload(msgspec.Struct, rename="camel", gc=False):
    """One item of a listing, in the types that the reference documents.

    Requirements stay text: thousands of workloads ask for a handful of shapes, and each is understood once.
    """

    uid: str = ""
    name: str = ""
    job_name: str = ""
    job_uuid: str = msgspec.field(default="", name="jobUUID")
    type: str = ""
    status: str = ""
    flavor: str = ""
    priority: str = ""
    user_name: str = ""
    gvk: str = ""
    create_time: float | None = None
    pending_duration: float | None = None
    pending_position: float | None = None
    running_duration: float | None = None
    host_ips: str = ""
    nodes: list[msgspec.Raw] | None = None
    resource_requirement: msgspec.Raw = NULL


Text = str | int | float | None
Number = int | float | str | None


class LooseWorkload(msgspec.Struct, rename="camel", gc=False):
    """One item of a listing whose texts may be bare numbers or null, and whose numbers may be quoted."""

    uid: Text = None
    name: Text = None
    job_name: Text = None
    job_uuid: Text = msgspec.field(default=None, name="jobUUID")
    type: Text = None
    status: Text = None
    flavor: Text = None
    priority: Text = None
    user_name: Text = None
    gvk: Text = None
    create_time: Number = None
    pending_duration: Number = None
    pending_position: Number = None
    running_duration: Number = None
    host_ips: Text = None
    nodes: list[msgspec.Raw] | None = None
    resource_requirement: msgspec.Raw = NULL


class WirePage(msgspec.Struct):
    """A listing's answer whose items are all of the documented types; the fast way."""

    kind: str = ""
    items: list[WireWorkload] | None = None
    total: msgspec.Raw = NULL


class RawPage(msgspec.Struct):
    """A listing's answer whose items are looked at one by one."""

    kind: str = ""
    items: list[msgspec.Raw] | None = None
    total: msgspec.Raw = NULL


class WireMetadata(msgspec.Struct):
    """What identifies a pool or a node, and what is written on it."""

    name: str = ""
    labels: msgspec.Raw = NULL
    annotations: msgspec.Raw = NULL


class WireItem(msgspec.Struct):
    """One pool of a list, or one node.

    What is in its parts is looked at piece by piece: the API's pages and Huawei's SDK do not agree on it, and
    a part that cannot be read leaves the others as they are.
    """

    metadata: WireMetadata
    spec: msgspec.Raw = NULL
    status: msgspec.Raw = NULL
    table: msgspec.Raw = NULL


class WireListMetadata(msgspec.Struct, rename={"next": "continue"}):
    """Where a list goes on."""

    next: str | None = None


class WireList(msgspec.Struct):
    """`GET .../pools`, `.../metrics/runtime/pools`, `.../nodes`: each item is a `WireItem`."""

    items: list[msgspec.Raw]
    metadata: WireListMetadata | None = None


Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
"""Of workloads; another number makes the whole answer one that is not understood."""


class WireCounts(msgspec.Struct):
    """How many workloads of one type there are, by status."""

    type: str
    status: dict[str, Count | None]


class WireStatistics(msgspec.Struct):
    """The counts of all types."""

    items: list[WireCounts] | None


class WireStatisticsAnswer(msgspec.Struct):
    """`GET /v2/{project_id}/statistics/pools/{pool}/workloads`."""

    statistics: WireStatistics


def workloads_path(project_id: str, pool: str) -> str:
    """The listing of a pool."""
    return f"/v2/{project_id}/pools/{pool}/workloads"


def pools_path(project_id: str) -> str:
    """The pools of a project."""
    return f"/v2/{project_id}/pools"


def runtime_path(project_id: str) -> str:
    """Capacity and allocation of all pools of a project."""
    return f"/v2/{project_id}/metrics/runtime/pools"


def nodes_path(project_id: str, pool: str) -> str:
    """The nodes of a pool."""
    return f"/v2/{project_id}/pools/{pool}/nodes"


def statistics_path(project_id: str, pool: str) -> str:
    """How many workloads a pool has."""
    return f"/v2/{project_id}/statistics/pools/{pool}/workloads"
