"""A pool's new state -> the store, with what fits by it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from exporter.snapshot.fitting import refitted
from exporter.snapshot.pool import PoolState

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

    from exporter.clock import Clock
    from exporter.snapshot.pool import PoolKey
    from exporter.snapshot.store import SnapshotStore


async def published(
    store: SnapshotStore,
    key: PoolKey,
    change: Callable[[PoolState], PoolState],
    *,
    clock: Clock,
    worker: Executor,
) -> PoolState:
    """Publish what an answer makes of a pool's state, and return it.

    What fits is found out again where the listing or the capacity is new. That takes 20 ms where 10,000
    workloads wait, so the worker does it; where others publish meanwhile it begins again with what they
    know, so that the newest listing always meets the newest capacity. A pool that nobody watches any more is
    not published.

    Args:
        store: where the states are.
        key: the pool.
        change: the answer put into a state; called again for each beginning.
        clock: the time.
        worker: does one thing after the other, off the event loop.
    """
    while True:
        before = store.states.get(key)
        after = change(before or PoolState(key))
        if before is None:
            return after
        if after.listing is not before.listing or after.capacity is not before.capacity:
            # Read here: never earlier than what the state says has fitted since.
            now = clock.monotonic()
            after = await asyncio.get_running_loop().run_in_executor(worker, refitted, after, now)
        if store.states.get(key) is before:
            store.publish(after)
            return after
