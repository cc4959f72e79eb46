"""What is known of a pool at one moment: its description, its listing, and what follows from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Generic, Literal, NamedTuple, TypeVar, get_args

if TYPE_CHECKING:
    import re

    from exporter.common.errors import Outcome
    from exporter.snapshot.counters import Throughput
    from exporter.snapshot.events import ScheduledEvents
    from exporter.snapshot.resources import FreeCards, PoolCapacity
    from exporter.snapshot.waiting import Waiting
    from exporter.snapshot.workload import Workload


class PoolKey(NamedTuple):
    """Identifies a pool. These are also the labels of all of its series."""

    region: str
    project_id: str
    pool: str


def matches(pattern: re.Pattern[str], pool: str, name: str | None) -> bool:
    """Whether the pattern is found in a pool's ID or display name."""
    return any(pattern.search(text) for text in (pool, name) if text)


PHASES = (
    "Creating",
    "Running",
    "Abnormal",
    "Deleting",
    "Error",
    "CreationFailed",
    "ScalingFailed",
    "Waiting",
)
"""The documented phases of a pool; others may occur. Waiting: it is not paid for, or not approved."""

LOGICAL = "Logical"
"""The type of a pool that is a share of another one."""

UNWELL_PHASES = frozenset({"Creating", "Deleting", "Error", "CreationFailed", "Waiting"})
"""Those in which no workload can start. In Abnormal and ScalingFailed, nodes may still take workloads."""

NODE_STATES = ("creating", "available", "abnormal", "deleting")
"""The states by which the API counts a pool's nodes."""


@dataclass(frozen=True, slots=True)
class PoolDescription:
    """A pool as `GET /v2/{project_id}/pools` describes it. "" means that the API did not say.

    Attributes:
        name: its display name, or its ID if it has none.
        phase: one of `PHASES`, or another.
        type: Dedicate (a pool with nodes of its own) or Logical (a share of one), or another.
        queue_strategy: the scheduling strategy of its queue.
        parent: the ID of the pool that a logical pool is a share of.
        nodes: number of nodes by (flavor, state), 0 included; empty if not known.
    """

    name: str
    phase: str = ""
    type: str = ""
    queue_strategy: str = ""
    parent: str = ""
    nodes: Mapping[tuple[str, str], float] = field(default_factory=dict)

    @property
    def available_nodes(self) -> float | None:
        """How many nodes take workloads; None if not known."""
        if not self.nodes:
            return None
        return sum(number for (_, state), number in self.nodes.items() if state == "available")


Rejection = Literal["not_an_object", "no_uid", "malformed", "repeated_uid"]
"""Why an item of a listing is not used. not_an_object: it is not a JSON object. no_uid: it has no uid.
malformed: a field has a type that no documentation mentions. repeated_uid: another item has the same uid."""

Limit = Literal["length", "kinds"]
"""Why a label value is not shown as the API gave it. length: it is too long, and is cut. kinds: it is one of
too many undocumented values, and counts as `other`."""

LIMITS: tuple[Limit, ...] = get_args(Limit)


@dataclass(frozen=True, slots=True)
class Listing:
    """All workloads of a pool, as read by one poll.

    Attributes:
        workloads: each uid once, in the API's order (oldest first).
        complete: False if it is known that workloads exist that were not read or not understood.
        total: how many workloads exist according to the API; None if it does not say.
        shortfall: why the listing is not complete, as one clause; empty if it is.
        rejected: number of items that are not used, by reason.
        unparsable: number of quantities whose format is not known, by resource.
        limited: number of label values that are not shown as the API gave them, by reason.
        head: the uid of the workload that is first in the queue; None if no position is known.
        head_since: since when the same workload has been first in the queue, in Unix time, as far as listings
            show; None if no position is known.
        overtaken: the uids of waiting workloads that others of lower priority have overtaken, as far as
            listings show; None if this is the first one.
        clock_ahead: seconds by which this machine's clock is ahead of the cloud's, if that is more than a
            minute; the cloud's clock is used then. 0 if they agree, or the cloud does not say.
    """

    workloads: tuple[Workload, ...]
    complete: bool = True
    total: int | None = None
    shortfall: str = ""
    rejected: Mapping[Rejection, int] = field(default_factory=dict)
    unparsable: Mapping[str, int] = field(default_factory=dict)
    limited: Mapping[Limit, int] = field(default_factory=dict)
    head: str | None = None
    head_since: float | None = None
    overtaken: frozenset[str] | None = None
    clock_ahead: float = 0.0


