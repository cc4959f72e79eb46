"""Writes pool histories to a state file, and continues without it if the disk fails."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import structlog

from exporter.common.errors import InUse
from exporter.lifecycle.state_db import Share, StateDb, StateLost, Stored

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from exporter.common.clock import Clock
    from exporter.lifecycle.pool_history import PoolHistory
    from exporter.lifecycle.transitions import Changes
    from exporter.self_metrics import SelfMetrics
    from exporter.snapshot.pool import PoolKey

log = structlog.get_logger(__name__)

_FAILURES = (sqlite3.Error, OSError, StateLost, InUse)

_RETRY_INTERVAL = 15.0
"""Seconds between two tries to open a file. A try writes all pools."""

NO_LIMIT = float("inf")


class Persistence:
    """Writes to a state file. A failed write is counted, and logged if the one before it succeeded.

    Polling is more important than the state file, so a full or broken disk stops nothing. A pool that could
    not be written is written completely as soon as that is possible. If the file is lost (deleted, replaced,
    written to by others), or could not be opened, a new one is made of everything that is known. What is in
    its place is renamed, never overwritten.

    Args:
        path: of the state file.
        share: which pools this exporter counts.
        self_metrics: where writes are counted.
        clock: for the tries to open the file.
    """

    def __init__(self, path: Path, share: Share, self_metrics: SelfMetrics, clock: Clock) -> None:
        self._path = path
        self._share = share
        self._writes = self_metrics.state_writes
        self._clock = clock
        self._db: StateDb | None = None
        self._known: dict[PoolKey, PoolHistory] = {}
        # Pools whose newest history is not in the file.
        self._failing: set[PoolKey] = set()
        self._failure_logged = False
        # The open file is not the one any more that the next start would find.
        self._lost = False
        self._next_try = 0.0

    @classmethod
    def open(
        cls,
        path: Path,
        self_metrics: SelfMetrics,
        clock: Clock,
        share: tuple[int, int] = (0, 1),
        continues_for: float = NO_LIMIT,
    ) -> tuple[Persistence, dict[PoolKey, PoolHistory]]:
        """Open a state file, and return the pools in it that are to be continued.

        Histories that may be older than what was shown last are not. Nor are those of another share, and old
        ones of one shard of several: other shards may have counted what happened since then.

        Args:
            path: of the file.
            self_metrics: where writes are counted.
            clock: the time.
            share: which pools this exporter counts: its shard's index, and the number of shards.
            continues_for: seconds after which the histories of one shard of several are too old.

        Raises:
            InUse: another process has the file.
        """
        persistence = cls(path, Share(*share), self_metrics, clock)
        return persistence, persistence._open(continues_for)

    def save(self, key: PoolKey, history: PoolHistory, changes: Changes) -> None:
        """Write what is remembered of a pool.

        Args:
            key: the pool.
            history: all of it.
            changes: what has changed in it since the last time.
        """
        new = key not in self._known or key in self._failing
        self._known[key] = history
        self._write(key, lambda db: db.save(key, history, None if new else changes))

    def remove(self, key: PoolKey) -> None:
        """Remove a pool. If that fails, the next start removes it, because it is not watched then."""
        self._known.pop(key, None)
        self._write(key, lambda db: db.remove(key))
        self._failing.discard(key)

    def keep_share(self, share: tuple[int, int]) -> None:
        """Note that this exporter counts another share of the pools from now on."""
        if share == self._share:
            return
        self._share = Share(*share)
        try:
            if self._db is not None:
                self._db.save_share(self._share)
        except _FAILURES as error:
            self._fail(error)

    def close(self) -> None:
        """Close the file, after a last try to write what is not in it."""
        if self._db is not None:
            try:
                self._db.check()
                for key in tuple(self._failing):
                    self._db.save(key, self._known[key], None)
                    self._failing.discard(key)
            except _FAILURES as error:
                self._fail(error)
        if self._db is not None:
            self._db.close(whole=not self._failing)

    def _open(self, continues_for: float) -> dict[PoolKey, PoolHistory]:
        try:
            self._db, stored = StateDb.open(self._path, self._clock.wall())
            reason = self._not_continued(stored, continues_for)
            if reason:
                for key in stored.pools:
                    self._db.remove(key)
                log.warning(
                    "the state file is not continued; counters start at 0",
                    path=str(self._path),
                    reason=reason,
                )
                stored.pools.clear()
            if stored.share != self._share:
                self._db.save_share(self._share)
        except (sqlite3.Error, OSError, StateLost) as error:
            self._report("state cannot be kept; counters start at 0", error)
            if self._db is not None:
                self._db.close(whole=False)
                self._db = None
            return {}
        self._known = dict(stored.pools)
        return stored.pools

    def _not_continued(self, stored: Stored, continues_for: float) -> str:
        """Why the histories are not continued, as a clause; "" if they are."""
        if not stored.pools or stored.doubt:
            return stored.doubt if stored.pools else ""
        if stored.share is not None and stored.share != self._share:
            return f"it is of shard {stored.share}, and this is shard {self._share}"
        age = self._clock.wall() - max(history.read_at for history in stored.pools.values())
        if self._share.total > 1 and age > continues_for:
            return f"it is {age:.0f} s old, and other shards may have watched its pools since then"
        return ""

    def _write(self, key: PoolKey, write: Callable[[StateDb], None]) -> None:
        """Do it and count it."""
        self._failing.add(key)
        try:
            if self._db is not None and not self._lost:
                write(self._db)
                self._failing.discard(key)
            elif self._clock.monotonic() >= self._next_try:
                self._make_anew()
        except _FAILURES as error:
            self._writes.labels("failed").inc()
            self._fail(error)
            return
        self._writes.labels("failed" if key in self._failing else "ok").inc()
        self._report_recovery()

    def _fail(self, error: Exception) -> None:
        self._report("state cannot be written; after a restart, counters would start at 0", error)
        if isinstance(error, StateLost) and not self._lost:
            self._lost = True
            try:
                self._make_anew()
            except _FAILURES as error_again:
                log.warning("the state file cannot be made anew", reason=str(error_again))
            self._report_recovery()
        elif self._db is not None and not self._lost:
            self._db.note(whole=False)

    def _make_anew(self) -> None:
        """Make a new file of everything that is known.

        Raises:
            sqlite3.Error, OSError, StateLost, InUse: that failed; pools that are not in it are failing.
        """
        self._next_try = self._clock.monotonic() + _RETRY_INTERVAL
        now = self._clock.wall()
        claim = None
        if self._db is not None:
            claim = self._db.abandon(now)
            self._db = None
        self._failing |= self._known.keys()
        db, stored = StateDb.open(self._path, now, claim)
        if stored.pools:
            db, _ = StateDb.open(self._path, now, db.abandon(now))
        self._db, self._lost = db, False
        db.save_share(self._share)
        for key, history in self._known.items():
            db.save(key, history, None)
            self._failing.discard(key)

    def _report(self, what: str, error: Exception) -> None:
        """Log the first of several failures; no traceback: the disk is at fault, not the program."""
        if not self._failure_logged:
            advice = "check the disk and the permissions of the file and its folder"
            log.error(what, path=str(self._path), reason=str(error), advice=advice)
        self._failure_logged = True

    def _report_recovery(self) -> None:
        if self._failure_logged and not self._failing:
            log.info("state is written again")
            self._failure_logged = False
            if self._db is not None:
                self._db.note(whole=True)
