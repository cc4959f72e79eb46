"""Owns the histories of all pools, and decides when a pool is forgotten."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import structlog

from exporter.lifecycle.pool_history import PoolHistory

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from concurrent.futures import Future
    from pathlib import Path

    from exporter.context import Context
    from exporter.lifecycle.persistence import Persistence
    from exporter.lifecycle.transitions import Changes
    from exporter.snapshot.counters import Throughput
    from exporter.snapshot.pool import Listing, PoolKey

log = structlog.get_logger(__name__)

RETENTION = 3600.0
"""Seconds until a pool that nobody watches is forgotten. A list of pools may lack it by mistake, and so may a
configuration; a pool that is back within this time continues its counters. A restart starts this time again.
"""


class RecordResult(NamedTuple):
    """The result of recording a listing.

    Attributes:
        listing: the listing, with what only earlier listings show.
        throughput: the counts so far; the same object as before if nothing is new.
    """

    listing: Listing
    throughput: Throughput


class Tracker:
    """Compares each listing of a pool with what is remembered of those before it.

    It stays through reloads, so a pool that is still watched continues its counters.

    Args:
        context: clock, self metrics, and the worker, which runs one task at a time.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._pools: dict[PoolKey, PoolHistory] = {}
        # Only the worker uses histories and file, so a poll that a reload cancels leaves nothing half done.
        self._worker = context.worker
        self._persistence: Persistence | None = None
        self._absent_since: dict[PoolKey, float] = {}

    @contextmanager
    def persist_in(
        self,
        path: Path | None,
        share: tuple[int, int] = (0, 1),
        continues_for: float = float("inf"),
    ) -> Iterator[None]:
        """Load a state file, and write every change to it until the end of the block.

        Args:
            path: of the file; None to do without.
            share: the index of this exporter's shard, and how many there are.
            continues_for: seconds after which the file of one shard of several is too old to be continued.

        Raises:
            InUse: another process has the file.
        """
        if path is None:
            yield
            return
        from exporter.lifecycle.persistence import Persistence  # noqa: PLC0415  (SQLite takes a MiB)

        self._persistence, self._pools = Persistence.open(
            path, self._context.self_metrics, self._context.clock, share, continues_for
        )
        try:
            yield
        finally:
            self._worker.submit(self._persistence.close).result()
            self._persistence = None

    @property
    def pools(self) -> Collection[PoolKey]:
        """The pools that are remembered."""
        return tuple(self._pools)

    def throughput(self, key: PoolKey) -> Throughput | None:
        """The counts of a pool so far; None if it was never listed."""
        history = self._pools.get(key)
        return history.throughput if history else None

    async def record(
        self,
        key: PoolKey,
        listing: Listing,
        now: float,
        *,
        monotonic: float | None = None,
        estimates: bool = False,
        node_cards: Mapping[str, float] | None = None,
    ) -> RecordResult:
        """Compare a listing with those before it, and count what happened.

        The result is in the state file before this returns. So after a crash, nothing that was shown is lost,
        and nothing is counted twice.

        Args:
            key: the pool.
            listing: what was read.
            now: when, in Unix seconds.
            monotonic: when, by the monotonic clock; the same as `now` if not given.
            estimates: whether to add the estimated starts of waiting workloads.
            node_cards: the most cards that a node of the pool has, by accelerator, as far as known.
        """
        self._absent_since.pop(key, None)  # somebody watches it
        update = partial(
            PoolHistory.update, listing=listing, now=now, monotonic=monotonic, node_cards=node_cards
        )
        work = partial(self._record, key, listing, update, estimates=estimates)
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)

    def forget_absent(self, absent: Iterable[PoolKey]) -> None:
        """Forget the pools that nobody has watched for an hour. The monotonic clock measures it.

        Args:
            absent: every pool that is remembered and not watched now.
        """
        now = self._context.clock.monotonic()
        self._absent_since = {key: self._absent_since.get(key, now) for key in absent}
        for key, since in tuple(self._absent_since.items()):
            if now - since >= RETENTION:
                del self._absent_since[key]
                self.forget(key)
                log.info("the pool's counters are forgotten", **key._asdict())

    def forget(self, key: PoolKey) -> None:
        """Forget a pool at once."""
        # By the worker, after a poll of the pool that may still be in its queue.
        self._worker.submit(self._forget, key).add_done_callback(partial(_log_failure, key))

    def keep_share(self, index: int, total: int) -> None:
        """Note in the state file which shard this exporter is from now on."""
        self._worker.submit(self._keep_share, (index, total))

    def _keep_share(self, share: tuple[int, int]) -> None:
        if self._persistence is not None:
            self._persistence.keep_share(share)

    def _record(
        self, key: PoolKey, listing: Listing, update: Callable[[PoolHistory], Changes], *, estimates: bool
    ) -> RecordResult:
        history = self._pools.setdefault(key, PoolHistory())
        changes = update(history)
        if self._persistence is not None:
            self._persistence.save(key, history, changes)
        return RecordResult(history.annotate(listing, estimates=estimates), history.throughput)

    def _forget(self, key: PoolKey) -> None:
        self._pools.pop(key, None)
        if self._persistence is not None:
            self._persistence.remove(key)


def _log_failure(key: PoolKey, forgotten: Future[None]) -> None:
    """Nobody awaits the future, so an error in it would be lost."""
    if not forgotten.cancelled() and (error := forgotten.exception()):
        log.error("the pool could not be forgotten", **key._asdict(), reason=repr(error))
