"""Targets: listings, and refusals, of the ModelArts API."""

from __future__ import annotations

from decimal import Decimal
from math import isclose, isfinite
from typing import TYPE_CHECKING, Any

from exporter.api.errors import error_for
from exporter.api.workloads import decode_page
from exporter.common.errors import OUTCOMES, AnswerError, BadResponse, Throttled
from exporter.transport.http import Response
from tools.fuzz import reference

if TYPE_CHECKING:
    from exporter.snapshot.workload import Workload

NOW = 1_700_000_000.0
_TEXTS = {
    "uid": "uid",
    "name": "name",
    "jobName": "job_name",
    "jobUUID": "job_uuid",
    "flavor": "flavor",
    "priority": "priority",
    "userName": "user",
    "gvk": "gvk",
}


def listing(data: bytes) -> None:
    """A page is understood or a BadResponse; every item is a workload or counted as rejected.

    Where Python's json reads it too, each value that is kept is the one that the plain reference reads.
    """
    try:
        page = decode_page(data, where="a listing", now=NOW)
    except BadResponse:
        return
    assert page.count == len(page.workloads) + len(page.rejected) == len(page.created)
    assert page.total is None or page.total >= 0
    for workload in page.workloads:
        _sane(workload)
    try:
        items = reference.parsed(data).get("items") or []
    except (ValueError, ArithmeticError, RecursionError):  # a number that Python does not read, or too deep
        return
    assert len(items) == page.count
    kept = (item for index, item in enumerate(items) if index not in page.rejected)
    for workload, item in zip(page.workloads, kept, strict=True):
        _same(workload, item)


def _sane(workload: Workload) -> None:
    assert workload.uid
    assert workload.type
    assert workload.status
    numbers = (workload.created, workload.pending, workload.running, workload.position, workload.nodes)
    assert all(number is None or (isfinite(number) and number >= 0) for number in numbers)
    for number in _amounts(workload).values():
        assert isfinite(number)
        assert number >= 0


def _amounts(workload: Workload) -> dict[str, float]:
    own = {"cpu": workload.cpu_cores, "memory": workload.memory_bytes} | dict(workload.accelerators)
    return {name: number for name, number in own.items() if number is not None}


def _same(workload: Workload, item: dict[str, Any]) -> None:
    for theirs, ours in _TEXTS.items():
        given = item.get(theirs)
        if isinstance(given, str) and len(given) <= reference.LONGEST:
            assert getattr(workload, ours) == given
    for given, kept in ((item.get("type"), workload.type), (item.get("status"), workload.status)):
        if isinstance(given, str) and len(given) <= reference.LONGEST:
            assert kept == (given or "unknown")
    for given, seconds in (
        (item.get("pendingDuration"), workload.pending),
        (item.get("runningDuration"), workload.running),
    ):
        number = _number(given)
        age = reference.CENTURY if workload.created is None else NOW - workload.created
        if number is not None and 0 <= number <= age:
            assert seconds == number
    created = _number(item.get("createTime"))
    if created is not None:
        plausible = reference.EARLIEST <= created / 1000 <= NOW
        assert workload.created == (created / 1000 if plausible else None)
    position = _number(item.get("pendingPosition"))
    if position is not None:
        plausible = 0 <= position < 2**31 and position == int(position)
        assert workload.position == (int(position) if plausible else None)
    _runs_and_asks_the_same(workload, item)


def _runs_and_asks_the_same(workload: Workload, item: dict[str, Any]) -> None:
    hosts, nodes = item.get("hostIps"), item.get("nodes")
    if hosts is None or isinstance(hosts, str):
        assert workload.nodes == reference.nodes(hosts or "", nodes)
    expected, whole = reference.requested(item.get("resourceRequirement"))
    found = _amounts(workload)
    if reference.beyond_floats(item.get("resourceRequirement")):  # then nothing of it can be decoded
        assert (found, workload.sized) == ({}, False)
        return
    if all(len(name) <= reference.LONGEST for name in expected):
        assert workload.sized == whole
        assert found.keys() == expected.keys()
        assert all(isclose(found[name], float(value), rel_tol=1e-12) for name, value in expected.items())


def _number(given: Any) -> float | None:
    """The finite number that a documented spelling stands for."""
    if isinstance(given, bool) or not isinstance(given, (int, Decimal, str)) or given == "":
        return None
    try:
        number = float(given)
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) else None


def refusals(data: bytes) -> None:
    """Status, Retry-After and Date in a line each, then the body: an AnswerError of one printable line.

    A pause is never negative, a limit never 0.
    """
    status, retry_after, date, body = (*data.split(b"\n", 3), b"", b"", b"")[:4]
    headers = {"retry-after": retry_after.decode("latin-1"), "date": date.decode("latin-1")}
    code = int(status) if status.isdigit() and len(status) == len("404") else 429
    response = Response(code, headers, body)
    error = error_for(response, where="GET https://cloud/v2", source="a file", now=NOW)
    assert isinstance(error, AnswerError)
    assert error.outcome in OUTCOMES
    assert str(error).isprintable()
    answered = response.date
    assert answered is None or isfinite(answered)
    if isinstance(error, Throttled):
        assert error.retry_after is None or error.retry_after >= 0
        assert error.limit is None or (error.limit[0] > 0 and 0 < error.limit[1] < float("inf"))
