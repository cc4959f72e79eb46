"""Opens the SQLite file of a state: its lock, its version, its tables, and the names beside it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.common.errors import InUse, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

APPLICATION_ID = 0x4D41_5846  # "MAXF", in the file's header
VERSION = 2
"""Of the tables below and of the JSON of `codec`. Version 1 is converted; any other file is set aside."""

_LOCK_TIMEOUT = 2.0
"""Seconds to wait at the start for another program to release the file."""

_BUSY_TIMEOUT_MS = 200
"""The same for a write, which the polls of all pools wait for."""

_PARTS = ("", "-wal", "-journal")
"""Suffixes of the files that belong together. SQLite removes its own file `-shm` itself."""

_OWNER = "CREATE TABLE owner (token TEXT, shard_index INTEGER, shard_total INTEGER)"

_TABLES = f"""
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
    ran REAL NOT NULL DEFAULT 0,
    PRIMARY KEY (pool_id, uid)
) WITHOUT ROWID;
{_OWNER}
"""

_CONVERSION = f"""
ALTER TABLE workloads ADD COLUMN ran REAL NOT NULL DEFAULT 0;
{_OWNER}
"""
"""From version 1."""


class Unusable(Exception):
    """The file does not hold this exporter's state; the message is a clause that says why."""


def set_aside(path: Path, now: float) -> Path | None:
    """Rename a state file with what belongs to it. Returns the new path; None if there is nothing.

    Args:
        path: of the file.
        now: Unix seconds; becomes part of the new name.

    Raises:
        OSError: the folder does not allow it.
    """
    aside = aside_path(path, now)
    parts = [suffix for suffix in _PARTS if real_path(path, suffix).exists()]
    for suffix in parts:
        real_path(path, suffix).rename(aside.with_name(aside.name + suffix))
    return aside if parts else None


def aside_path(path: Path, now: float) -> Path:
    """A path beside the file where nothing is yet."""
    real = real_path(path)
    names = (f"{real.name}.set-aside-{int(now)}{f'-{n}' if n else ''}" for n in count())
    return next(aside for name in names if not (aside := real.with_name(name)).exists())


def real_path(path: Path, suffix: str = "") -> Path:
    """The file behind a link, or one beside it: SQLite puts its own files there."""
    real = Path(os.path.realpath(path))
    return real.with_name(real.name + suffix)


def connect(path: Path) -> sqlite3.Connection:
    """Open the file for this process alone, or if somebody reads it, together with them."""
    try:
        return _connect_with(path, "EXCLUSIVE")
    except InUse:
        return _connect_with(path, "NORMAL")


def _connect_with(path: Path, locking: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_LOCK_TIMEOUT, isolation_level=None, check_same_thread=False)
    with closed_on_error(connection, path):
        _prepare(connection, locking)
    return connection


@contextmanager
def closed_on_error(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    """If the block fails, close the connection, and raise what the error means (`translated`)."""
    try:
        yield
    except BaseException as error:
        connection.close()
        clearer = translated(error, path)
        if clearer is error:
            raise
        raise clearer from error


def _prepare(connection: sqlite3.Connection, locking: str) -> None:
    """Lock the file, check what it is, and make the tables if it is empty or of the version before."""
    connection.execute(f"PRAGMA locking_mode = {locking}")
    # Checked before anything is written: a file of another program is not touched.
    [application_id] = connection.execute("PRAGMA application_id").fetchone()
    [version] = connection.execute("PRAGMA user_version").fetchone()
    [tables] = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    empty = tables == 0 and application_id == 0
    if not empty and application_id != APPLICATION_ID:
        raise Unusable("it is the database of another program")
    if not empty and version not in {1, VERSION}:
        raise Unusable(f"it has version {version}, and this exporter reads {VERSION} and 1")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("BEGIN EXCLUSIVE")
    if empty or version != VERSION:
        for statement in (_TABLES if empty else _CONVERSION).split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
    with closing(connection.execute("PRAGMA quick_check(1)")) as check:
        [found] = check.fetchone()
    if found != "ok":
        raise Unusable(f"it is damaged: {found}")


def translated(error: BaseException, path: Path) -> BaseException:
    """The error as one that says what is wrong; the error itself if its cause is not known."""
    if not isinstance(error, sqlite3.Error):
        return error
    # The low byte is the primary result code, see sqlite.org/rescode.html. For text that is not UTF-8 Python
    # itself raises the error, without a code.
    match getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            what = f"'{path}' is locked by another program; end that program"
            return InUse(Problem("state.path", what))
        case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_ERROR:
            return Unusable(f"it is damaged, or no state file: {error}")
        case _:
            return error
