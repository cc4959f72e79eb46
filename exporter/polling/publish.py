"""Publishes a pool's new state, together with why its workloads wait."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from exporter.snapshot.pool import PoolState
from exporter.waiting.analysis import with_waiting

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.context import Context
    from exporter.snapshot.pool import PoolKey
    from exporter.waiting.strategies import Strategies

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Publisher:
    """Publishes the states of a project's pools.

    Attributes:
        context: the snapshot store, the clock and the worker.
        strategies: what the pools' queue strategies mean.
    """

    context: Context
    strategies: Strategies
    _told: set[tuple[PoolKey, str]] = field(default_factory=set)

    async def publish(self, key: PoolKey, change: Callable[[PoolState], PoolState]) -> PoolState:
        """Apply an answer to a pool's state, publish the new state, and return it.

        Why workloads wait is found again if something that decides it is new. That takes 20 ms if 10,000
        workloads wait, so the worker does it. If another answer is published during that time, the change is
        applied again to the newest state, so that no answer is lost. A pool that is not in the store is no
        longer watched: its state is not published.

        Args:
            key: the pool.
            change: returns a state with the answer in it; called for each attempt.
        """
        store = self.context.store
        while True:
            before = store.states.get(key)
            after = change(before or PoolState(key))
            if before is None:
                return after
            # Read for each attempt: it must not be earlier than any `fits_since` in the state.
            now = self.context.clock.monotonic()
            if _differ(before, after) or (after.waiting and now >= after.waiting.fresh_until):
                loop, meaning = asyncio.get_running_loop(), self.strategies.of(after)
                after = await loop.run_in_executor(self.context.worker, with_waiting, after, meaning, now)
            if store.states.get(key) is before:
                store.publish(after)
                self._tell_unmatched(after)
                return after

    def _tell_unmatched(self, state: PoolState) -> None:
        """Log once for each accelerator that the pool's workloads ask for and its capacity does not name."""
        if state.waiting is None or state.capacity is None:
            return
        new = {name for name in state.waiting.value.unmatched if (state.key, name) not in self._told}
        if not new:
            return
        self._told.update((state.key, name) for name in new)
        log.warning(
            "workloads ask for accelerators that the pool's capacity does not name, so it is not known "
            "why they wait; if these are the same cards, capacity.accelerator_names says so",
            **state.key._asdict(),
            requested=sorted(new),
            capacity=[name for name, _ in state.capacity.value.total.accelerators],
        )


def _differ(before: PoolState, after: PoolState) -> bool:
    """Whether something that decides why workloads wait is new."""
    return (
        after.listing is not before.listing
        or after.capacity is not before.capacity
        or after.free_cards is not before.free_cards
        or after.description is not before.description
    )
