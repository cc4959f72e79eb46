"""The state file, which stores pool histories across restarts.

It is an SQLite database, which survives a kill at any time. Each poll of a pool is one transaction, so counts
and workloads always agree. In WAL mode, a commit is one write without a flush. A killed process loses
nothing; a power failure may lose the newest polls, each one as a whole.

`state_claim` keeps other exporters away. If the file can be locked as a whole, SQLite needs no shared memory
for it. If somebody reads it at the start, that is not possible; then they share it.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from sys import intern
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import structlog

from exporter.common.errors import InUse
from exporter.common.files import FileVersion, file_version
from exporter.lifecycle.codec import decode, encode
from exporter.lifecycle.state_claim import Claim
from exporter.lifecycle.state_file import Unusable, aside_path, closed_on_error, connect, real_path, set_aside
from exporter.lifecycle.transitions import Stage, WorkloadRecord
from exporter.snapshot.pool import PoolKey

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from exporter.lifecycle.pool_history import PoolHistory
    from exporter.lifecycle.transitions import Changes

log = structlog.get_logger(__name__)

_OF_POOL = "region = ? AND project_id = ? AND pool = ?"


class StateLost(Exception):
    """The file is not the one any more that was opened; the message is a clause that says why."""


class Share(NamedTuple):
    """Which pools an exporter counts: one shard's.

    Attributes:
        shard: its index, from 0.
        total: the number of shards.
    """

    shard: int = 0
    total: int = 1

    def __str__(self) -> str:
        return f"{self.shard} of {self.total}"


class Stored(NamedTuple):
    """What a state file holds.

    Attributes:
        pools: the histories.
        share: of the exporter that wrote them; None if the file does not say.
        doubt: why they may be older than what was shown last, as a clause; "" if they are not.
    """

    pools: dict[PoolKey, PoolHistory]
    share: Share | None
    doubt: str


class StateDb:
    """An open state file. Used by one thread at a time.

    Its methods raise sqlite3.Error or OSError if the disk fails; then the file is unchanged.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, claim: Claim) -> None:
        self._connection = connection
        self._path = path
        self._log_path = real_path(path, "-wal")
        self._claim = claim
        self._ids: dict[PoolKey, int] = {}
        self._versions: tuple[FileVersion | None, ...] = ()

    @classmethod
    def open(cls, path: Path, now: float, claim: Claim | None = None) -> tuple[StateDb, Stored]:
        """Open a state file, or create one. Returns what is in it too.

        A file with other content, or a damaged one, is renamed, and a new one is made. If only some pools
        cannot be read, the file is copied, and they are removed from it.

        Args:
            path: of the file.
            now: Unix seconds; becomes part of the name of a file that is set aside.
            claim: the right to write it; taken if not given.

        Raises:
            InUse: another process has it open.
            sqlite3.Error, OSError: the disk or the permissions do not allow it.
        """
        claim = claim or Claim.take(real_path(path))
        try:
            try:
                return cls._open(path, claim, now)
            except Unusable as error:
                renamed = set_aside(path, now)
                log.warning(
                    "the state file cannot be used and is renamed; counters start at 0",
                    path=str(path),
                    reason=str(error),
                    renamed_to=str(renamed),
                )
                return cls._open(path, claim, now)
        except InUse:
            claim.release()
            raise
        except BaseException:
            with suppress(OSError):
                claim.note("behind")  # what the exporter shows from now on is not in the file
            claim.release()
            raise

    @classmethod
    def _open(cls, path: Path, claim: Claim, now: float) -> tuple[StateDb, Stored]:
        connection = connect(path)
        with closed_on_error(connection, path):
            file = cls(connection, path, claim)
            loaded, unreadable = file.load()
            if unreadable:
                file.copy_aside(unreadable, aside_path(path, now))
            stored = file._take_over(loaded)
        file._versions = file._look()
        return file, stored

    def _take_over(self, pools: dict[PoolKey, PoolHistory]) -> Stored:
        """Sign the file as this exporter's."""
        [row] = self._connection.execute("SELECT * FROM owner").fetchall() or [(None, None, None)]
        token, *share = row
        stored = Stored(pools, None if None in share else Share(*share), self._claim.doubt(token))
        self._claim.note("running")
        with self._connection as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("DELETE FROM owner")
            connection.execute("INSERT INTO owner VALUES (?, ?, ?)", (self._claim.token, *share))
        return stored

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

    def copy_aside(self, unreadable: Mapping[PoolKey, Exception], aside: Path) -> None:
        """Copy the file, then remove the pools that cannot be read."""
        self._connection.execute("VACUUM INTO ?", (str(aside),))
        for key, error in unreadable.items():
            self._delete(key)
            log.warning(
                "a pool in the state file cannot be read; its counters start at 0",
                **key._asdict(),
                reason=str(error),
                copied_to=str(aside),
            )

    def check(self) -> None:
        """Check that the file is still there, and as the last write left it.

        SQLite itself would go on in a deleted file without an error.

        Raises:
            StateLost: it is not.
            OSError: the next start could not open it.
        """
        for path, mode in (
            (self._path, os.R_OK | os.W_OK),
            (real_path(self._path).parent, os.W_OK | os.X_OK),
        ):
            if path.exists() and not os.access(path, mode):
                raise PermissionError(f"'{path}' may not be written any more")
        database, journal = self._look()
        if database is None:
            raise StateLost("it was deleted, or its folder was")
        if (database, journal) != self._versions:
            raise StateLost("it was replaced, or another program wrote to it")
        if not self._claim.held:
            raise StateLost(f"'{real_path(self._path, '.lock')}' was deleted or replaced")

    def save(self, key: PoolKey, history: PoolHistory, changes: Changes | None) -> None:
        """Write what is remembered of a pool.

        Args:
            key: the pool.
            history: all of it.
            changes: what has changed since the last time, to write only that; None to write everything.
        """
        number = self._ids.get(key)
        with self._writing():
            if changes is None or number is None:
                number = self._insert(key, history)
                self._write(number, history.workloads)
            else:
                self._connection.execute(
                    "UPDATE pools SET memory = ? WHERE id = ?", (encode(history), number)
                )
                self._write(number, changes.changed)
                forgotten = ((number, uid) for uid in changes.forgotten)
                self._connection.executemany("DELETE FROM workloads WHERE pool_id = ? AND uid = ?", forgotten)
        self._ids[key] = number

    def save_share(self, share: Share) -> None:
        """Write whose pools are in the file."""
        with self._writing():
            self._connection.execute("UPDATE owner SET shard_index = ?, shard_total = ?", share)

    def remove(self, key: PoolKey) -> None:
        """Remove a pool with all its workloads."""
        with self._writing():
            self._delete(key)

    def note(self, *, whole: bool) -> None:
        """Note for the next start whether everything that is shown is in the file."""
        with suppress(OSError):  # then the note stays: "behind" is on the safe side
            self._claim.note("running" if whole else "behind")

    def abandon(self, now: float) -> Claim:
        """Rename whatever is in the place of a lost file, and close it. Returns the right to write a new one.

        Args:
            now: Unix seconds; becomes part of the new name.

        Raises:
            InUse: another exporter has the new file.
            OSError: the folder does not allow it.
        """
        claim = self._claim if self._claim.held else Claim.take(real_path(self._path))
        # Renamed first: SQLite finds its file moved then, and closes it without writing to what is there.
        renamed = set_aside(self._path, now)
        self._connection.close()
        if claim is not self._claim:
            self._claim.release()
        if renamed:
            log.warning("what was found in place of the state file is renamed", renamed_to=str(renamed))
        return claim

    def close(self, *, whole: bool = True) -> None:
        """Close the file; then another process may open it.

        Args:
            whole: whether everything that was shown is in the file.
        """
        try:
            self._connection.close()
            with suppress(OSError):
                self._claim.note("closed" if whole else "behind")
        finally:
            self._claim.release()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction. Whatever becomes of it, the files are afterwards as this exporter left them."""
        self.check()
        try:
            with self._connection as connection:
                connection.execute("BEGIN IMMEDIATE")
                yield
        finally:
            self._versions = self._look()

    def _look(self) -> tuple[FileVersion | None, FileVersion | None]:
        return file_version(self._path), file_version(self._log_path)

    def _delete(self, key: PoolKey) -> None:
        self._connection.execute(f"DELETE FROM pools WHERE {_OF_POOL}", key)  # noqa: S608  (a constant of ours)
        self._ids.pop(key, None)

    def _workloads(self, number: int) -> Iterator[tuple[str, WorkloadRecord]]:
        for uid, kind, status, stage, *moments in self._connection.execute(
            "SELECT uid, type, status, stage, running_since, missing_since, ran FROM workloads "
            "WHERE pool_id = ?",
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
        self._connection.executemany("INSERT OR REPLACE INTO workloads VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
