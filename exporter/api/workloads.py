"""The bytes of one answer -> one `Page` of workloads.

An answer that is not a listing is a BadResponse; one workload that cannot be understood is rejected and
counted, never the page. A number that nobody can trust is as good as none: a wrong one is worse.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING

import msgspec

from exporter.api.json import bounded, without_surrogates
from exporter.api.label_limits import ListingLabels
from exporter.api.quantities import Requests
from exporter.api.schema import (
    WORKLOAD_LIST,
    LooseWorkload,
    Number,
    RawPage,
    Text,
    WirePage,
    WireWorkload,
)
from exporter.common.errors import BadResponse
from exporter.snapshot.workload import UNKNOWN, WAITING, Workload
from exporter.transport.http import DECODE_ERRORS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from exporter.snapshot.pool import Rejection

_CENTURY = 100 * 365.25 * 86400.0
"""Seconds. No duration is longer, where nobody knows how long it can be: it would spoil every sum."""

_EARLIEST = 1_420_070_400.0
"""2015, before there was ModelArts: seconds where there should be milliseconds read as January 1970."""

_SLACK = 86400.0
"""Seconds that a workload may seem to have been created ahead of its time, or to have waited longer than it
is there: the clocks on the way may differ. Beyond a day it is no clock but a mistake."""

_SKEW = 900.0
"""Seconds up to which a creation ahead of now is a wait of 0; beyond, nobody knows how long the wait is."""

_LAST_POSITION = 2**31 - 1
"""As far as the API's own offsets go."""

_MOST_IN_ALL = 2**53
"""As far as whole numbers are exact."""

_NUMERAL = re.compile(r"\s*[+-]?[0-9]{1,30}(?:\.[0-9]{0,30})?(?:[eE][+-]?[0-9]{1,3})?\s*", re.ASCII)
"""A number in quotes. Python's own reading takes underscores and every script's digits as well."""

_page = msgspec.json.Decoder(WirePage)
_raw_page = msgspec.json.Decoder(RawPage)
_loose = msgspec.json.Decoder(LooseWorkload)
_one_number: msgspec.json.Decoder[Number] = msgspec.json.Decoder(Number)


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


def decode_page(body: bytes, *, where: str, now: float, labels: ListingLabels | None = None) -> Page:
    """Understand one answer.

    Args:
        body: the answer's bytes.
        where: what was asked, for the error.
        now: Unix seconds; a waiting workload without pendingDuration has waited since its creation
            (pendingDuration = now - createTime, measured on a real answer; zeros tend to be left out).
        labels: of the listing that the answer is a part of; None where it is all of it.

    Raises:
        BadResponse: it is no JSON, no WorkloadList, or has no items where it should have some.
    """
    try:
        answer: WirePage | RawPage = _page.decode(bounded(body, where))
    except DECODE_ERRORS as error:
        # Perhaps numbers are quoted, or only one item is odd; then only that one shall suffer.
        try:
            answer = _raw_page.decode(without_surrogates(body))
        except (*DECODE_ERRORS, ValueError):
            raise _not_a_listing(f"is no readable JSON listing: {_described(body, error)}", where) from error
    if answer.kind != WORKLOAD_LIST:
        raise _not_a_listing(f"has kind {answer.kind[:40]!r} instead of {WORKLOAD_LIST!r}", where)
    total = _total(answer.total)
    if answer.items is None:
        if total != 0:
            raise _not_a_listing("has no items, which is not an empty queue", where)
        return Page((), 0, total)
    return _decoded_items(answer.items, total, now, labels or ListingLabels())


