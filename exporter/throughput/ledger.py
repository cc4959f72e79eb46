"""What is remembered of every pool between two listings, and the one owner of it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from exporter.snapshot.throughput import Throughput
from exporter.throughput.tally import add
from exporter.throughput.transitions import Comparison, Moments, Seen, compare

if TYPE_CHECKING:
    from collections.abc import Collection
    from concurrent.futures import Executor

    from exporter.snapshot.pool import Listing, PoolKey

_ALWAYS = float("inf")
_NEVER = float("-inf")


@dataclass(slots=True)
class Memory:
    """What is remembered of one pool.

    Attributes:
        seen: its workloads by uid.
        read_at: when it was last listed, in Unix seconds.
        known_from: see `Moments`. The first listing only makes known what is there. Where it is not complete,
            whatever is older than it may still turn up, until a complete one has been read.
        throughput: what got through so far.
    """

    seen: dict[str, Seen] = field(default_factory=dict)
    read_at: float = 0.0
    known_from: float = _ALWAYS
    throughput: Throughput = field(default_factory=Throughput)

    def take(self, listing: Listing, now: float) -> Comparison:
        """Go on to the next listing, read at `now`; what was new in it."""
        found = compare(self.seen, listing, Moments(now, self.read_at, self.known_from))
        self.seen.update(found.changed)
        for uid in found.gone:
            del self.seen[uid]
        self.throughput = add(self.throughput, found.events, {one.type for one in found.changed.values()})
        self.read_at = now
        if listing.complete:
            self.known_from = _NEVER
        elif self.known_from == _ALWAYS:
            self.known_from = now
        return found


class Ledger:
    """Compares every pool's listings, one after the other, in a thread of its own.

    Outlives configurations: a pool that is watched before and after a reload goes on.

    Args:
        worker: does one thing after the other; a thread of its own where not given.
    """

    def __init__(self, worker: Executor | None = None) -> None:
        self._pools: dict[PoolKey, Memory] = {}
        # Only the worker touches the memories, so a poll that a reload cancels leaves none half done.
        self._worker = worker or ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")

    @property
    def pools(self) -> Collection[PoolKey]:
        """The pools that are remembered."""
        return tuple(self._pools)

    def throughput(self, key: PoolKey) -> Throughput | None:
        """What got through a pool so far; None where it was never listed."""
        memory = self._pools.get(key)
        return memory.throughput if memory else None

    async def record(self, key: PoolKey, listing: Listing, now: float) -> Throughput:
        """Count what a listing tells.

        Args:
            key: the pool.
            listing: what was read.
            now: when, in Unix seconds.

        Returns:
            What got through so far: the same value as before where nothing is new.
        """
        return await asyncio.get_running_loop().run_in_executor(self._worker, self._record, key, listing, now)

    def forget(self, key: PoolKey) -> None:
        """Drop what is remembered of a pool that is not watched any more."""
        self._worker.submit(self._pools.pop, key, None)  # behind a poll that may still be counted

    def _record(self, key: PoolKey, listing: Listing, now: float) -> Throughput:
        memory = self._pools.setdefault(key, Memory())
        memory.take(listing, now)
        return memory.throughput
