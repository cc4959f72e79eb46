"""A listing's workloads -> the figures of its pool."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from heapq import nsmallest
from operator import attrgetter
from typing import TYPE_CHECKING, Literal, NamedTuple

from exporter.metrics.users import Users, by_user
from exporter.snapshot.counters import Distribution
from exporter.snapshot.pool import LIMITS
from exporter.snapshot.workload import (
    ACCELERATORS,
    FINISHED,
    PRIORITIES,
    RUNNING,
    STATUSES,
    TRANSIENT,
    TYPES,
    WAITING,
    Workload,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from exporter.snapshot.pool import Limit, Listing

_Counts = dict[tuple[str, str], int]
_Amounts = dict[tuple[str, str], float]
_Cards = dict[tuple[str, str, str], float]

SeriesOf = Literal["none", "waiting", "active", "all"]


class Choice(NamedTuple):
    """How much detail is shown of a pool.

    Attributes:
        series: which workloads get series of their own...
        limit: ...and how many of them at most.
        users: how many users are shown by name; None for no figures by user at all.
    """

    series: SeriesOf
    limit: int
    users: int | None = None


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
        shortest_running: seconds that the last to start has run, by (type, priority); missing if none runs.
        longest_in_status: seconds in a status that should pass, the longest, by (type, status); 0 where
            none is.
        chosen: the workloads that get series of their own, in the listing's order.
        omitted: how many more would, but for the limit.
        complete: whether all workloads that exist were read.
        head_since: since when the same workload is first in the queue, in Unix time; None where not known.
        limited: how many label values are not shown as the API gave them, by why; 0 included.
        users: who asks for what; empty where that is not chosen.
    """

    workloads: Mapping[tuple[str, str], int]
    cpu_cores: Mapping[tuple[str, str], float]
    memory_bytes: Mapping[tuple[str, str], float]
    accelerators: Mapping[tuple[str, str, str], float]
    ages: Mapping[str, Distribution]
    longest: Mapping[tuple[str, str], float]
    shortest_running: Mapping[tuple[str, str], float]
    longest_in_status: Mapping[tuple[str, str], float]
    chosen: tuple[Workload, ...]
    omitted: int
    complete: bool
    head_since: float | None
    limited: Mapping[Limit, int] = field(default_factory=dict)
    users: Users = field(default_factory=Users)

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(count for (_, status), count in self.workloads.items() if status in WAITING)

    @property
    def longest_pending(self) -> float | None:
        """Seconds of the longest wait of all; None where nobody waits, or for how long is not known."""
        return max(self.longest.values()) if any(ages.count for ages in self.ages.values()) else None


def summarise(listing: Listing, choice: Choice) -> Summary:
    """Add a listing up.

    Args:
        listing: what was read.
        choice: which workloads get series of their own.
    """
    chosen, omitted = _chosen(listing.workloads, choice)
    waiting = [workload for workload in listing.workloads if workload.waiting]
    return Summary(
        *_demand(listing.workloads),
        ages=_ages(waiting),
        longest=_longest(waiting),
        shortest_running=_shortest_running(listing.workloads),
        longest_in_status=_longest_in_status(listing.workloads),
        chosen=chosen,
        omitted=omitted,
        complete=listing.complete,
        head_since=listing.head_since,
        limited=dict.fromkeys(LIMITS, 0) | dict(listing.limited),
        users=Users() if choice.users is None else by_user(listing.workloads, choice.users),
    )


_shape = attrgetter("type", "status", "cpu_cores", "memory_bytes", "accelerators")


def _demand(workloads: Iterable[Workload]) -> tuple[_Counts, _Amounts, _Amounts, _Cards]:
    """How many there are; cores, bytes and cards that they request."""
    counts = dict.fromkeys(((kind, status) for kind in TYPES for status in STATUSES), 0)
    cpu_cores = dict.fromkeys(counts, 0.0)
    memory_bytes = dict.fromkeys(counts, 0.0)
    accelerators = dict.fromkeys(((*key, name) for key in counts for name in ACCELERATORS), 0.0)
    # Thousands of workloads ask for a handful of shapes: these are counted first and added up then, which
    # takes 0.4 us a workload instead of 1.
    for (kind, status, cores, memory, cards), count in Counter(map(_shape, workloads)).items():
        key = (kind, status)
        counts[key] = counts.get(key, 0) + count
        if status in FINISHED:
            continue
        cpu_cores[key] = cpu_cores.get(key, 0.0) + count * (cores or 0.0)
        memory_bytes[key] = memory_bytes.get(key, 0.0) + count * (memory or 0.0)
        for name, number in cards:
            accelerators[*key, name] = accelerators.get((*key, name), 0.0) + count * number
    return counts, cpu_cores, memory_bytes, accelerators


def _ages(waiting: Iterable[Workload]) -> Mapping[str, Distribution]:
    ages: dict[str, list[float]] = {kind: [] for kind in TYPES}
    for workload in waiting:
        if workload.pending is not None:
            ages.setdefault(workload.type, []).append(workload.pending)
    return {kind: Distribution.of(seconds) for kind, seconds in ages.items()}


def _longest(waiting: Iterable[Workload]) -> Mapping[tuple[str, str], float]:
    longest = dict.fromkeys(((kind, priority) for kind in TYPES for priority in PRIORITIES), 0.0)
    unknown: set[tuple[str, str]] = set()
    for workload in waiting:
        queue = (workload.type, workload.priority)
        if workload.pending is None:
            unknown.add(queue)
        else:
            longest[queue] = max(longest.get(queue, 0.0), workload.pending)
    for queue in unknown:
        if not longest.get(queue):
            longest.pop(queue, None)  # somebody waits, and nobody knows for how long: that is not 0
    return longest


def _shortest_running(workloads: tuple[Workload, ...]) -> dict[tuple[str, str], float]:
    shortest: dict[tuple[str, str], float] = {}
    for workload in workloads:
        if workload.running is not None and workload.status == RUNNING:
            queue = (workload.type, workload.priority)
            shortest[queue] = min(shortest.get(queue, workload.running), workload.running)
    return shortest


def _longest_in_status(workloads: tuple[Workload, ...]) -> dict[tuple[str, str], float]:
    longest = dict.fromkeys(((kind, status) for kind in TYPES for status in TRANSIENT), 0.0)
    for workload in workloads:
        if workload.in_status is not None:
            key = (workload.type, workload.status)
            longest[key] = max(longest.get(key, 0.0), workload.in_status)
    return longest


_QUALIFIES: Mapping[SeriesOf, Callable[[Workload], bool]] = {
    "none": lambda _: False,
    "waiting": lambda workload: workload.waiting,
    "active": lambda workload: workload.active,
    "all": lambda _: True,
}


def _chosen(workloads: Iterable[Workload], choice: Choice) -> tuple[tuple[Workload, ...], int]:
    """The workloads that get series of their own, in the listing's order; how many more would."""
    qualified = tuple(filter(_QUALIFIES[choice.series], workloads))
    omitted = max(0, len(qualified) - choice.limit)
    if omitted:
        kept = {workload.uid for workload in nsmallest(choice.limit, qualified, key=_importance)}
        qualified = tuple(workload for workload in qualified if workload.uid in kept)
    return qualified, omitted


def _importance(workload: Workload) -> tuple[int, float, str]:
    """Longest waiting first, then longest running, then the newest of the finished; the uid breaks ties."""
    if workload.waiting:
        return 0, -(workload.pending or 0.0), workload.uid
    if workload.active:
        return 1, -(workload.running or 0.0), workload.uid
    return 2, -(workload.created or 0.0), workload.uid
