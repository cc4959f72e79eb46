"""Keeps what is remembered in a state file, as far as the disk lets it."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import structlog

from exporter.lifecycle.state_db import StateDb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from exporter.lifecycle.pool_history import PoolHistory
    from exporter.lifecycle.transitions import Comparison
    from exporter.self_metrics import SelfMetrics
    from exporter.snapshot.pool import PoolKey

log = structlog.get_logger(__name__)


class Persistence:
    """Writes to a state file; a write that fails is counted, and logged if everything was well before it.

    To watch the pools is worth more than to remember them, so a full or broken disk ends nothing. A pool that
    could not be written is written as a whole as soon as that is possible again. A file that could not be
    opened stays closed until the next start.

    Args:
        file: the state file; None where it could not be opened.
        kept: the pools of which the file holds what is remembered.
        self_metrics: where writes are counted.
    """

    def __init__(self, file: StateDb | None, kept: Iterable[PoolKey], self_metrics: SelfMetrics) -> None:
        self._file = file
        self._kept = set(kept)
        self._writes = self_metrics.state_writes
        self._failing: set[PoolKey] = set()
        self._told = False

    @classmethod
    def begun(
        cls, path: Path, self_metrics: SelfMetrics, now: float
    ) -> tuple[Persistence, dict[PoolKey, PoolHistory]]:
        """Open a state file, and what it has kept.

        Raises:
            ConfigurationError: another exporter keeps its state there.
        """
        try:
            file, pools = StateDb.opened(path, now)
        except (sqlite3.Error, OSError) as error:
            advice = "see to the disk and its permissions, and start again"
            _report("state cannot be kept; counting begins at 0", error, advice=advice, path=str(path))
            return cls(None, (), self_metrics), {}
        return cls(file, pools, self_metrics), pools

    def keep(self, key: PoolKey, memory: PoolHistory, found: Comparison) -> None:
        """Write what is remembered of a pool.

        Args:
            key: the pool.
            memory: all of it.
            found: what is new in it since the last time.
        """
        news = found if key in self._kept else None
        if self._written(key, lambda file: file.save(key, memory, news)):
            self._kept.add(key)
        else:
            self._kept.discard(key)

    def drop(self, key: PoolKey) -> None:
        """Remove a pool. Where that fails, a later start removes it, for nobody watches it."""
        self._kept.discard(key)
        self._written(key, lambda file: file.remove(key))
        self._failing.discard(key)

    def end(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _written(self, key: PoolKey, write: Callable[[StateDb], None]) -> bool:
        well = self._file is not None
        try:
            if self._file is not None:
                write(self._file)
        except sqlite3.Error as error:
            well = False
            self._failing.add(key)
            if not self._told:
                _report("state cannot be written; a restart would lose what is counted from now on", error)
            self._told = True
        else:
            self._failing.discard(key)
            if self._told and not self._failing:
                log.info("state is written again")
                self._told = False
        self._writes.labels("ok" if well else "failed").inc()
        return well


def _report(what: str, error: Exception, **more: str) -> None:
    log.error(what, reason=str(error), **more)  # no traceback: nothing is broken but the disk
