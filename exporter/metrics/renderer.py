"""Keeps every pool's text up with the snapshot store."""

from __future__ import annotations

import asyncio
from types import MappingProxyType
from typing import TYPE_CHECKING

from exporter.metrics.render import RenderedPool, render_pool

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.clock import Clock
    from exporter.metrics.summary import Choice
    from exporter.snapshot.pool import PoolKey
    from exporter.snapshot.store import SnapshotStore
    from exporter.telemetry import Telemetry


class Renderer:
    """Renders a pool once per poll, in a thread, and swaps the result in as a whole.

    Args:
        store: whose states to render.
        clock: to time it.
        telemetry: where the time is counted.
        choice: which workloads get series of their own; may be set to another at any time, which holds from
            the next `catch_up` on.
    """

    def __init__(self, store: SnapshotStore, *, clock: Clock, telemetry: Telemetry, choice: Choice) -> None:
        self._store = store
        self._clock = clock
        self._telemetry = telemetry
        self.choice = choice
        self._pools: Mapping[PoolKey, RenderedPool] = MappingProxyType({})

    @property
    def pools(self) -> Mapping[PoolKey, RenderedPool]:
        """Every pool's text: a new mapping after every change, never a changed one."""
        return self._pools

    async def run(self) -> None:
        """Render whatever changes, for ever."""
        while True:
            await self._store.changed()
            await self.catch_up()

    async def catch_up(self) -> None:
        """Render every pool whose text was made of another state, or for another choice."""
        states = self._store.states
        if self._pools.keys() - states.keys():
            self._swap({key: text for key, text in self._pools.items() if key in states})
        for key, state in states.items():
            previous = self._pools.get(key)
            if previous is not None and previous.state is state and previous.choice == self.choice:
                continue
            started = self._clock.monotonic()
            rendered = await asyncio.to_thread(render_pool, state, self.choice, previous)
            self._telemetry.render_duration.observe(self._clock.monotonic() - started)
            self._swap({**self._pools, key: rendered})

    def _swap(self, pools: dict[PoolKey, RenderedPool]) -> None:
        self._pools = MappingProxyType(pools)
