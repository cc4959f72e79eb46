"""Who is first in a pool's queue, and how fast it moves. Pure.

How long workloads have been in a status that should pass: the API does not say, so it is watched here.
"""

from __future__ import annotations

from collections import Counter
from heapq import nlargest
from math import exp
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from msgspec.structs import replace as replace_in

from exporter.snapshot.workload import TRANSITIONAL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from exporter.snapshot.pool import Listing
    from exporter.snapshot.workload import Workload

MEMORY = 6 * 3600.0
"""Seconds in which an observed start comes to weigh a third of a new one."""

EVIDENCE = 3.0
"""New starts' worth of observations without which nothing is estimated."""


MOST_TYPES = 32
"""Types of which starts are remembered, those that start most: types are an open set, and come and go."""


class Head(NamedTuple):
    """The workload that is first in the queue, and since when, in Unix seconds, it has been seen there."""

    uid: str
    since: float


class Starts(NamedTuple):
    """How many workloads that had waited have started, each weighing the less the older its start is."""

    weight: float
    at: float

    def weight_at(self, now: float) -> float:
        """What they weigh at another moment."""
        return self.weight * exp(-max(0.0, now - self.at) / MEMORY)


def head_of(before: Head | None, listing: Listing, now: float) -> Head | None:
    """The head of the queue after another listing.

    It is the waiting workload with the smallest known position, of several the one that has waited longest.
    Whether positions start at 0 or 1 does not matter, nor do those that are not known. An incomplete listing
    may lack the first one, so it makes no new head; it only tells that the one before does not wait any more.
    """
    if not listing.complete:
        waits = before and all(one.waiting for one in listing.workloads if one.uid == before.uid)
        return before if waits else None
    first: Workload | None = None
    smallest = float("inf")
    for one in listing.workloads:  # of many, so hardly any is looked at twice
        position = one.position
        if position is None or position > smallest or not one.waiting:
            continue
        if first is None or _turn(one) < _turn(first):
            first, smallest = one, position
    if first is None:
        return None
    return before if before is not None and before.uid == first.uid else Head(first.uid, now)


def moved(before: Mapping[str, Starts], departed: Iterable[str], now: float) -> Mapping[str, Starts]:
    """The observed starts, by type, with those of another listing.

    Args:
        before: those until then.
        departed: the types of the workloads that waited and have started.
        now: when it was read, in Unix seconds.
    """
    counts = Counter(departed)
    if not counts:
        return before
    nothing = Starts(0.0, now)
    news = {kind: before.get(kind, nothing).weight_at(now) + count for kind, count in counts.items()}
    after = {**before, **{kind: Starts(weight, now) for kind, weight in news.items()}}
    if len(after) <= MOST_TYPES:
        return after
    return dict(nlargest(MOST_TYPES, after.items(), key=lambda one: one[1].weight_at(now)))


def with_estimates(
    workloads: Iterable[Workload], starts: Mapping[str, Starts], *, began: float, now: float
) -> tuple[Workload, ...]:
    """The workloads, with the time until they start where there is evidence for it.

    A workload's place among those of its type, by the known positions, over the rate at which its type has
    left the queue. Knows nothing of sizes: where small jobs pass large ones it errs widely (`make bench`).

    Args:
        workloads: a listing's.
        starts: observed, by type.
        began: since when, in Unix seconds.
        now: when the listing was read.
    """
    # Of a rate r, as much is remembered after so long a time.
    remembered = MEMORY * (1 - exp(-max(0.0, now - began) / MEMORY))
    listed = tuple(workloads)
    queue = sorted((one for one in listed if one.position is not None and one.waiting), key=_turn)
    places: Counter[str] = Counter()
    estimates: dict[str, float] = {}
    for one in queue:
        places[one.type] += 1
        weight = starts[one.type].weight_at(now) if one.type in starts else 0.0
        if weight >= EVIDENCE:
            estimates[one.uid] = places[one.type] * remembered / weight
    return tuple(
        msgspec.structs.replace(one, estimated_start=estimates[one.uid]) if one.uid in estimates else one
        for one in listed
    )


def _turn(one: Workload) -> tuple[int, float, str]:
    return one.position or 0, -(one.pending or 0.0), one.uid


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
        if status in TRANSITIONAL:
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
