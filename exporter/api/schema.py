"""Names on the wire: paths, queries, and the fields of the answers.

Source: the API reference page "Obtaining Jobs in a Dedicated Resource Pool", a real answer, and Huawei's SDK
3.1.219. Only the fields that are used are listed. Every field but `kind` and `items` may be missing.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

PAGE_LIMIT = 500
"""Workloads in one answer, at most."""

WORKLOAD_LIST = "WorkloadList"
"""The only `kind` that a listing may have."""

POOL_LIST, POOL_METRICS_LIST, NODE_LIST = "PoolList", "PoolMetricsList", "NodeList"
"""The `kind` of other lists. Only that of the metrics is documented, so another, unknown one is accepted."""

KINDS = {WORKLOAD_LIST, POOL_LIST, POOL_METRICS_LIST, NODE_LIST}

LISTING_QUERY = {"sort": "create_time", "ascend": "true", "limit": str(PAGE_LIMIT)}
"""Oldest first: a new job is appended at the end and moves no other."""

RENAMED_ACCELERATORS = {
    "huawei.com/ascend-snt3": "huawei.com/ascend-310",
    "huawei.com/ascend-snt9": "huawei.com/ascend-1980",
}
"""Older pages and the Terraform provider have other names for these two cards."""

DISPLAY_NAME_LABEL = "os.modelarts/name"
QUEUE_STRATEGY_ANNOTATION = "os.modelarts.pool/scheduler.queue.strategy"
SUBPOOLS_ANNOTATION = "os.modelarts.pool/subpools.count"
PLACEMENT_ANNOTATION = "os.modelarts/npu-topology-placement"
"""16 characters, one for each card of a node: 1 if it is occupied, else 0. The rightmost is card 1."""

NODES_LIMIT = 500
"""Nodes in one answer, at most."""

EVENTS_LIMIT = 100
"""Scheduled events in one answer, at most."""

POOL_NOT_FOUND = "ModelArts.50015001"
"""The error code of a 404 for an unknown pool. Other 404s are about the endpoint."""

NULL = msgspec.Raw(b"null")


Extra = Any
"""A field that is worth less than the workload: whatever it holds, the workload is not rejected."""


class WireWorkload(msgspec.Struct, rename="camel", gc=False):
    """One item of a listing, in the types that the reference documents.

    A field that is to be read is added here, and to `Workload` with its derivation in `workloads.py`.
    `resource_requirement` stays JSON: thousands of workloads share a few requests, and each is parsed once.
    `namespace` does, too: whatever it is, the workload counts.
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
    gvk: Extra = ""
    namespace: msgspec.Raw = NULL
    create_time: float | None = None
    pending_duration: float | None = None
    pending_position: float | None = None
    running_duration: float | None = None
    host_ips: Extra = ""
    nodes: Extra = None
    resource_requirement: msgspec.Raw = NULL


Text = str | int | float | None
Number = int | float | str | None

_LOOSE_TYPES = {str: Text, float | None: Number}
"""What is accepted in place of a documented type: a bare number as text, a quoted number, null."""


def _loosened(field: msgspec.structs.FieldInfo) -> tuple[str, Any, Any]:
    """A field of `WireWorkload` as one of `LooseWorkload`; other types stay as they are."""
    default = None if field.type in _LOOSE_TYPES else field.default
    return (
        field.name,
        _LOOSE_TYPES.get(field.type, field.type),
        msgspec.field(default=default, name=field.encode_name),
    )


WORKLOAD_FIELDS = msgspec.structs.fields(WireWorkload)

LooseWorkload = msgspec.defstruct("LooseWorkload", map(_loosened, WORKLOAD_FIELDS), gc=False)
"""The fields of `WireWorkload`, whose texts may be bare numbers or null, and whose numbers may be quoted."""


class WirePage(msgspec.Struct):
    """A listing's answer, decoded in one go: the fast path, for items that all have the documented types."""

    kind: str = ""
    items: list[WireWorkload] | None = None
    total: msgspec.Raw = NULL


class RawPage(msgspec.Struct):
    """A listing's answer whose items are decoded one by one."""

    kind: str = ""
    items: list[msgspec.Raw] | None = None
    total: msgspec.Raw = NULL


class WireMetadata(msgspec.Struct):
    """Name, labels and annotations of a pool or a node."""

    name: str = ""
    labels: msgspec.Raw = NULL
    annotations: msgspec.Raw = NULL


class WireItem(msgspec.Struct):
    """A pool or a node in a list.

    Its parts are decoded one by one, because the API reference and Huawei's SDK disagree about them: a part
    that cannot be decoded does not affect the others.
    """

    metadata: WireMetadata
    spec: msgspec.Raw = NULL
    status: msgspec.Raw = NULL
    table: msgspec.Raw = NULL


class WireListMetadata(msgspec.Struct, rename={"next": "continue"}):
    """The cursor of the next answer."""

    next: str | None = None


class WireList(msgspec.Struct):
    """`GET .../pools`, `.../metrics/runtime/pools`, `.../nodes`: each item is a `WireItem`."""

    items: list[msgspec.Raw]
    metadata: WireListMetadata | None = None
    kind: Any = None


Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
"""A number of workloads. Any other number makes the whole answer a BadResponse."""


class WireCounts(msgspec.Struct):
    """How many workloads of one type there are, by status."""

    type: str
    status: dict[str, Count | None] | None = None


class WireStatistics(msgspec.Struct):
    """The counts of all types."""

    items: list[WireCounts] | None = None


class WireStatisticsAnswer(msgspec.Struct):
    """`GET /v2/{project_id}/statistics/pools/{pool}/workloads`. One page calls the field `statics`."""

    statistics: WireStatistics | None = None
    statics: WireStatistics | None = None


class WireEvents(msgspec.Struct):
    """`GET /v1/{project_id}/scheduled-events`."""

    events: list[msgspec.Raw] | None


def workloads_path(project_id: str, pool: str) -> str:
    """The listing of a pool."""
    return f"/v2/{project_id}/pools/{pool}/workloads"


def pools_path(project_id: str) -> str:
    """The pools of a project."""
    return f"/v2/{project_id}/pools"


def runtime_path(project_id: str) -> str:
    """Capacity and allocated resources of all pools of a project."""
    return f"/v2/{project_id}/metrics/runtime/pools"


def nodes_path(project_id: str, pool: str) -> str:
    """The nodes of a pool."""
    return f"/v2/{project_id}/pools/{pool}/nodes"


def statistics_path(project_id: str, pool: str) -> str:
    """The cloud's own count of a pool's workloads."""
    return f"/v2/{project_id}/statistics/pools/{pool}/workloads"


def scheduled_events_path(project_id: str) -> str:
    """What is planned to be done to nodes."""
    return f"/v1/{project_id}/scheduled-events"
