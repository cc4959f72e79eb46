"""Decodes one answer of a listing into a `Page` of workloads.

An answer that is not a listing is a BadResponse. A workload that cannot be decoded is rejected and counted;
the rest of the page is kept. A number out of its plausible range is dropped: a missing value is better than
a wrong one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from http import HTTPStatus
from math import isfinite
from typing import TYPE_CHECKING, Any

import msgspec

from exporter.api.json import bounded, without_surrogates
from exporter.api.label_limits import ListingLabels
from exporter.api.quantities import RequestCache
from exporter.api.schema import (
    WORKLOAD_FIELDS,
    WORKLOAD_LIST,
    LooseWorkload,
    Number,
    RawPage,
    Text,
    WirePage,
    WireWorkload,
)
from exporter.common.clock import MAX_SKEW
from exporter.common.errors import BadResponse
from exporter.common.secrets import redacted
from exporter.snapshot.workload import UNKNOWN, WAITING, Workload
from exporter.transport.http import DECODE_ERRORS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from exporter.snapshot.pool import Rejection

_CENTURY = 100 * 365.25 * 86400.0
"""Seconds. The longest duration that is accepted for a workload whose age is unknown."""

_EARLIEST = 1_420_070_400.0
"""2015, before ModelArts existed. A time in seconds, read as milliseconds, would be in January 1970."""

_SLACK = 86400.0
"""Seconds by which a creation may lie in the future, and a duration may exceed the age: clocks may differ.
More than a day is an error in the data."""

_MAX_POSITION = 2**31 - 1
"""The largest offset that the API accepts."""

_MAX_TOTAL = 2**53
"""The largest range in which a float holds every whole number."""

_NUMERAL = re.compile(r"\s*[+-]?[0-9]{1,30}(?:\.[0-9]{0,30})?(?:[eE][+-]?[0-9]{1,3})?\s*", re.ASCII)
"""A quoted number. Python's `float` also accepts underscores and the digits of other scripts."""

_page = msgspec.json.Decoder(WirePage)
_raw_page = msgspec.json.Decoder(RawPage)
_loose = msgspec.json.Decoder(LooseWorkload)
_one_number: msgspec.json.Decoder[Number] = msgspec.json.Decoder(Number)


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of a listing.

    Attributes:
        workloads: those that could be decoded, in the answer's order.
        count: items in the answer, including rejected ones: how far the listing's offset moves.
        total: how many workloads match in all; None if the API does not say.
        rejected: why items were rejected, by their index in the answer.
        unparsable: the resources whose quantity cannot be parsed, by the workload's uid.
        created: Unix seconds of every item, None if unknown. They show whether two pages overlap.
        pools: the pools that the items say they are in (`namespace`); empty if they do not say.
    """

    workloads: tuple[Workload, ...]
    count: int
    total: int | None = None
    rejected: Mapping[int, Rejection] = field(default_factory=dict)
    unparsable: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    created: tuple[float | None, ...] = ()
    pools: frozenset[str] = frozenset()


def decode_page(
    body: bytes,
    *,
    where: str,
    now: float,
    labels: ListingLabels | None = None,
    secrets: Collection[str] = (),
) -> Page:
    """Decode one answer.

    Args:
        body: the answer's bytes.
        where: the request, for the error.
        now: Unix seconds. A waiting workload without pendingDuration has waited since its creation: a real
            answer had pendingDuration = now - createTime, and this API tends to leave out zeros.
        labels: shared by all pages of a listing; None if the answer is the whole listing.
        secrets: the request's, which no error quotes.

    Raises:
        BadResponse: it is not JSON, not a WorkloadList, or has no items though `total` is not 0.
    """
    try:
        answer: WirePage | RawPage = _page.decode(bounded(body, where))
    except DECODE_ERRORS as error:
        # Some item does not have the documented types. Decoded one by one, only that item is affected.
        try:
            answer = _raw_page.decode(without_surrogates(body))
        except (*DECODE_ERRORS, ValueError):
            raise _not_a_listing(f"is not a JSON listing: {_described(body, error)}", where) from error
    if answer.kind != WORKLOAD_LIST:
        raise _not_a_listing(
            f"has kind {redacted(answer.kind[:40], secrets)!r} instead of {WORKLOAD_LIST!r}", where
        )
    total = _total(answer.total)
    if answer.items is None:
        if total != 0:
            raise _not_a_listing("has no items, which is not an empty queue", where)
        return Page((), 0, total)
    return _page_of(answer.items, total, now, labels or ListingLabels())


def _page_of(
    items: Sequence[WireWorkload | msgspec.Raw], total: int | None, now: float, labels: ListingLabels
) -> Page:
    workloads: list[Workload] = []
    created: list[float | None] = []
    rejected: dict[int, Rejection] = {}
    unparsable: dict[str, tuple[str, ...]] = {}
    requests, seen, namespaces = RequestCache(labels.accelerators), set[str](), set[bytes]()
    for index, item in enumerate(items):
        result = _from_item(item, now, unparsable, labels, requests, namespaces)
        if isinstance(result, Workload) and result.uid in seen:
            result = "repeated_uid"  # two answers may overlap, but a uid occurs once in each
        if isinstance(result, Workload):
            seen.add(result.uid)
            workloads.append(result)
            created.append(result.created)
        else:
            rejected[index] = result
            created.append(None)
    pools = frozenset(filter(None, map(_text_or_none, namespaces)))
    return Page(tuple(workloads), len(items), total, rejected, unparsable, tuple(created), pools)


def _from_item(
    item: WireWorkload | msgspec.Raw,
    now: float,
    unparsable: dict[str, tuple[str, ...]],
    labels: ListingLabels,
    requests: RequestCache,
    namespaces: set[bytes],
) -> Workload | Rejection:
    try:
        wire = item if isinstance(item, WireWorkload) else _to_documented_types(_loose.decode(item))
        namespaces.add(bytes(wire.namespace))
        return _from_wire(wire, now, unparsable, labels, requests) if wire.uid else "no_uid"
    except (*DECODE_ERRORS, ValueError, OverflowError):
        raw = bytes(item) if isinstance(item, msgspec.Raw) else b"{"
        return "malformed" if raw.lstrip().startswith(b"{") else "not_an_object"


def _from_wire(
    wire: WireWorkload,
    now: float,
    unparsable: dict[str, tuple[str, ...]],
    labels: ListingLabels,
    requests: RequestCache,
) -> Workload:
    uid, name, job_name, job_uuid = labels.unique(wire.uid, wire.name, wire.job_name, wire.job_uuid)
    created, position = _creation(wire.create_time, now), wire.pending_position
    age = _CENTURY if created is None else now - created
    longest = age + _SLACK
    pending, running = _duration(wire.pending_duration, longest), _duration(wire.running_duration, longest)
    if pending is None and wire.status in WAITING and -MAX_SKEW <= age < _CENTURY:
        pending = max(0.0, age)
    (requested, failed), sized = requests[bytes(wire.resource_requirement)]
    if failed:
        unparsable[uid] = failed
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
        gvk=texts[wire.gvk if isinstance(wire.gvk, str) else ""],
        created=created,
        pending=pending,
        position=_whole(position, _MAX_POSITION) if position is not None else None,
        running=running,
        cpu_cores=requested.cpu_cores,
        memory_bytes=requested.memory_bytes,
        accelerators=requested.accelerators,
        nodes=_nodes(wire.host_ips, wire.nodes) if wire.host_ips or wire.nodes else None,
        sized=sized,
    )


def _creation(milliseconds: float | None, now: float) -> float | None:
    """Unix seconds; None for a time that is not in milliseconds, or in the future."""
    if milliseconds is None:
        return None
    seconds = milliseconds / 1000
    return seconds if _EARLIEST <= seconds <= now + _SLACK else None


def _duration(seconds: float | None, longest: float) -> float | None:
    """Seconds; None if missing or out of range, as -1, which is this API's "unknown"."""
    # Adding 0.0 turns JSON's -0 into 0.
    return seconds + 0.0 if seconds is not None and 0 <= seconds <= longest else None


