"""The state file, which stores pool histories across restarts.

It is an SQLite database, which survives a kill at any time. Each poll of a pool is one transaction, so counts
and workloads always agree. In WAL mode, a commit is one write without a flush. A killed process loses
nothing; a power failure may lose the newest polls, each one as a whole. The file is locked while the process
runs.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from sys import intern
from typing import TYPE_CHECKING

import msgspec
import structlog

from exporter.common.errors import ConfigurationError, Problem
from exporter.lifecycle.codec import decode, encode
from exporter.lifecycle.transitions import Stage, WorkloadRecord
from exporter.snapshot.pool import PoolKey

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from exporter.lifecycle.pool_history import PoolHistory
    from exporter.lifecycle.transitions import Changes

log = structlog.get_logger(__name__)

APPLICATION_ID = 0x4D41_5846  # "MAXF", in the file's header
VERSION = 1
"""Of the tables below and of the JSON of `codec`; a file of another version is set aside."""

_LOCK_TIMEOUT = 2.0
"""Seconds to wait for another exporter to release the file."""

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
    """The file does not hold this exporter's state; the message is a clause that says why."""


class StateDb:
    """An open state file. Used by one thread at a time.

    Its methods raise sqlite3.Error if the disk fails; then the file is unchanged.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._ids: dict[PoolKey, int] = {}

    @classmethod
    def open(cls, path: Path, now: float) -> tuple[StateDb, dict[PoolKey, PoolHistory]]:
        """Open a state file, or create one. Returns the pools in it too.

        A file with other content, or a damaged one, is renamed, and a new one is made. If only some pools
        cannot be read, the file is copied, and they are removed from it.

        Args:
            path: of the file.
            now: Unix seconds; becomes part of the name of a file that is set aside.

        Raises:
            ConfigurationError: another process has it open.
            sqlite3.Error, OSError: the disk or the permissions do not allow it.
        """
        aside = path.with_name(f"{path.name}.set-aside-{int(now)}")
        try:
            return _open(path, aside)
        except _Unusable as error:
            for suffix in ("", "-wal", "-journal"):  # SQLite's own files beside it
                if (part := path.with_name(path.name + suffix)).exists():
                    part.rename(aside.with_name(aside.name + suffix))
            log.warning(
                "the state file cannot be used and is renamed; counters start at 0",
                path=str(path),
                reason=str(error),
                renamed_to=str(aside),
            )
            return _open(path, aside)

    def load(self) -> tuple[dict[PoolKey, PoolHistory], dict[PoolKey, Exception]]:
        """Load every pool; returns the histories, and the errors of the pools that cannot be read."""
        loaded: dict[PoolKey, PoolHistory] = {}
        unreadable: dict[PoolKey, Exception] = {}
        for number, *names, stored in self._connection.execute(
            "SELECT id, region, project_id, pool, memory FROM pools"
        ).fetchall():
            key = PoolKey(*names)
            try:
                history = decode(stored)
                history.workloads.update(self._workloads(number))
            except (msgspec.MsgspecError, ValueError, TypeError) as error:
                unreadable[key] = error
            else:
                loaded[key] = history
                self._ids[key] = number
        return loaded, unreadable

    def set_aside(self, unreadable: Mapping[PoolKey, Exception], aside: Path) -> None:
        """Copy the file, then remove the pools that cannot be read."""
        self._connection.execute("VACUUM INTO ?", (str(aside),))
        for key, error in unreadable.items():
            self.remove(key)
            log.warning(
                "a pool in the state file cannot be read; its counters start at 0",
                **key._asdict(),
                reason=str(error),
                copied_to=str(aside),
            )

    def save(self, key: PoolKey, history: PoolHistory, changes: Changes | None) -> None:
        """Write what is remembered of a pool.

        Args:
            key: the pool.
            history: all of it.
            changes: what has changed since the last time, to write only that; None to write everything.
        """
        with self._connection as connection:
            connection.execute("BEGIN IMMEDIATE")
            if changes is None:
                number = self._insert(key, history)
                self._write(number, history.workloads)
            else:
                number = self._ids[key]
                connection.execute("UPDATE pools SET memory = ? WHERE id = ?", (encode(history), number))
                self._write(number, changes.changed)
                forgotten = ((number, uid) for uid in changes.forgotten)
                connection.executemany("DELETE FROM workloads WHERE pool_id = ? AND uid = ?", forgotten)
        self._ids[key] = number

    def remove(self, key: PoolKey) -> None:
        """Remove a pool with all its workloads."""
        with self._connection as connection:
            connection.execute(f"DELETE FROM pools WHERE {_OF_POOL}", key)  # noqa: S608  (a constant of ours)
        self._ids.pop(key, None)

    def close(self) -> None:
        """Close the file; then another process may open it."""
        self._connection.close()

    def _workloads(self, number: int) -> Iterator[tuple[str, WorkloadRecord]]:
        for uid, kind, status, stage, *moments in self._connection.execute(
            "SELECT uid, type, status, stage, running_since, missing_since FROM workloads WHERE pool_id = ?",
            (number,),
        ):
            # One copy of each word for all records.
            words = intern(kind), None if status is None else intern(status)
            yield uid, WorkloadRecord(*words, Stage(stage), *moments)

    def _insert(self, key: PoolKey, history: PoolHistory) -> int:
        """Insert a pool without workloads, in place of what was there; returns its number."""
        self._connection.execute(f"DELETE FROM pools WHERE {_OF_POOL}", key)  # noqa: S608  (a constant of ours)
        inserted = self._connection.execute(
            "INSERT INTO pools VALUES (NULL, ?, ?, ?, ?)", (*key, encode(history))
        )
        assert inserted.lastrowid is not None  # noqa: S101  (a row was inserted)
        return inserted.lastrowid

    def _write(self, number: int, workloads: Mapping[str, WorkloadRecord]) -> None:
        rows = ((number, uid, *msgspec.structs.astuple(record)) for uid, record in workloads.items())
        self._connection.executemany("INSERT OR REPLACE INTO workloads VALUES (?, ?, ?, ?, ?, ?, ?)", rows)


def _open(path: Path, aside: Path) -> tuple[StateDb, dict[PoolKey, PoolHistory]]:
    connection = sqlite3.connect(path, timeout=_LOCK_TIMEOUT, isolation_level=None, check_same_thread=False)
    try:
        _prepare(connection)
        file = StateDb(connection)
        pools, unreadable = file.load()
        if unreadable:
            file.set_aside(unreadable, aside)
    except BaseException as error:
        connection.close()
        translated = _translated(error, path)
        if translated is error:
            raise
        raise translated from error
    return file, pools


def _prepare(connection: sqlite3.Connection) -> None:
    """Lock the file, check what it is, and make the tables if it is empty."""
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    # Checked before anything is written: a file of another program is not touched.
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


def _translated(error: BaseException, path: Path) -> BaseException:
    """The error as one that says what is wrong; the error itself if its cause is not known."""
    if not isinstance(error, sqlite3.Error):
        return error
    # The low byte is the primary result code, see sqlite.org/rescode.html. For text that is not UTF-8 Python
    # itself raises the error, without a code.
    match getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            what = f"'{path}' is in use by another exporter; give each a file of its own"
            return ConfigurationError(Problem("state.path", what))
        case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_ERROR:
            return _Unusable(f"it is damaged, or no state file: {error}")
        case _:
            return error
