"""Why the workloads of a pool wait."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping

Reason = Literal[
    "pool_unwell", "exceeds_pool", "no_room", "fragmented", "behind_head", "unexplained", "unknown"
]
"""Why a workload waits; of several, the first.

pool_unwell: nothing can start: the pool has no available node, or a phase such as CreationFailed.
exceeds_pool: it asks for more of some resource than the pool has at most, so it never starts as things are.
no_room: some of what it asks for is not free now.
fragmented: enough is free in the pool, but not on the nodes that it needs.
behind_head: it fits, but the pool's queue lets no workload pass one that cannot start, and one is ahead of
it.
unexplained: it fits, and nothing known holds it back.
unknown: the capacity or the request is not known, or they have no resource name in common.
"""

REASONS: tuple[Reason, ...] = get_args(Reason)

CANNOT_START = frozenset[Reason]({"exceeds_pool", "no_room", "fragmented"})
"""The reasons that are about the workload itself, whatever is ahead of it."""

FITS = frozenset[Reason]({"fragmented", "behind_head", "unexplained"})
"""The reasons of a workload whose whole request is free in the pool."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is known of the waiting workloads of a pool, from one listing and the capacity at that moment.

    Attributes:
        reasons: why each of them waits, by uid.
        workloads: how many, by (type, reason); documented types and all reasons are there with 0 too.
        accelerators: cards that they ask for, by (accelerator, reason), for every accelerator that one of
            them asks for or that the pool has.
        head: cards that the first in the queue asks for, by accelerator; empty if no position is known.
        idle: free cards, by accelerator, for those that one of them asks for; missing if not known.
        short: cards asked for by those that the pool could hold, minus free cards, at least 0, by accelerator
            likewise.
        fitting: how many fit into what is free, each on its own, by type; None if that is not known for one
            of them.
        fits_since: by uid, the monotonic moment since which the workload has fitted every time.
        longest_fitting: the longest of these times so far, in seconds; 0 if none fits; None at the first
            look, because what fits may have fitted for days.
        never: the uids of those that cannot start as things are, or wait behind one that cannot.
        overtaken: how many of them others of lower priority have overtaken although they would have fitted,
            by (type, priority), documented ones with 0 too; None if that is not known.
        unmatched: requested accelerators that the pool's capacity does not name.
    """

    reasons: Mapping[str, Reason]
    workloads: Mapping[tuple[str, str], int]
    accelerators: Mapping[tuple[str, str], float]
    head: Mapping[str, float]
    idle: Mapping[str, float]
    short: Mapping[str, float]
    fitting: Mapping[str, int] | None
    fits_since: Mapping[str, float] = field(default_factory=dict)
    longest_fitting: float | None = 0.0
    never: frozenset[str] = frozenset()
    overtaken: Mapping[tuple[str, str], int] | None = None
    unmatched: tuple[str, ...] = ()
