"""Keeps every pool's text up with the snapshot store."""

from __future__ import annotations

import asyncio
from types import MappingProxyType
from typing import TYPE_CHECKING

from exporter.metrics.pool_text import RenderedPool, render_pool
from exporter.metrics.thresholds import Thresholds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from exporter.context import Context
    from exporter.metrics.summary import Choice
    from exporter.snapshot.pool import PoolKey


class Renderer:
    """Renders a pool once per poll, in a thread, and swaps the result in as a whole.

    Args:
        context: the store whose states are rendered, the worker that renders them, clock and self metrics.
        choice: which workloads get series of their own.
        thresholds: how long workloads may wait.

    Attributes:
        choice, thresholds: may be set to others at any time, which hold from the next `catch_up` on.
        swapped: called after every change, for whoever holds on to what was there before.
    """

    def __init__(
        self,
        context: Context,
        *,
        choice: Choice,
        thresholds: Thresholds = Thresholds(),  # noqa: B008  (it is immutable)
    ) -> None:
        self._context = context
        self.choice = choice
        self.thresholds = thresholds
        self.swapped: Callable[[], None] = lambda: None
        self._pools: Mapping[PoolKey, RenderedPool] = MappingProxyType({})

    @property
    def pools(self) -> Mapping[PoolKey, RenderedPool]:
        """Every pool's text: a new mapping after every change, never a changed one."""
        return self._pools

    async def run(self) -> None:
        """Render whatever changes, for ever."""
        while True:
            await self._context.store.changed()
            await self.catch_up()

    async def catch_up(self) -> None:
        """Render every pool whose text was made of another state, or as it was configured before."""
        states = self._context.store.states
        if self._pools.keys() - states.keys():
            self._swap({key: text for key, text in self._pools.items() if key in states})
        for key, state in states.items():
            previous = self._pools.get(key)
            if previous is not None and previous.state is state and self._as_configured(previous):
                continue
            started = self._context.clock.monotonic()
            rendered = await asyncio.get_running_loop().run_in_executor(
                self._context.worker, render_pool, state, self.choice, previous, self.thresholds
            )
            self._context.self_metrics.render_duration.observe(self._context.clock.monotonic() - started)
            self._swap({**self._pools, key: rendered})

    def _as_configured(self, pool: RenderedPool) -> bool:
        # By identity: every pool is looked at whenever one changes, and a configuration makes them once.
        return pool.choice == self.choice and pool.thresholds is self.thresholds

    def _swap(self, pools: dict[PoolKey, RenderedPool]) -> None:
        self._pools = MappingProxyType(pools)
        self.swapped()
