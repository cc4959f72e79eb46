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

    A write costs the same for one pool and for 10,000: nothing is copied, and the changes are queued for
    their one reader, the renderer. A state is immutable, so a state that a reader holds never changes.
    """

    def __init__(self) -> None:
        self._states: dict[PoolKey, PoolState] = {}
        self._by_project: dict[tuple[str, str], dict[PoolKey, None]] = {}
        # Dictionaries as ordered sets.
        self._removed: dict[PoolKey, None] = {}
        self._published: dict[PoolKey, None] = {}
        self._changed = asyncio.Event()

    @property
    def states(self) -> Mapping[PoolKey, PoolState]:
        """The state of every pool, in the order in which the pools were added.

        It is a view: it shows every change. Copy it before a wait, or before pools are added or removed.
        """
        return MappingProxyType(self._states)

    def pools_of(self, region: str, project_id: str) -> list[PoolKey]:
        """The pools of one project."""
        return list(self._by_project.get((region, project_id), ()))

    def publish(self, state: PoolState) -> None:
        """Replace the state of a pool."""
        key = state.key
        if key not in self._states:
            self._by_project.setdefault(key[:2], {})[key] = None
        self._states[key] = state
        self._published[key] = None
        self._changed.set()

    def forget(self, key: PoolKey) -> None:
        """Remove a pool that is no longer watched."""
        if self._states.pop(key, None) is None:
            return
        of_project = self._by_project[key[:2]]
        del of_project[key]
        if not of_project:
            del self._by_project[key[:2]]
        self._published.pop(key, None)
        self._removed[key] = None
        self._changed.set()

    def requeue(self) -> None:
        """Queue every pool as if it had been published again."""
        self._published |= dict.fromkeys(self._states)
        self._changed.set()

    @property
    def changes(self) -> int:
        """The length of the queue."""
        return len(self._removed) + len(self._published)

    def next_change(self) -> PoolKey | None:
        """Take a pool that was removed or published from the queue, removed ones first; None if it is empty.

        There is one queue, and one reader: the renderer.
        """
        for changes in (self._removed, self._published):
            if changes:
                key = next(iter(changes))
                del changes[key]
                return key
        return None

    async def changed(self) -> None:
        """Wait for a change since this last returned. Only one task may wait: the renderer."""
        await self._changed.wait()
        self._changed.clear()
