"""How long workloads have been in a status that should pass: the API does not say, so it is watched here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace as replace_in

from exporter.snapshot.workload import PASSING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from exporter.snapshot.workload import Workload

Passing = dict[str, tuple[str, float]]
"""The status and the monotonic moment since which a workload has been in it in every listing, by uid."""


def passing(workloads: Iterable[Workload], before: Mapping[str, tuple[str, float]], moment: float) -> Passing:
    """Who is in a status that should pass, and since when.

    Args:
        workloads: a listing's.
        before: the same of the listing before.
        moment: when this one was read.
    """
    found: Passing = {}
    for workload in workloads:
        status = workload.status
        if status in PASSING:
            known = before.get(workload.uid)
            found[workload.uid] = known if known is not None and known[0] == status else (status, moment)
    return found


def with_time_in_status(
    workloads: tuple[Workload, ...], since: Mapping[str, tuple[str, float]], moment: float
) -> tuple[Workload, ...]:
    """The workloads, with `in_status` of those that are `passing`."""
    if not since:
        return workloads
    return tuple(
        replace_in(workload, in_status=moment - since[workload.uid][1]) if workload.uid in since else workload
        for workload in workloads
    )
