"""Writes pool histories to a state file, and continues without it if the disk fails."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import structlog

from exporter.lifecycle.state_db import StateDb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from exporter.lifecycle.pool_history import PoolHistory
    from exporter.lifecycle.transitions import Changes
    from exporter.self_metrics import SelfMetrics
    from exporter.snapshot.pool import PoolKey

log = structlog.get_logger(__name__)


class Persistence:
    """Writes to a state file. A failed write is counted, and logged if the one before it succeeded.

    Polling is more important than the state file, so a full or broken disk stops nothing. A pool that could
    not be written is written completely as soon as that is possible. A file that could not be opened is not
    tried again before the next start.

    Args:
        db: the state file; None if it could not be opened.
        stored: the pools that the file holds.
        self_metrics: where writes are counted.
    """

    def __init__(self, db: StateDb | None, stored: Iterable[PoolKey], self_metrics: SelfMetrics) -> None:
        self._db = db
        self._stored = set(stored)
        self._writes = self_metrics.state_writes
        self._failing: set[PoolKey] = set()
        self._failure_logged = False

    @classmethod
    def open(
        cls, path: Path, self_metrics: SelfMetrics, now: float
    ) -> tuple[Persistence, dict[PoolKey, PoolHistory]]:
        """Open a state file, and return the pools in it too.

        Args:
            path: of the file.
            self_metrics: where writes are counted.
            now: Unix seconds.

        Raises:
            ConfigurationError: another exporter uses the file.
        """
        try:
            db, pools = StateDb.open(path, now)
        except (sqlite3.Error, OSError) as error:
            advice = "check the disk and the file's permissions, then start the exporter again"
            _report("state cannot be kept; counters start at 0", error, advice=advice, path=str(path))
            return cls(None, (), self_metrics), {}
        return cls(db, pools, self_metrics), pools

    def save(self, key: PoolKey, history: PoolHistory, changes: Changes) -> None:
        """Write what is remembered of a pool.

        Args:
            key: the pool.
            history: all of it.
            changes: what has changed in it since the last time.
        """
        new = changes if key in self._stored else None
        if self._write(key, lambda db: db.save(key, history, new)):
            self._stored.add(key)
        else:
            self._stored.discard(key)

    def remove(self, key: PoolKey) -> None:
        """Remove a pool. If that fails, the next start removes it, because it is not watched then."""
        self._stored.discard(key)
        self._write(key, lambda db: db.remove(key))
        self._failing.discard(key)

    def close(self) -> None:
        """Close the file."""
        if self._db is not None:
            self._db.close()

    def _write(self, key: PoolKey, write: Callable[[StateDb], None]) -> bool:
        """Do it and count it; returns whether it succeeded."""
        succeeded = self._db is not None
        try:
            if self._db is not None:
                write(self._db)
        except sqlite3.Error as error:
            succeeded = False
            self._failing.add(key)
            if not self._failure_logged:
                _report(
                    "state cannot be written; a restart would lose what is counted from now on",
                    error,
                )
            self._failure_logged = True
        else:
            self._failing.discard(key)
            if self._failure_logged and not self._failing:
                log.info("state is written again")
                self._failure_logged = False
        self._writes.labels("ok" if succeeded else "failed").inc()
        return succeeded


def _report(what: str, error: Exception, **more: str) -> None:
    log.error(what, reason=str(error), **more)  # no traceback: the disk is at fault, not the program
