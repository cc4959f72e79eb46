"""A listing's workloads -> the figures of its pool."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from exporter.snapshot.distribution import AGE_BUCKETS
from exporter.snapshot.workload import ACCELERATORS, PRIORITIES, STATUSES, TYPES, WAITING, Workload

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from exporter.snapshot.pool import Listing

SeriesOf = Literal["none", "waiting", "active", "all"]


class Choice(NamedTuple):
    """Which workloads get series of their own, and how many of them at most per pool."""

    series: SeriesOf
    limit: int


@dataclass(slots=True)
class Ages:
    """How long the waiting workloads of one type have waited so far.

    Attributes:
        buckets: how many by bucket of `AGE_BUCKETS`, each wait once; the last is over all of them.
        total: seconds of all of them together.
    """

    buckets: list[int] = field(default_factory=lambda: [0] * (len(AGE_BUCKETS) + 1))
    total: float = 0.0

    def add(self, age: float) -> None:
        """Count one wait."""
        self.buckets[bisect_left(AGE_BUCKETS, age)] += 1
        self.total += age


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of one listing. Keys are there for every documented value, and for others as they come.

    Attributes:
        workloads: how many by (type, status).
        cpu_cores: requested by active workloads, by (type, status).
        memory_bytes: likewise.
        accelerators: likewise, by (type, status, accelerator).
        ages: of the waiting, by type.
        longest: seconds of the longest wait, by (type, priority); 0 where none waits, missing where unknown.
        chosen: the workloads that get series of their own, most important first.
        omitted: how many more would, but for the limit.
        complete: whether all workloads that exist were read.
        head_since: since when the same workload is first in the queue, in Unix time; None where not known.
    """

    workloads: Mapping[tuple[str, str], int]
    cpu_cores: Mapping[tuple[str, str], float]
    memory_bytes: Mapping[tuple[str, str], float]
    accelerators: Mapping[tuple[str, str, str], float]
    ages: Mapping[str, Ages]
    longest: Mapping[tuple[str, str], float]
    chosen: tuple[Workload, ...]
    omitted: int
    complete: bool
    head_since: float | None

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(count for (_, status), count in self.workloads.items() if status in WAITING)

    @property
    def longest_pending(self) -> float | None:
        """Seconds of the longest wait of all; None where nobody waits, or for how long is not known."""
        return max(self.longest.values()) if any(sum(ages.buckets) for ages in self.ages.values()) else None


def summarise(listing: Listing, choice: Choice) -> Summary:
    """Add a listing up.

    Args:
        listing: what was read.
        choice: which workloads get series of their own.
    """
    workloads = dict.fromkeys(((kind, status) for kind in TYPES for status in STATUSES), 0)
    cpu_cores = dict.fromkeys(workloads, 0.0)
    memory_bytes = dict.fromkeys(workloads, 0.0)
    accelerators = dict.fromkeys(((*key, name) for key in workloads for name in ACCELERATORS), 0.0)
    ages: defaultdict[str, Ages] = defaultdict(Ages, {kind: Ages() for kind in TYPES})
    longest = dict.fromkeys(((kind, priority) for kind in TYPES for priority in PRIORITIES), 0.0)
    unknown: set[tuple[str, str]] = set()
    for workload in listing.workloads:
        key = (workload.type, workload.status)
        workloads[key] = workloads.get(key, 0) + 1
        if workload.finished:
            continue
        cpu_cores[key] = cpu_cores.get(key, 0.0) + (workload.cpu_cores or 0.0)
        memory_bytes[key] = memory_bytes.get(key, 0.0) + (workload.memory_bytes or 0.0)
        for name, cards in workload.accelerators:
            accelerators[*key, name] = accelerators.get((*key, name), 0.0) + cards
        if workload.waiting:
            queue = (workload.type, workload.priority)
            if workload.pending is None:
                unknown.add(queue)
            else:
                ages[workload.type].add(workload.pending)
                longest[queue] = max(longest.get(queue, 0.0), workload.pending)
    for queue in unknown:
        if not longest.get(queue):
            longest.pop(queue, None)  # somebody waits, and nobody knows for how long: that is not 0
    chosen = _chosen(listing.workloads, choice.series)
    return Summary(
        workloads,
        cpu_cores,
        memory_bytes,
        accelerators,
        ages,
        longest,
        chosen[: choice.limit],
        max(0, len(chosen) - choice.limit),
        listing.complete,
        listing.head_since,
    )


_QUALIFIES: Mapping[SeriesOf, Callable[[Workload], bool]] = {
    "none": lambda _: False,
    "waiting": lambda workload: workload.waiting,
    "active": lambda workload: workload.active,
    "all": lambda _: True,
}


def _chosen(workloads: tuple[Workload, ...], series: SeriesOf) -> tuple[Workload, ...]:
    return tuple(sorted(filter(_QUALIFIES[series], workloads), key=_importance))


def _importance(workload: Workload) -> tuple[int, float, str]:
    """Longest waiting first, then longest running, then the newest of the finished; the uid breaks ties."""
    if workload.waiting:
        return 0, -(workload.pending or 0.0), workload.uid
    if workload.active:
        return 1, -(workload.running or 0.0), workload.uid
    return 2, -(workload.created or 0.0), workload.uid
