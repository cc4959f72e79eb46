"""Keeps the text of every pool up to date with the snapshot store."""

from __future__ import annotations

import asyncio
from types import MappingProxyType
from typing import TYPE_CHECKING

from exporter.metrics.pool_text import RenderedPool, render_pool
from exporter.metrics.thresholds import Thresholds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from exporter.context import Context
    from exporter.metrics.summary import Detail
    from exporter.snapshot.pool import PoolKey


class Renderer:
    """Renders a pool once per poll, off the event loop, and replaces its text as a whole.

    Args:
        context: the store whose states are rendered, the worker that renders them, clock and self metrics.
        detail: how much detail to show.
        thresholds: how long workloads may wait.

    Attributes:
        detail, thresholds: may be replaced at any time; the next `catch_up` uses the new ones.
        on_change: called after every change of `pools`, so that caches of the old text can be dropped.
    """

    def __init__(
        self,
        context: Context,
        *,
        detail: Detail,
        thresholds: Thresholds = Thresholds(),  # noqa: B008  (it is immutable)
    ) -> None:
        self._context = context
        self.detail = detail
        self.thresholds = thresholds
        self.on_change: Callable[[], None] = lambda: None
        self._pools: Mapping[PoolKey, RenderedPool] = MappingProxyType({})

    @property
    def pools(self) -> Mapping[PoolKey, RenderedPool]:
        """The text of every pool. Immutable; replaced by a new mapping on every change."""
        return self._pools

    async def run(self) -> None:
        """Render every change of the store; never returns."""
        while True:
            await self._context.store.changed()
            await self.catch_up()

    async def catch_up(self) -> None:
        """Render every pool whose state or configuration has changed since it was rendered."""
        states = self._context.store.states
        if self._pools.keys() - states.keys():
            self._replace({key: text for key, text in self._pools.items() if key in states})
        for key, state in states.items():
            previous = self._pools.get(key)
            if previous is not None and previous.state is state and self._as_configured(previous):
                continue
            started = self._context.clock.monotonic()
            rendered = await asyncio.get_running_loop().run_in_executor(
                self._context.worker, render_pool, state, self.detail, previous, self.thresholds
            )
            self._context.self_metrics.render_duration.observe(self._context.clock.monotonic() - started)
            if key in self._context.store.states:  # it may have been removed meanwhile
                self._replace({**self._pools, key: rendered})

    def _as_configured(self, pool: RenderedPool) -> bool:
        # Thresholds are compared by identity: this runs for every pool whenever one of them changes, and a
        # configuration creates its thresholds once.
        return pool.detail == self.detail and pool.thresholds is self.thresholds

    def _replace(self, pools: dict[PoolKey, RenderedPool]) -> None:
        self._pools = MappingProxyType(pools)
        self.on_change()
