"""The bytes of one answer -> one `Page` of workloads.

An answer that is not a listing is a BadResponse; one workload that cannot be understood is rejected and
counted, never the page.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

import msgspec

from exporter.api.quantity import quantity
from exporter.api.wire import (
    RENAMED_ACCELERATORS,
    WORKLOAD_LIST,
    Number,
    RawPage,
    Resources,
    Text,
    WirePage,
    WireWorkload,
)
from exporter.errors import BadResponse
from exporter.snapshot.workload import CPU, MEMORY, OTHER_RESOURCE, RESOURCES, UNKNOWN, WAITING, Workload

if TYPE_CHECKING:
    from exporter.snapshot.rejection import Rejection

_page = msgspec.json.Decoder(WirePage)
_raw_page = msgspec.json.Decoder(RawPage)
_workload = msgspec.json.Decoder(WireWorkload)

_UNREADABLE = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of a listing.

    Attributes:
        workloads: those that were understood, in the answer's order.
        count: items in the answer, rejected ones included: how far the listing's offset moves.
        total: how many match in all; None where the API does not say.
        rejected: why items were rejected, one entry each.
        unparsable: the resource of each quantity in no known form.
        created: Unix seconds of every item, None where unknown: what proves that two pages join.
    """

    workloads: tuple[Workload, ...]
    count: int
    total: int | None = None
    rejected: tuple[Rejection, ...] = ()
    unparsable: tuple[str, ...] = ()
    created: tuple[float | None, ...] = ()


def decode_page(body: bytes, *, where: str, now: float) -> Page:
    """Understand one answer.

    Args:
        body: the answer's bytes.
        where: what was asked, for the error.
        now: Unix seconds; a waiting workload without pendingDuration has waited since its creation
            (pendingDuration = now - createTime, measured on a real answer; zeros tend to be left out).

    Raises:
        BadResponse: it is no JSON, no WorkloadList, or has no items where it should have some.
    """
    try:
        answer: WirePage | RawPage = _page.decode(body)
    except _UNREADABLE:
        # Perhaps only one item is odd; then only that one shall suffer.
        try:
            answer = _raw_page.decode(body)
        except _UNREADABLE as error:
            raise _not_a_listing(f"is no readable JSON listing: {_described(body, error)}", where) from error
    if answer.kind != WORKLOAD_LIST:
        raise _not_a_listing(f"has kind {answer.kind[:40]!r} instead of {WORKLOAD_LIST!r}", where)
    total = _total(answer.total)
    if answer.items is None:
        if total != 0:
            raise _not_a_listing("has no items, which is not an empty queue", where)
        return Page((), 0, total)
    return _understood(answer.items, total, now)


def _understood(items: list[WireWorkload] | list[msgspec.Raw], total: int | None, now: float) -> Page:
    workloads: list[Workload] = []
    created: list[float | None] = []
    rejected: list[Rejection] = []
    unparsable: list[str] = []
    for item in items:
        result = _from_item(item, now, unparsable)
        if isinstance(result, Workload):
            workloads.append(result)
            created.append(result.created)
        else:
            rejected.append(result)
            created.append(None)
    return Page(tuple(workloads), len(items), total, tuple(rejected), tuple(unparsable), tuple(created))


def _from_item(item: WireWorkload | msgspec.Raw, now: float, unparsable: list[str]) -> Workload | Rejection:
    try:
        wire = item if isinstance(item, WireWorkload) else _workload.decode(item)
        if wire.uid is None or wire.uid == "":
            return "no_uid"
        return _from_wire(wire, now, unparsable)
    except (*_UNREADABLE, ValueError, OverflowError):
        raw = bytes(item) if isinstance(item, msgspec.Raw) else b"{"
        return "malformed" if raw.lstrip().startswith(b"{") else "not_an_object"


def _from_wire(wire: WireWorkload, now: float, unparsable: list[str]) -> Workload:
    status = _text(wire.status) or UNKNOWN
    created = _positive(_number(wire.create_time))
    pending = _not_negative(_number(wire.pending_duration))
    position = _not_negative(_number(wire.pending_position))
    if created is not None:
        created /= 1000
        if pending is None and status in WAITING:
            pending = max(0.0, now - created)
    requested, left_out = _requested(wire.resource_requirement)
    unparsable += left_out
    return Workload(
        uid=_text(wire.uid),
        name=_text(wire.name),
        job_name=_text(wire.job_name),
        job_uuid=_text(wire.job_uuid),
        type=_text(wire.type) or UNKNOWN,
        status=status,
        flavor=_text(wire.flavor),
        priority=_text(wire.priority),
        user=_text(wire.user_name),
        gvk=_text(wire.gvk),
        created=created,
        pending=pending,
        position=None if position is None else int(position),
        running=_not_negative(_number(wire.running_duration)),
        cpu_cores=requested.pop(CPU, None),
        memory_bytes=requested.pop(MEMORY, None),
        accelerators=tuple(sorted(requested.items())),
        nodes=_nodes(wire),
    )


def _requested(requirement: Resources | list[Resources] | None) -> tuple[dict[str, float], list[str]]:
    """Requested amounts by resource, and the resources whose quantity is in no known form.

    An object in the real answer, an array of objects in one table of the documentation: those add up.
    """
    requested: dict[str, float] = {}
    unparsable: list[str] = []
    for part in requirement if isinstance(requirement, list) else [requirement or {}]:
        for key, value in part.items():
            if value is None:
                continue
            resource = RENAMED_ACCELERATORS.get(key, key)
            amount = quantity(value, resource)
            if amount is None:
                unparsable.append(resource if resource in RESOURCES else OTHER_RESOURCE)
            else:
                requested[resource] = requested.get(resource, 0.0) + amount
    return requested, unparsable


def _nodes(wire: WireWorkload) -> int | None:
    """How many nodes it runs on; None where the API names none."""
    if hosts := {host.strip() for host in _text(wire.host_ips).split(",")} - {""}:
        return len(hosts)
    return len(wire.nodes) if wire.nodes else None


def _text(value: Text) -> str:
    match value:
        case None:
            return ""
        case str():
            return value
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return str(value)


def _number(value: Number) -> float | None:
    """The number; None for nothing.

    Raises:
        ValueError: text that is no finite number.
    """
    if value is None or value == "":
        return None
    number = float(value)
    if not isfinite(number):
        raise ValueError(value)
    return number


def _positive(number: float | None) -> float | None:
    return number if number is not None and number > 0 else None


def _not_negative(number: float | None) -> float | None:
    # -1 is how this API says "unknown".
    return number if number is not None and number >= 0 else None


def _total(value: Number) -> int | None:
    """A total that is no number is as good as none: it is not promised."""
    try:
        total = _not_negative(_number(value))
    except ValueError:
        return None
    return None if total is None else int(total)


def _not_a_listing(what: str, where: str) -> BadResponse:
    return BadResponse(
        f"the answer {what}",
        where=where,
        status=200,
        advice="check that the endpoint is ModelArts and that no proxy or login page answers in its place",
    )


def _described(body: bytes, error: Exception) -> str:
    if not body.strip():
        return "it is empty"
    if body.lstrip().startswith(b"<"):
        return "it is HTML"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return str(error)
