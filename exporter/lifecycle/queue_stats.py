"""What several listings show about a pool's queue and the API does not say. Pure.

The workload at the head of the queue, and since when. How fast the queue moves. How long workloads have been
in a transient status.
"""

from __future__ import annotations

from collections import Counter
from heapq import nlargest
from math import exp
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from exporter.snapshot.workload import TRANSIENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from exporter.snapshot.pool import Listing
    from exporter.snapshot.workload import Workload

DECAY = 6 * 3600.0
"""Seconds after which an observed start weighs 1/e, about a third, of a new one."""

MIN_STARTS = 3.0
"""Weight of observed starts below which nothing is estimated."""

MAX_TYPES = 32
"""Types whose starts are remembered: those with the most starts. New types may appear at any time."""


class QueueHead(NamedTuple):
    """The workload at the head of the queue, and since when, in Unix seconds, it has been seen there."""

    uid: str
    since: float


class Starts(NamedTuple):
    """How many waiting workloads have started. Each start weighs less the older it is.

    Attributes:
        weight: of all starts together, at the moment `at`.
        at: Unix seconds.
    """

    weight: float
    at: float

    def weight_at(self, now: float) -> float:
        """The weight at a later moment."""
        return self.weight * exp(-max(0.0, now - self.at) / DECAY)


def update_head(before: QueueHead | None, listing: Listing, now: float) -> QueueHead | None:
    """The head of the queue after another listing.

    It is the waiting workload with the smallest known position. Of several, it is the one that has waited
    longest. Positions may start at 0 or 1. An incomplete listing may lack the first workload, so it makes no
    new head. It only shows whether the old head still waits.
    """
    if not listing.complete:
        waits = before and all(
            workload.waiting for workload in listing.workloads if workload.uid == before.uid
        )
        return before if waits else None
    first: Workload | None = None
    smallest = float("inf")
    for workload in listing.workloads:  # there are many, so nearly all are skipped after one comparison
        position = workload.position
        if position is None or position > smallest or not workload.waiting:
            continue
        if first is None or _queue_order(workload) < _queue_order(first):
            first, smallest = workload, position
    if first is None:
        return None
    return before if before is not None and before.uid == first.uid else QueueHead(first.uid, now)


def update_starts(before: Mapping[str, Starts], started: Iterable[str], now: float) -> Mapping[str, Starts]:
    """The observed starts by type, with those of another listing.

    Args:
        before: the starts until then.
        started: the types of the workloads that waited and have started.
        now: when the listing was read, in Unix seconds.
    """
    counts = Counter(started)
    if not counts:
        return before
    none = Starts(0.0, now)
    new = {kind: before.get(kind, none).weight_at(now) + count for kind, count in counts.items()}
    after = {**before, **{kind: Starts(weight, now) for kind, weight in new.items()}}
    if len(after) <= MAX_TYPES:
        return after
    return dict(nlargest(MAX_TYPES, after.items(), key=lambda item: item[1].weight_at(now)))


def add_start_estimates(
    workloads: Iterable[Workload], starts: Mapping[str, Starts], *, first_listed: float, now: float
) -> tuple[Workload, ...]:
    """The workloads with `estimated_start`, if enough starts have been observed.

    The estimate is the workload's place in the queue of its type, divided by the rate at which workloads of
    its type have started. It ignores sizes: if small jobs overtake large ones, it is far off (`make bench`).

    Args:
        workloads: of a listing.
        starts: observed, by type.
        first_listed: since when starts are observed, in Unix seconds.
        now: when the listing was read.
    """
    # A constant rate r, observed for this long, makes a weight of r * seconds.
    seconds = DECAY * (1 - exp(-max(0.0, now - first_listed) / DECAY))
    listed = tuple(workloads)
    queue = sorted(
        (workload for workload in listed if workload.position is not None and workload.waiting),
        key=_queue_order,
    )
    places: Counter[str] = Counter()
    estimates: dict[str, float] = {}
    for workload in queue:
        places[workload.type] += 1
        weight = starts[workload.type].weight_at(now) if workload.type in starts else 0.0
        if weight >= MIN_STARTS:
            estimates[workload.uid] = places[workload.type] * seconds / weight
    return tuple(
        replace(workload, estimated_start=estimates[workload.uid]) if workload.uid in estimates else workload
        for workload in listed
    )


def _queue_order(workload: Workload) -> tuple[int, float, str]:
    return workload.position or 0, -(workload.pending or 0.0), workload.uid


TransientSince = dict[str, tuple[str, float]]
"""By uid: a transient status, and the monotonic moment since which every listing has shown the workload in
it."""


def update_transient(
    before: Mapping[str, tuple[str, float]], workloads: Iterable[Workload], monotonic: float
) -> TransientSince:
    """The workloads in a transient status, after another listing.

    Args:
        before: the same after the listing before.
        workloads: of the listing.
        monotonic: when it was read.
    """
    after: TransientSince = {}
    for workload in workloads:
        status = workload.status
        if status in TRANSIENT:
            known = before.get(workload.uid)
            after[workload.uid] = known if known is not None and known[0] == status else (status, monotonic)
    return after


def add_time_in_status(
    workloads: tuple[Workload, ...], since: Mapping[str, tuple[str, float]], monotonic: float
) -> tuple[Workload, ...]:
    """The workloads with `in_status`, for those in a transient status."""
    if not since:
        return workloads
    return tuple(
        replace(workload, in_status=monotonic - since[workload.uid][1]) if workload.uid in since else workload
        for workload in workloads
    )