def _decoded_items(
    items: Sequence[WireWorkload | msgspec.Raw], total: int | None, now: float, labels: ListingLabels
) -> Page:
    workloads: list[Workload] = []
    created: list[float | None] = []
    rejected: dict[int, Rejection] = {}
    unparsable: dict[str, tuple[str, ...]] = {}
    requests, seen = Requests(labels.accelerators), set[str]()
    for index, item in enumerate(items):
        result = _from_item(item, now, unparsable, labels, requests)
        if isinstance(result, Workload) and result.uid in seen:
            result = "repeated_uid"  # between two answers it is their overlap, within one it is none
        if isinstance(result, Workload):
            seen.add(result.uid)
            workloads.append(result)
            created.append(result.created)
        else:
            rejected[index] = result
            created.append(None)
    return Page(tuple(workloads), len(items), total, rejected, unparsable, tuple(created))


def _from_item(
    item: WireWorkload | msgspec.Raw,
    now: float,
    unparsable: dict[str, tuple[str, ...]],
    labels: ListingLabels,
    requests: Requests,
) -> Workload | Rejection:
    try:
        wire = item if isinstance(item, WireWorkload) else _tightened(_loose.decode(item))
        return _from_wire(wire, now, unparsable, labels, requests) if wire.uid else "no_uid"
    except (*DECODE_ERRORS, ValueError, OverflowError):
        raw = bytes(item) if isinstance(item, msgspec.Raw) else b"{"
        return "malformed" if raw.lstrip().startswith(b"{") else "not_an_object"


def _from_wire(
    wire: WireWorkload,
    now: float,
    unparsable: dict[str, tuple[str, ...]],
    labels: ListingLabels,
    requests: Requests,
) -> Workload:
    uid, name, job_name, job_uuid = labels.own(wire.uid, wire.name, wire.job_name, wire.job_uuid)
    created, position = _creation(wire.create_time, now), wire.pending_position
    age = _CENTURY if created is None else now - created
    longest = age + _SLACK
    pending, running = _duration(wire.pending_duration, longest), _duration(wire.running_duration, longest)
    if pending is None and wire.status in WAITING and -_SKEW <= age < _CENTURY:
        pending = max(0.0, age)
    (requested, not_understood), sized = requests[bytes(wire.resource_requirement)]
    if not_understood:
        unparsable[uid] = not_understood
    texts = labels.texts
    return Workload(
        uid=uid,
        name=name,
        job_name=job_name,
        job_uuid=job_uuid,
        type=labels.types[wire.type or UNKNOWN],
        status=labels.statuses[wire.status or UNKNOWN],
        flavor=texts[wire.flavor],
        priority=labels.priorities[wire.priority],
        user=texts[wire.user_name],
        gvk=texts[wire.gvk],
        created=created,
        pending=pending,
        position=_whole(position, _LAST_POSITION) if position is not None else None,
        running=running,
        cpu_cores=requested.cpu_cores,
        memory_bytes=requested.memory_bytes,
        accelerators=requested.accelerators,
        nodes=_nodes(wire) if wire.host_ips or wire.nodes else None,
        sized=sized,
    )


def _creation(milliseconds: float | None, now: float) -> float | None:
    """Unix seconds; None for what is no time in milliseconds, or lies ahead."""
    if milliseconds is None:
        return None
    seconds = milliseconds / 1000
    return seconds if _EARLIEST <= seconds <= now + _SLACK else None


def _duration(seconds: float | None, longest: float) -> float | None:
    """How long; -1 is how this API says "unknown"."""
    # JSON knows a -0, and nobody wants to see it.
    return seconds + 0.0 if seconds is not None and 0 <= seconds <= longest else None


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
    if isinstance(value, str) and not _NUMERAL.fullmatch(value):
        raise ValueError(value)
    number = float(value)
    if not isfinite(number):
        raise ValueError(value)
    return number


def _total(told: msgspec.Raw) -> int | None:
    """A total that counts nothing is as good as none: it is not promised."""
    try:
        total = _number(_one_number.decode(told))
    except (*DECODE_ERRORS, ValueError, OverflowError):
        return None
    return None if total is None else _whole(total, _MOST_IN_ALL)


def _whole(number: float, most: int) -> int | None:
    """A count, or a place; None for -1, which is how this API says "unknown", and for what is no count."""
    return int(number) if 0 <= number <= most and number.is_integer() else None


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