CountedWorkloads = Mapping[tuple[str, str], int]
"""The cloud's own count of a pool's workloads by (type, state), where state is queue or allocated: those
that wait and those that have their resources. A state that the cloud does not count is missing."""


@dataclass(frozen=True, slots=True)
class CloudCount:
    """The cloud's own count of a pool's workloads.

    Attributes:
        workloads: how many there are.
        asked_at: the monotonic moment before it was requested. It may describe an earlier moment.
    """

    workloads: CountedWorkloads
    asked_at: float


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Expiring(Generic[T]):
    """A value that gets stale.

    Attributes:
        value: what was read.
        fresh_until: the monotonic moment from which it is no longer shown.
    """

    value: T
    fresh_until: float


def value_at(expiring: Expiring[T] | None, now: float) -> T | None:
    """The value at this monotonic moment; None if it is not known or stale."""
    return expiring.value if expiring is not None and now < expiring.fresh_until else None


@dataclass(frozen=True, slots=True)
class PoolState:
    """Everything known of a pool. Immutable: every answer of the cloud leads to a new state.

    Attributes:
        key: which pool.
        name: its display name; None if not known.
        outcome: how the last poll ended; None before the first one.
        explanation: what went wrong in the last poll, and what to do; empty if nothing did.
        attempted_at: the monotonic moment at which the last poll ended; None before the first one.
        succeeded_at: when the last successful poll ended, in Unix time; None if there was none.
        duration: how long the last poll took, in seconds.
        listing: what the last successful poll read; None if there was none.
        read_at: the monotonic moment of `succeeded_at`, to compute ages: the wall clock may be set meanwhile.
        fresh_until: the monotonic moment from which `listing` is no longer shown.
        polls: number of polls since the start, by outcome.
        description: from the project's list of pools; None if it was not in it.
        capacity: its capacity and allocation; None if the cloud does not say.
        cloud_count: the cloud's own count of its workloads; None if the cloud does not say.
        free_cards: its free cards by node; None if not asked for, or the cloud does not say.
        events: its scheduled events; None if not asked for, or the cloud does not say.
        waiting: why its waiting workloads wait; None if the listing is not known.
        throughput: its throughput since it was first listed; None before that.
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
    description: Expiring[PoolDescription] | None = None
    capacity: Expiring[PoolCapacity] | None = None
    cloud_count: Expiring[CloudCount] | None = None
    free_cards: Expiring[FreeCards] | None = None
    events: Expiring[ScheduledEvents] | None = None
    waiting: Expiring[Waiting] | None = None
    throughput: Throughput | None = None

    @property
    def up(self) -> bool:
        """Whether the last poll succeeded. An incomplete listing was read too, so it counts as success."""
        return self.outcome in {"ok", "incomplete"}

    @property
    def whole_capacity(self) -> Expiring[PoolCapacity] | None:
        """Its capacity; of a logical pool with what it may borrow."""
        logical = self.description is not None and self.description.value.type == LOGICAL
        if self.capacity is None or not logical:
            return self.capacity
        return Expiring(self.capacity.value.with_borrowed(), self.capacity.fresh_until)

    def counted(self, outcome: Outcome) -> Mapping[Outcome, int]:
        """`polls` with one more of this outcome."""
        return {**self.polls, outcome: self.polls.get(outcome, 0) + 1}

    def without_capacity(self) -> PoolState:
        """The same without capacities, for when they are no longer read."""
        return replace(self, capacity=None, cloud_count=None, free_cards=None, events=None)
