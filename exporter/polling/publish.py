"""Publishes a pool's new state, together with the waiting workloads that fit into the free capacity."""

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
    from exporter.snapshot.resources import PoolCapacity
    from exporter.snapshot.workload import Workload


async def publish(context: Context, key: PoolKey, change: Callable[[PoolState], PoolState]) -> PoolState:
    """Apply an answer to a pool's state, publish the new state, and return it.

    If the listing or the capacity is new, the workloads that fit are computed again. That takes 20 ms if
    10,000 workloads wait, so the worker does it. If another answer is published during that time, the change
    is applied again to the newest state, so that no answer is lost. A pool that is not in the store is no
    longer watched: its state is not published.

    Args:
        context: the snapshot store, the clock and the worker.
        key: the pool.
        change: returns a state with the answer in it; called for each attempt.
    """
    store = context.store
    while True:
        before = store.states.get(key)
        after = change(before or PoolState(key))
        if before is None:
            return after
        if after.listing is not before.listing or after.capacity is not before.capacity:
            # Read for each attempt: it must not be earlier than any `since` in the state.
            now = context.clock.monotonic()
            after = await asyncio.get_running_loop().run_in_executor(context.worker, with_fitting, after, now)
        if store.states.get(key) is before:
            store.publish(after)
            return after


def with_fitting(state: PoolState, now: float) -> PoolState:
    """The state with `fitting` computed from its listing and capacity.

    Args:
        state: the pool.
        now: the monotonic moment. If the listing or the capacity is stale, or the free amount of some
            resource is not known, then it is not known what fits: `fitting` is None, and its times start
            again at 0 later.
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
    continues = before is not None and now < before.fresh_until
    known = before.value.since if before is not None and continues else {}
    workloads = dict.fromkeys(TYPES, 0) | Counter(workload.type for workload in fitting)
    since = {workload.uid: known.get(workload.uid, now) for workload in fitting}
    # What fits in the first snapshot may have fitted for days.
    longest = now - min(since.values(), default=now) if continues or not since else None
    return replace(state, fitting=Expiring(Fitting(workloads, since, longest), fresh_until))


_request = attrgetter("cpu_cores", "memory_bytes", "accelerators")


def _fitting(workloads: Iterable[Workload], capacity: PoolCapacity) -> list[Workload] | None:
    """The waiting workloads that fit; None if that is not known for one of them.

    Thousands of workloads have only a few different requests, so each request is checked once.
    """
    free = capacity.free
    unknown = {CPU, MEMORY, *capacity.total.known} - free.keys()  # every pool has the first two
    waiting = [workload for workload in workloads if workload.waiting and workload.sized]
    requests = set(map(_request, waiting))
    if OTHER in free:  # a requested accelerator without a label value of its own may be among the others
        unknown |= {name for _, _, cards in requests for name, _ in cards} - free.keys()
    fits = {request: _fits(Amounts(*request), free, unknown) for request in requests}
    if None in fits.values():
        return None
    return [workload for workload in waiting if fits[_request(workload)]] if any(fits.values()) else []


def _fits(requested: Amounts, free: Mapping[str, float], unknown: AbstractSet[str]) -> bool | None:
    """Whether the request fits; None if that depends on a resource whose free amount is not known.

    A resource that the pool does not have is never free. An empty request does not fit, because it is not
    known what the workload needs.
    """
    wanted = {resource: amount for resource, amount in requested.known.items() if amount > 0}
    known = ((resource, amount) for resource, amount in wanted.items() if resource not in unknown)
    if not wanted or any(amount > free.get(resource, 0.0) for resource, amount in known):
        return False
    return None if wanted.keys() & unknown else True
