"""The bytes of one answer -> one `Page` of workloads.

An answer that is not a listing is a BadResponse; one workload that cannot be understood is rejected and
counted, never the page.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING

import msgspec

from exporter.api.amounts import understood
from exporter.api.surrogates import without_surrogates
from exporter.api.wire import (
    WORKLOAD_LIST,
    LooseWorkload,
    Number,
    RawPage,
    Text,
    WirePage,
    WireWorkload,
)
from exporter.errors import BadResponse
from exporter.snapshot.workload import UNKNOWN, WAITING, Workload
from exporter.transport import UNDECODABLE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from exporter.snapshot.rejection import Rejection

_CENTURY = 100 * 365.25 * 86400.0
"""Seconds. Longer durations, and creations further ahead, are nonsense, and would spoil every sum."""

_page = msgspec.json.Decoder(WirePage)
_raw_page = msgspec.json.Decoder(RawPage)
_loose = msgspec.json.Decoder(LooseWorkload)


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of a listing.

    Attributes:
        workloads: those that were understood, in the answer's order.
        count: items in the answer, rejected ones included: how far the listing's offset moves.
        total: how many match in all; None where the API does not say.
        rejected: why items were rejected, by their index in the answer.
        unparsable: the resources whose quantity is in no known form, by the workload's uid.
        created: Unix seconds of every item, None where unknown: what proves that two pages join.
    """

    workloads: tuple[Workload, ...]
    count: int
    total: int | None = None
    rejected: Mapping[int, Rejection] = field(default_factory=dict)
    unparsable: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
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
    except UNDECODABLE as error:
        # Perhaps numbers are quoted, or only one item is odd; then only that one shall suffer.
        try:
            answer = _raw_page.decode(without_surrogates(body))
        except (*UNDECODABLE, ValueError):
            raise _not_a_listing(f"is no readable JSON listing: {_described(body, error)}", where) from error
    if answer.kind != WORKLOAD_LIST:
        raise _not_a_listing(f"has kind {answer.kind[:40]!r} instead of {WORKLOAD_LIST!r}", where)
    total = _total(answer.total)
    if answer.items is None:
        if total != 0:
            raise _not_a_listing("has no items, which is not an empty queue", where)
        return Page((), 0, total)
    return _understood(answer.items, total, now)


def _understood(items: Sequence[WireWorkload | msgspec.Raw], total: int | None, now: float) -> Page:
    workloads: list[Workload] = []
    created: list[float | None] = []
    rejected: dict[int, Rejection] = {}
    unparsable: dict[str, tuple[str, ...]] = {}
    shared = _Shared()
    for index, item in enumerate(items):
        result = _from_item(item, now, unparsable, shared)
        if isinstance(result, Workload):
            workloads.append(result)
            created.append(result.created)
        else:
            rejected[index] = result
            created.append(None)
    return Page(tuple(workloads), len(items), total, rejected, unparsable, tuple(created))


class _Shared(dict[str, str]):
    """Texts that many workloads have in common, each kept once: a third of a workload's memory."""

    def __missing__(self, text: str) -> str:
        self[text] = text
        return text


def _from_item(
    item: WireWorkload | msgspec.Raw, now: float, unparsable: dict[str, tuple[str, ...]], shared: _Shared
) -> Workload | Rejection:
    try:
        wire = item if isinstance(item, WireWorkload) else _tightened(_loose.decode(item))
        return _from_wire(wire, now, unparsable, shared) if wire.uid else "no_uid"
    except (*UNDECODABLE, ValueError, OverflowError):
        raw = bytes(item) if isinstance(item, msgspec.Raw) else b"{"
        return "malformed" if raw.lstrip().startswith(b"{") else "not_an_object"


def _from_wire(
    wire: WireWorkload, now: float, unparsable: dict[str, tuple[str, ...]], shared: _Shared
) -> Workload:
    created, position = wire.create_time, wire.pending_position
    created = created / 1000 if created is not None and 0 < created < 1000 * (now + _CENTURY) else None
    pending, running = _duration(wire.pending_duration), _duration(wire.running_duration)
    if pending is None and created is not None and wire.status in WAITING:
        pending = max(0.0, now - created)
    requested, not_understood = understood(bytes(wire.resource_requirement))
    if not_understood:
        unparsable[wire.uid] = not_understood
    return Workload(
        uid=wire.uid,
        name=wire.name,
        job_name=wire.job_name,
        job_uuid=wire.job_uuid,
        type=shared[wire.type or UNKNOWN],
        status=shared[wire.status or UNKNOWN],
        flavor=shared[wire.flavor],
        priority=shared[wire.priority],
        user=shared[wire.user_name],
        gvk=shared[wire.gvk],
        created=created,
        pending=pending,
        position=int(position) if position is not None and position >= 0 else None,
        running=running,
        cpu_cores=requested.cpu_cores,
        memory_bytes=requested.memory_bytes,
        accelerators=requested.accelerators,
        nodes=_nodes(wire) if wire.host_ips or wire.nodes else None,
        sized=not not_understood,
    )


def _duration(seconds: float | None) -> float | None:
    # -1 is how this API says "unknown".
    return seconds if seconds is not None and 0 <= seconds <= _CENTURY else None


def _nodes(wire: WireWorkload) -> int:
    """How many nodes it runs on."""
    hosts = {host.strip() for host in wire.host_ips.split(",")} - {""}
    return len(hosts) or len(wire.nodes or ())


def _tightened(loose: LooseWorkload) -> WireWorkload:
    """Numbers from text, and text from numbers.

    Raises:
        ValueError: text that is no finite number where there should be one.
        OverflowError: an integer there that is larger than any float.
    """
    return WireWorkload(
        uid=_text(loose.uid),
        name=_text(loose.name),
        job_name=_text(loose.job_name),
        job_uuid=_text(loose.job_uuid),
        type=_text(loose.type),
        status=_text(loose.status),
        flavor=_text(loose.flavor),
        priority=_text(loose.priority),
        user_name=_text(loose.user_name),
        gvk=_text(loose.gvk),
        create_time=_number(loose.create_time),
        pending_duration=_number(loose.pending_duration),
        pending_position=_number(loose.pending_position),
        running_duration=_number(loose.running_duration),
        host_ips=_text(loose.host_ips),
        nodes=loose.nodes,
        resource_requirement=loose.resource_requirement,
    )


def _text(value: Text) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else str(value)


def _number(value: Number) -> float | None:
    """The number; None for nothing.

    Raises:
        ValueError: text that is no finite number.
        OverflowError: an integer that is larger than any float.
    """
    if value is None or value == "":
        return None
    number = float(value)
    if not isfinite(number):
        raise ValueError(value)
    return number


def _total(value: Number) -> int | None:
    """A total that is no number is as good as none: it is not promised."""
    try:
        total = _number(value)
    except (ValueError, OverflowError):
        return None
    return int(total) if total is not None and total >= 0 else None


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
