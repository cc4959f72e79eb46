"""The store that the fetching side writes and the serving side reads."""

from __future__ import annotations

import asyncio
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.snapshot.pool import PoolKey, PoolState


class SnapshotStore:
    """The newest state of every pool. Used on the event loop only; only the pollers write.

    Readers take `states`, an immutable mapping that is replaced as a whole, so what a reader holds never
    changes.
    """

    def __init__(self) -> None:
        self._states: dict[PoolKey, PoolState] = {}
        self._changed = asyncio.Event()

    @property
    def states(self) -> Mapping[PoolKey, PoolState]:
        """The state of every pool, in the order in which the pools were added."""
        return MappingProxyType(self._states)

    def pools_of(self, region: str, project_id: str) -> list[PoolKey]:
        """The pools of one project."""
        return [key for key in self._states if key[:2] == (region, project_id)]

    def publish(self, state: PoolState) -> None:
        """Replace the state of a pool."""
        self._states = {**self._states, state.key: state}
        self._changed.set()

    def forget(self, key: PoolKey) -> None:
        """Remove a pool that is no longer watched."""
        self._states = {other: state for other, state in self._states.items() if other != key}
        self._changed.set()

    async def changed(self) -> None:
        """Wait for a change since this last returned. Only one task may wait: the renderer."""
        await self._changed.wait()
        self._changed.clear()
