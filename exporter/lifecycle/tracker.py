"""The one owner of what is remembered of the pools."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import structlog

from exporter.lifecycle.pool_history import PoolHistory

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from concurrent.futures import Future
    from pathlib import Path

    from exporter.common.clock import Clock
    from exporter.context import Context
    from exporter.lifecycle.persistence import Persistence
    from exporter.snapshot.counters import Throughput
    from exporter.snapshot.pool import Listing, PoolKey

log = structlog.get_logger(__name__)


class Recorded(NamedTuple):
    """What is known of a pool after a listing.

    Attributes:
        listing: with what only those before it can tell.
        throughput: what got through so far: the same value as before where nothing is new.
    """

    listing: Listing
    throughput: Throughput


class Tracker:
    """Compares every pool's listings, one after the other.

    Outlives configurations: a pool that is watched before and after a reload goes on.

    Args:
        context: the clock, the self metrics, and the worker, which does one thing after the other.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._pools: dict[PoolKey, PoolHistory] = {}
        # Only the worker touches memories and file, so a poll that a reload cancels leaves none half done.
        self._worker = context.worker
        self._persistence: Persistence | None = None

    @contextmanager
    def kept_in(self, path: Path | None) -> Iterator[None]:
        """Take up what a state file has kept, and keep everything in it until the end.

        Args:
            path: of the file; None for none.

        Raises:
            ConfigurationError: another exporter keeps its state there.
        """
        if path is None:
            yield
            return
        from exporter.lifecycle.persistence import Persistence  # noqa: PLC0415  (SQLite takes a MiB)

        self._persistence, self._pools = Persistence.begun(
            path, self._context.self_metrics, self._context.clock.wall()
        )
        try:
            yield
        finally:
            self._worker.submit(self._persistence.end).result()
            self._persistence = None

    @property
    def pools(self) -> Collection[PoolKey]:
        """The pools that are remembered."""
        return tuple(self._pools)

    def throughput(self, key: PoolKey) -> Throughput | None:
        """What got through a pool so far; None where it was never listed."""
        memory = self._pools.get(key)
        return memory.throughput if memory else None

    async def record(
        self,
        key: PoolKey,
        listing: Listing,
        now: float,
        *,
        moment: float | None = None,
        estimates: bool = False,
    ) -> Recorded:
        """Count what a listing tells. What is returned has been written to the state file before.

        So nothing that was shown is taken back by a crash, and nothing that was written is counted twice.

        Args:
            key: the pool.
            listing: what was read.
            now: when, in Unix seconds.
            moment: when, by a clock that nobody sets; None where that is `now` too.
            estimates: whether to estimate when waiting workloads start.
        """
        work = partial(self._record, key, listing, now, moment, estimates=estimates)
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)

    def forget(self, key: PoolKey) -> None:
        """Drop what is remembered of a pool that is not watched any more."""
        # Behind a poll that may still be counted.
        self._worker.submit(self._forget, key).add_done_callback(partial(_told, key))

    def _record(
        self, key: PoolKey, listing: Listing, now: float, moment: float | None, *, estimates: bool
    ) -> Recorded:
        memory = self._pools.setdefault(key, PoolHistory())
        found = memory.take(listing, now, moment)
        if self._persistence is not None:
            self._persistence.keep(key, memory, found)
        return Recorded(memory.completed(listing, estimates=estimates), memory.throughput)

    def _forget(self, key: PoolKey) -> None:
        self._pools.pop(key, None)
        if self._persistence is not None:
            self._persistence.drop(key)


RETENTION = 3600.0
"""Seconds for which a pool that is gone is remembered. A list of pools that lacks it by mistake is right
again long before."""


class Retention:
    """Forgets pools that have been absent for too long. A restart begins to measure anew.

    Args:
        tracker: remembers the pools.
        patience: seconds of absence after which a pool is forgotten; 0 for at once.
        clock: its monotonic time is used, so setting the date changes nothing.
    """

    def __init__(self, tracker: Tracker, patience: float, clock: Clock) -> None:
        self._tracker = tracker
        self._patience = patience
        self._clock = clock
        self._absent_since: dict[PoolKey, float] = {}

    def forget_absent(self, absent: Iterable[PoolKey]) -> None:
        """Forget the pools that have been absent for too long.

        Args:
            absent: every pool that is remembered, and missing in the newest answer.
        """
        now = self._clock.monotonic()
        self._absent_since = {key: self._absent_since.get(key, now) for key in absent}
        for key, since in self._absent_since.items():
            if now - since >= self._patience:
                self._tracker.forget(key)
                log.info("the pool's counters are forgotten", **key._asdict())


def _told(key: PoolKey, forgotten: Future[None]) -> None:
    """Nobody waits for it, so nobody else would hear of a defect."""
    if not forgotten.cancelled() and (error := forgotten.exception()):
        log.error("what is remembered of the pool could not be dropped", **key._asdict(), reason=repr(error))
