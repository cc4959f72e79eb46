"""The one owner of state between fetching and serving."""

from __future__ import annotations

import asyncio
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.snapshot.pool import PoolKey, PoolState


class SnapshotStore:
    """The newest state of every pool. Lives on the event loop; only the pollers write, anybody reads.

    A reader takes `states`, an immutable mapping that is replaced as a whole, so what it holds never
    changes under it.
    """

    def __init__(self) -> None:
        self._states: dict[PoolKey, PoolState] = {}
        self._changed = asyncio.Event()

    @property
    def states(self) -> Mapping[PoolKey, PoolState]:
        """Every pool's state, in the order in which the pools came."""
        return MappingProxyType(self._states)

    def pools_of(self, region: str, project_id: str) -> list[PoolKey]:
        """The pools of one project."""
        return [key for key in self._states if key[:2] == (region, project_id)]

    def publish(self, state: PoolState) -> None:
        """Put a pool's new state in place of its old one."""
        self._states = {**self._states, state.key: state}
        self._changed.set()

    def forget(self, key: PoolKey) -> None:
        """Drop a pool that is not watched any more, with everything known of it."""
        self._states = {other: state for other, state in self._states.items() if other != key}
        self._changed.set()

    async def changed(self) -> None:
        """Wait until something was published or forgotten since the last time this returned.

        For one waiter: the renderer.
        """
        await self._changed.wait()
        self._changed.clear()
