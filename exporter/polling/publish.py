"""A pool's new state -> the store, with what fits by it."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING

from exporter.snapshot.pool import Expiring, Fitting, PoolState
from exporter.snapshot.resources import Amounts
from exporter.snapshot.workload import CPU, MEMORY, OTHER, TYPES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from collections.abc import Set as AbstractSet

    from exporter.context import Context
    from exporter.snapshot.pool import PoolKey
    from exporter.snapshot.resources import Capacity
    from exporter.snapshot.workload import Workload


async def published(context: Context, key: PoolKey, change: Callable[[PoolState], PoolState]) -> PoolState:
    """Publish what an answer makes of a pool's state, and return it.

    What fits is found out again where the listing or the capacity is new. That takes 20 ms where 10,000
    workloads wait, so the worker does it; where others publish meanwhile it begins again with what they
    know, so that the newest listing always meets the newest capacity. A pool that nobody watches any more is
    not published.

    Args:
        context: the store where the states are, the clock, and the worker.
        key: the pool.
        change: the answer put into a state; called again for each beginning.
    """
    store = context.store
    while True:
        before = store.states.get(key)
        after = change(before or PoolState(key))
        if before is None:
            return after
        if after.listing is not before.listing or after.capacity is not before.capacity:
            # Read here: never earlier than what the state says has fitted since.
            now = context.clock.monotonic()
            after = await asyncio.get_running_loop().run_in_executor(context.worker, refitted, after, now)
        if store.states.get(key) is before:
            store.publish(after)
            return after


def refitted(state: PoolState, now: float) -> PoolState:
    """The same state with what fits now; to be called when its listing or its capacity is new.

    Args:
        state: the pool.
        now: the monotonic moment. Where the listing or the capacity is too old, or it is not known how much
            is free of something, nobody can tell what fits, and what has fitted so far begins anew.
    """
    if state.listing is None or state.capacity is None:
        return replace(state, fitting=None)
    fresh_until = min(state.fresh_until, state.capacity.fresh_until)
    if now >= fresh_until:
        return replace(state, fitting=None)
    fitting = _fitting(state.listing.workloads, state.capacity.value)
    if fitting is None:
        return replace(state, fitting=None)
    before = state.fitting
    known = before.value.since if before is not None and now < before.fresh_until else {}
    workloads = dict.fromkeys(TYPES, 0) | Counter(workload.type for workload in fitting)
    since = {workload.uid: known.get(workload.uid, now) for workload in fitting}
    longest = now - min(since.values(), default=now)
    return replace(state, fitting=Expiring(Fitting(workloads, since, longest), fresh_until))


_shape = attrgetter("cpu_cores", "memory_bytes", "accelerators")


def _fitting(workloads: Iterable[Workload], capacity: Capacity) -> list[Workload] | None:
    """Those that wait and fit; None where that is not known of some.

    Thousands of workloads ask for a handful of sizes: each is looked at once.
    """
    free = capacity.free
    unknown = {CPU, MEMORY, *capacity.total.known} - free.keys()  # the first two every pool has
    waiting = [workload for workload in workloads if workload.waiting and workload.sized]
    shapes = set(map(_shape, waiting))
    if OTHER in free:  # more accelerators than are told by name: what is not named may be one of them
        unknown |= {name for _, _, cards in shapes for name, _ in cards} - free.keys()
    fits = {shape: _fits(Amounts(*shape), free, unknown) for shape in shapes}
    if None in fits.values():
        return None
    return [workload for workload in waiting if fits[_shape(workload)]] if any(fits.values()) else []


def _fits(requested: Amounts, free: Mapping[str, float], unknown: AbstractSet[str]) -> bool | None:
    """Whether there is enough of everything; None where it depends on what is not known.

    What the pool does not have is not there. Who asks for nothing at all does not fit either: nobody knows
    what it needs.
    """
    wanted = {resource: amount for resource, amount in requested.known.items() if amount > 0}
    known = ((resource, amount) for resource, amount in wanted.items() if resource not in unknown)
    if not wanted or any(amount > free.get(resource, 0.0) for resource, amount in known):
        return False
    return None if wanted.keys() & unknown else True
