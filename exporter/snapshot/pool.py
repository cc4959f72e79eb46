"""What is known of one pool at one moment."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.errors import Outcome
    from exporter.snapshot.capacity import Capacity, FreeCards
    from exporter.snapshot.catalogue import CatalogueEntry
    from exporter.snapshot.dated import Dated
    from exporter.snapshot.fitting import Fitting
    from exporter.snapshot.rejection import Limit, Rejection
    from exporter.snapshot.throughput import Throughput
    from exporter.snapshot.workload import Workload


class PoolKey(NamedTuple):
    """What identifies a pool; also the labels that every series of it carries."""

    region: str
    project_id: str
    pool: str


@dataclass(frozen=True, slots=True)
class Listing:
    """All workloads of a pool as read by one poll.

    Attributes:
        workloads: each uid once, in the API's order (oldest first).
        complete: False where it is known that workloads exist that were not read or not understood.
        total: what the API says exists; None where it does not say.
        shortfall: why the listing is not complete, one clause; empty when it is.
        rejected: how many items were not understood, by why.
        unparsable: how many quantities were in no known form, by resource.
        limited: how many label values are not shown as the API gave them, by why.
        head_since: since when the same workload is first in the queue, in Unix seconds, as far as listings
            show; None where no position is known.
        clock_ahead: seconds by which this machine's clock is ahead of the cloud's, where it is more than a
            minute; the cloud's is believed then. 0 where they agree, or the cloud does not say.
    """

    workloads: tuple[Workload, ...]
    complete: bool = True
    total: int | None = None
    shortfall: str = ""
    rejected: Mapping[Rejection, int] = field(default_factory=dict)
    unparsable: Mapping[str, int] = field(default_factory=dict)
    limited: Mapping[Limit, int] = field(default_factory=dict)
    head_since: float | None = None
    clock_ahead: float = 0.0


@dataclass(frozen=True, slots=True)
class PoolState:
    """A pool between two answers of the cloud; replaced as a whole by every answer, never changed.

    Attributes:
        key: which pool.
        name: its display name; None where unknown.
        outcome: how the last poll ended; None before the first.
        explanation: what went wrong in the last poll and what to do; empty when all went well.
        attempted_at: the monotonic moment of the end of the last poll; None before the first.
        succeeded_at: Unix time of the end of the last successful poll; None before it.
        duration: seconds the last poll took.
        listing: what the last successful poll read; None before it.
        read_at: the monotonic moment of `succeeded_at`, for ages: Unix time may be set meanwhile.
        fresh_until: the monotonic moment at which `listing` is too old to be shown.
        polls: how many polls ended in which outcome since the start.
        entry: what the project's list of pools says of it; None where it was not in it.
        capacity: what it has and what of it is held; None where the cloud does not say.
        free_cards: the free cards node by node; None where not asked for, or the cloud does not say.
        fitting: which waiting workloads fit; None where listing, capacity or what is free are not known.
        throughput: what got through it since it was first listed; None before that.
    """

    key: PoolKey
    name: str | None = None
    outcome: Outcome | None = None
    explanation: str = ""
    attempted_at: float | None = None
    succeeded_at: float | None = None
    duration: float | None = None
    listing: Listing | None = None
    read_at: float | None = None
    fresh_until: float = 0.0
    polls: Mapping[Outcome, int] = field(default_factory=dict)
    entry: Dated[CatalogueEntry] | None = None
    capacity: Dated[Capacity] | None = None
    free_cards: Dated[FreeCards] | None = None
    fitting: Dated[Fitting] | None = None
    throughput: Throughput | None = None

    @property
    def up(self) -> bool:
        """Whether the last poll succeeded. An incomplete listing was read all the same, so it counts."""
        return self.outcome in {"ok", "incomplete"}

    def counted(self, outcome: Outcome) -> Mapping[Outcome, int]:
        """`polls` with one more of this outcome."""
        return {**self.polls, outcome: self.polls.get(outcome, 0) + 1}

    def without_capacity(self) -> PoolState:
        """The same when capacities are not asked for any more."""
        return replace(self, capacity=None, free_cards=None, fitting=None)
