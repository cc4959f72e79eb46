"""Which waiting workloads fit into what is free, and for how long they have fitted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from exporter.snapshot.capacity import Amounts
from exporter.snapshot.dated import Dated
from exporter.snapshot.workload import TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.snapshot.pool import PoolState
    from exporter.snapshot.workload import Workload


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


def refitted(state: PoolState, now: float) -> PoolState:
    """The same state with what fits now; to be called when its listing or its capacity is new.

    Args:
        state: the pool.
        now: the monotonic moment. Where the listing or the capacity is too old, nobody can tell what fits,
            and what has fitted so far begins anew.
    """
    if state.listing is None or state.capacity is None:
        return replace(state, fitting=None)
    fresh_until = min(state.fresh_until, state.capacity.fresh_until)
    if now >= fresh_until:
        return replace(state, fitting=None)
    before = state.fitting
    known = before.value.since if before is not None and now < before.fresh_until else {}
    workloads = dict.fromkeys(TYPES, 0)
    since: dict[str, float] = {}
    free = state.capacity.value.free
    shapes: dict[Amounts, bool] = {}  # a pool's thousands of workloads ask for a handful of sizes
    for workload in state.listing.workloads:
        if workload.waiting and workload.sized:
            shape = _requested(workload)
            if shape not in shapes:
                shapes[shape] = _fits(shape, free)
            if shapes[shape]:
                workloads[workload.type] = workloads.get(workload.type, 0) + 1
                since[workload.uid] = known.get(workload.uid, now)
    longest = now - min(since.values(), default=now)
    return replace(state, fitting=Dated(Fitting(workloads, since, longest), fresh_until))


def _requested(workload: Workload) -> Amounts:
    return Amounts(workload.cpu_cores, workload.memory_bytes, workload.accelerators)


def _fits(requested: Amounts, free: Mapping[str, float]) -> bool:
    """Whether there is enough of everything; what is asked for and not known to be free is not there.

    Who asks for nothing at all does not fit either: nobody knows what it needs.
    """
    wanted = {resource: amount for resource, amount in requested.known.items() if amount > 0}
    return bool(wanted) and all(amount <= free.get(resource, 0.0) for resource, amount in wanted.items())
