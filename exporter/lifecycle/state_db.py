"""The file that keeps what is remembered over restarts: SQLite, because it survives a kill at any moment.

Each poll of a pool is one transaction, so counts and workloads always agree. In WAL mode a commit is one
write without a flush: a process that is killed loses nothing; after a power cut the newest polls may be
missing, all of each. The lock on the file lasts as long as the process does, however it ends.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from sys import intern
from typing import TYPE_CHECKING

import msgspec
import structlog

from exporter.common.errors import ConfigurationError, Problem
from exporter.lifecycle.codec import decoded, encoded
from exporter.lifecycle.transitions import Seen, Stage
from exporter.snapshot.pool import PoolKey

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from exporter.lifecycle.pool_history import PoolHistory
    from exporter.lifecycle.transitions import Comparison

log = structlog.get_logger(__name__)

APPLICATION_ID = 0x4D41_5846  # "MAXF", in the file's header
VERSION = 1
"""Of the tables below and of what `stored` makes; a file of another version is set aside."""

_PATIENCE = 2.0
"""Seconds that another exporter on the same file is given to end."""

_TABLES = """
CREATE TABLE pools (
    id INTEGER PRIMARY KEY,
    region TEXT NOT NULL,
    project_id TEXT NOT NULL,
    pool TEXT NOT NULL,
    memory BLOB NOT NULL,
    UNIQUE (region, project_id, pool)
);
CREATE TABLE workloads (
    pool_id INTEGER NOT NULL REFERENCES pools ON DELETE CASCADE,
    uid TEXT NOT NULL,
    type TEXT NOT NULL,
    status TEXT,
    stage INTEGER NOT NULL,
    running_since REAL,
    missing_since REAL,
    PRIMARY KEY (pool_id, uid)
) WITHOUT ROWID;
"""

_OF_POOL = "region = ? AND project_id = ? AND pool = ?"


class _Unusable(Exception):
    """The file holds something else than this exporter's state; the message is a clause about it."""


