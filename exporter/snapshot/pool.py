"""What is known of one pool at one moment.

What was read, and how long it may be believed.

What of a listing is not taken as the API gave it, and why.

What the project's list of pools says of one of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Generic, Literal, NamedTuple, TypeVar, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.common.errors import Outcome
    from exporter.snapshot.counters import Throughput
    from exporter.snapshot.resources import Capacity, FreeCards
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
class Fitting:
    """The waiting workloads that fit, each looked at on its own, as if it were the next to start.

    Attributes:
        workloads: how many by type; documented types are there with 0 too.
        since: by uid, the monotonic moment of the first snapshot since which it has fitted in every one.
        longest: seconds of the longest such time; 0 where none fits.
    """

    workloads: Mapping[str, int]
    since: Mapping[str, float]
    longest: float


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
    entry: Expiring[PoolDescription] | None = None
    capacity: Expiring[Capacity] | None = None
    free_cards: Expiring[FreeCards] | None = None
    fitting: Expiring[Fitting] | None = None
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


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Expiring(Generic[T]):
    """Something that gets too old to be shown.

    Attributes:
        value: what was read.
        fresh_until: the monotonic moment from which on it is not shown any more.
    """

    value: T
    fresh_until: float


Rejection = Literal["not_an_object", "no_uid", "malformed", "repeated_uid"]
"""not_an_object: an item that is no JSON object. no_uid: nothing identifies it. malformed: a field's
value has a type that no documentation mentions. repeated_uid: another one in the same answer has it."""

Limit = Literal["length", "kinds"]
"""length: a label's value is too long, and is cut. kinds: one of too many, it counts as `other`."""

LIMITS: tuple[Limit, ...] = get_args(Limit)

PHASES = ("Creating", "Running", "Abnormal", "Deleting", "Error")
"""The documented phases of a pool; an open set."""

NODE_STATES = ("creating", "available", "abnormal", "deleting")
"""The states by which the API counts a pool's nodes."""


@dataclass(frozen=True, slots=True)
class PoolDescription:
    """A pool as `GET /v2/{project_id}/pools` lists it; "" is "the API did not say".

    Attributes:
        name: its display name; its ID where it has none.
        phase: one of `PHASES`, or another.
        type: Dedicate (a pool of its own nodes) or Logical (a share of one), or another.
        queue_strategy: by which rule its queue is served.
        nodes: how many nodes by (flavor, state), 0 included; empty where not known.
    """

    name: str
    phase: str = ""
    type: str = ""
    queue_strategy: str = ""
    nodes: Mapping[tuple[str, str], float] = field(default_factory=dict)