def _nodes(host_ips: Any, nodes: Any) -> int | None:
    """The number of nodes that it runs on; None if neither field tells.

    `hostIps` is text in the reference, and a list would be understood too. `nodes` is one object in one
    reference, and an array in the others.
    """
    match host_ips:
        case str():
            host_ips = host_ips.split(",")
        case list():
            pass
        case _:
            host_ips = ()
    hosts = {host.strip() for host in host_ips if isinstance(host, str)} - {""}
    if isinstance(nodes, dict):
        nodes = [nodes]
    of_nodes = sum(isinstance(node, dict) for node in nodes) if isinstance(nodes, list) else 0
    return len(hosts) or of_nodes or None


def _to_documented_types(loose: msgspec.Struct) -> WireWorkload:
    """Text from numbers, and numbers from text.

    Raises:
        ValueError: a text, in place of a number, that is no finite number.
        OverflowError: an integer there that is larger than any float.
    """
    values = msgspec.structs.astuple(loose)
    return WireWorkload(*(convert(value) for convert, value in zip(_CONVERTERS, values, strict=True)))


def _text_or_none(raw: bytes) -> str | None:
    try:
        value = msgspec.json.decode(raw)
    except DECODE_ERRORS:
        return None
    return value if isinstance(value, str) else None


def _text(value: Text) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else str(value)


def _number(value: Number) -> float | None:
    """The number; None for null or an empty text.

    Raises:
        ValueError: a text that is no finite number.
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


_CONVERTERS: tuple[Callable[[Any], Any], ...] = tuple(
    {str: _text, float | None: _number}.get(field.type, lambda value: value) for field in WORKLOAD_FIELDS
)
"""In the order of the fields."""


def _total(raw: msgspec.Raw) -> int | None:
    """The total; None if it is missing or no count, because the API does not promise one."""
    try:
        total = _number(_one_number.decode(raw))
    except (*DECODE_ERRORS, ValueError, OverflowError):
        return None
    return None if total is None else _whole(total, _MAX_TOTAL)


def _whole(number: float, most: int) -> int | None:
    """A count or a position; None for -1, which is this API's "unknown", and for what is not a count."""
    return int(number) if 0 <= number <= most and number.is_integer() else None


def _not_a_listing(what: str, where: str) -> BadResponse:
    return BadResponse(
        f"the answer {what}",
        where=where,
        status=HTTPStatus.OK,
        advice="check that the endpoint is ModelArts, and that no proxy or login page answers instead",
    )


def _described(body: bytes, error: Exception) -> str:
    if not body.strip():
        return "it is empty"
    if body.lstrip().startswith(b"<"):
        return "it is HTML"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return str(error)