class StateDb:
    """An open state file. Used by one thread at a time.

    Its methods raise sqlite3.Error where the disk does not do its part; the file is as before then.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._ids: dict[PoolKey, int] = {}

    @classmethod
    def opened(cls, path: Path, now: float) -> tuple[StateDb, dict[PoolKey, PoolHistory]]:
        """Open a state file, a new one where there is none, and what it has kept.

        A file with something else in it, or a damaged one, is renamed, and a new one begun. A pool that alone
        cannot be understood is removed, and the file as it was copied before.

        Args:
            path: of the file.
            now: Unix seconds; part of the name of a file that is set aside.

        Raises:
            ConfigurationError: another process has it open.
            sqlite3.Error, OSError: it cannot be used, for reasons of its disk or its permissions.
        """
        aside = path.with_name(f"{path.name}.set-aside-{int(now)}")
        try:
            return _open(path, aside)
        except _Unusable as error:
            for suffix in ("", "-wal", "-journal"):  # sqlite's own, which belong to it
                if (part := path.with_name(path.name + suffix)).exists():
                    part.rename(aside.with_name(aside.name + suffix))
            log.warning(
                "the state file is set aside, and counting begins at 0",
                path=str(path),
                reason=str(error),
                renamed_to=str(aside),
            )
            return _open(path, aside)

    def load(self) -> tuple[dict[PoolKey, PoolHistory], dict[PoolKey, Exception]]:
        """What is remembered of each pool; and of those that this exporter has not written so, why not."""
        loaded: dict[PoolKey, PoolHistory] = {}
        strange: dict[PoolKey, Exception] = {}
        for number, *names, stored in self._connection.execute(
            "SELECT id, region, project_id, pool, memory FROM pools"
        ).fetchall():
            key = PoolKey(*names)
            try:
                memory = decoded(stored)
                memory.seen.update(self._workloads(number))
            except (msgspec.MsgspecError, ValueError, TypeError) as error:
                strange[key] = error
            else:
                loaded[key] = memory
                self._ids[key] = number
        return loaded, strange

    def set_aside(self, strange: Mapping[PoolKey, Exception], aside: Path) -> None:
        """Remove pools that cannot be understood, after the file as it is has been copied."""
        self._connection.execute("VACUUM INTO ?", (str(aside),))
        for key, error in strange.items():
            self.remove(key)
            log.warning(
                "a pool in the state file cannot be understood, and its counting begins at 0",
                **key._asdict(),
                reason=str(error),
                copied_to=str(aside),
            )

    def save(self, key: PoolKey, memory: PoolHistory, news: Comparison | None) -> None:
        """Write what is remembered of a pool.

        Args:
            key: the pool.
            memory: all of it.
            news: what is new since the last time, to write only that; None to write everything.
        """
        with self._connection as connection:
            connection.execute("BEGIN IMMEDIATE")
            if news is None:
                number = self._begin(key, memory)
                self._write(number, memory.seen)
            else:
                number = self._ids[key]
                connection.execute("UPDATE pools SET memory = ? WHERE id = ?", (encoded(memory), number))
                self._write(number, news.changed)
                gone = ((number, uid) for uid in news.gone)
                connection.executemany("DELETE FROM workloads WHERE pool_id = ? AND uid = ?", gone)
        self._ids[key] = number

    def remove(self, key: PoolKey) -> None:
        """Remove a pool with everything that is remembered of it."""
        with self._connection as connection:
            connection.execute(f"DELETE FROM pools WHERE {_OF_POOL}", key)  # noqa: S608  (our own words)
        self._ids.pop(key, None)

    def close(self) -> None:
        """Close it; another process may open it then."""
        self._connection.close()

    def _workloads(self, number: int) -> Iterator[tuple[str, Seen]]:
        for uid, kind, status, stage, *moments in self._connection.execute(
            "SELECT uid, type, status, stage, running_since, missing_since FROM workloads WHERE pool_id = ?",
            (number,),
        ):
            # The same few words for all of them.
            words = intern(kind), None if status is None else intern(status)
            yield uid, Seen(*words, Stage(stage), *moments)

    def _begin(self, key: PoolKey, memory: PoolHistory) -> int:
        """A pool without workloads, whatever was there of it before; its number."""
        self._connection.execute(f"DELETE FROM pools WHERE {_OF_POOL}", key)  # noqa: S608  (our own words)
        inserted = self._connection.execute(
            "INSERT INTO pools VALUES (NULL, ?, ?, ?, ?)", (*key, encoded(memory))
        )
        assert inserted.lastrowid is not None  # noqa: S101  (a row was inserted)
        return inserted.lastrowid

    def _write(self, number: int, workloads: Mapping[str, Seen]) -> None:
        rows = ((number, uid, *msgspec.structs.astuple(one)) for uid, one in workloads.items())
        self._connection.executemany("INSERT OR REPLACE INTO workloads VALUES (?, ?, ?, ?, ?, ?, ?)", rows)


def _open(path: Path, aside: Path) -> tuple[StateDb, dict[PoolKey, PoolHistory]]:
    connection = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
    try:
        _prepare(connection)
        file = StateDb(connection)
        pools, strange = file.load()
        if strange:
            file.set_aside(strange, aside)
    except BaseException as error:
        connection.close()
        meant = _meant(error, path)
        if meant is error:
            raise
        raise meant from error
    return file, pools


def _prepare(connection: sqlite3.Connection) -> None:
    """Lock it, see what it is, and make tables in an empty one."""
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    # Before anything is written: what is not ours is not touched.
    [application_id] = connection.execute("PRAGMA application_id").fetchone()
    [version] = connection.execute("PRAGMA user_version").fetchone()
    [tables] = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    empty = tables == 0 and application_id == 0
    if not empty and application_id != APPLICATION_ID:
        raise _Unusable("it is the database of another program")
    if not empty and version != VERSION:
        raise _Unusable(f"it has version {version}, and this exporter reads {VERSION}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("BEGIN EXCLUSIVE")
    if empty:
        for statement in _TABLES.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")
    with closing(connection.execute("PRAGMA quick_check(1)")) as check:
        [found] = check.fetchone()
    if found != "ok":
        raise _Unusable(f"it is damaged: {found}")


def _meant(error: BaseException, path: Path) -> BaseException:
    """What an error at opening means, as far as it says."""
    if not isinstance(error, sqlite3.Error):
        return error
    # The low byte says what happened, the others where; see sqlite.org/rescode.html.
    # Of text that is no UTF-8 Python itself complains, without a code.
    match getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            what = f"'{path}' is in use by another exporter; give each a file of its own"
            return ConfigurationError(Problem("state.path", what))
        case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_ERROR:
            return _Unusable(f"it is damaged, or no state file: {error}")
        case _:
            return error
