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
        self._detail = detail
        self._thresholds = thresholds
        self.on_change: Callable[[], None] = lambda: None
        self._texts: dict[PoolKey, RenderedPool] = {}
        self._pools: Mapping[PoolKey, RenderedPool] | None = None

    @property
    def pools(self) -> Mapping[PoolKey, RenderedPool]:
        """The text of every pool. Immutable: after a change, this is a new mapping, made when it is read."""
        if self._pools is None:
            self._pools = MappingProxyType(self._texts.copy())
        return self._pools

    def configure(self, detail: Detail, thresholds: Thresholds) -> None:
        """Use these from now on: if they differ, every pool is rendered again."""
        if (detail, thresholds) != (self._detail, self._thresholds):
            self._detail, self._thresholds = detail, thresholds
            self._context.store.requeue()

    async def run(self) -> None:
        """Render every change of the store; never returns."""
        while True:
            await self._context.store.changed()
            while self._context.store.changes:
                await self.catch_up()

    async def catch_up(self, most: int | None = None) -> None:
        """Render every pool whose state or configuration has changed until now, since it was rendered.

        The cost depends on the changes, not on the number of pools.

        Args:
            most: of the changes; `run` renders the rest. Removed pools come first, and take no time.
        """
        store = self._context.store
        changes = store.changes if most is None else min(most, store.changes)
        for _ in range(changes):  # not until there is none: meanwhile there may always be another
            key = store.next_change()
            if key is None:  # another task has rendered it
                break
            await self._render(key)

    async def _render(self, key: PoolKey) -> None:
        state = self._context.store.states.get(key)
        if state is None:
            if self._texts.pop(key, None) is not None:
                self._changed()
            return
        started = self._context.clock.monotonic()
        rendered = await asyncio.get_running_loop().run_in_executor(
            self._context.worker, render_pool, state, self._detail, self._texts.get(key), self._thresholds
        )
        self._context.self_metrics.render_duration.observe(self._context.clock.monotonic() - started)
        if key in self._context.store.states:  # it may have been removed meanwhile
            self._texts[key] = rendered
            self._changed()

    def _changed(self) -> None:
        self._pools = None
        self.on_change()
