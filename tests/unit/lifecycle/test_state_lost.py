"""A state file that others delete, replace, change, lock or give back while an exporter writes to it."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs
from support.fakes import FakeClock, fake_context

from exporter.common.errors import InUse
from exporter.lifecycle import state_claim
from exporter.lifecycle.state_claim import Claim
from exporter.lifecycle.state_db import StateDb
from exporter.lifecycle.tracker import Tracker
from exporter.snapshot.pool import Listing, PoolKey
from exporter.snapshot.workload import Workload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

A, B = PoolKey("r", "p", "pool-a"), PoolKey("r", "p", "pool-b")
RETRY = 15.0


def queue(*uids: str) -> Listing:
    return Listing(tuple(Workload(uid=uid, type="train", status="Queue") for uid in uids))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir()
    return folder / "state.db"


class Exporter:
    """One process, from start to end, on a clock of its own."""

    def __init__(self, path: Path, clock: FakeClock | None = None) -> None:
        self.clock = clock or FakeClock()
        self.context = fake_context(self.clock)
        self.tracker = Tracker(self.context)
        self.path = path

    def runs(self, *share: Any) -> AbstractContextManager[None]:
        return self.tracker.persist_in(self.path, *share)

    def polls(self, key: PoolKey, *uids: str) -> int:
        """Lists these workloads; returns how many were created so far."""
        self.clock.advance(1.0)
        listed = self.tracker.record(key, queue(*uids), self.clock.wall())
        return asyncio.run(listed).throughput.created[("train",)]

    def created(self, key: PoolKey) -> int | None:
        counted = self.tracker.throughput(key)
        return counted.created[("train",)] if counted else None

    def writes(self, outcome: str) -> float | None:
        name = "modelarts_exporter_state_writes_total"
        return self.context.self_metrics.registry.get_sample_value(name, {"outcome": outcome})


def restarted(path: Path, *share: Any, clock: FakeClock | None = None) -> dict[str, int | None]:
    """What an exporter knows that starts with this file."""
    after = Exporter(path, clock)
    with after.runs(*share):
        return {key.pool: after.created(key) for key in sorted(after.tracker.pools)}


def deleted(path: Path) -> None:
    path.unlink()


def deleted_with_all_that_belongs_to_it(path: Path) -> None:
    for part in path.parent.iterdir():
        part.unlink()


def its_folder_deleted(path: Path) -> None:
    shutil.rmtree(path.parent)
    path.parent.mkdir()


def its_log_deleted(path: Path) -> None:
    Path(f"{path}-wal").unlink()


def its_log_emptied(path: Path) -> None:
    os.truncate(f"{path}-wal", 0)


def its_lock_deleted(path: Path) -> None:
    Path(f"{path}.lock").unlink()


def cut(path: Path) -> None:
    os.truncate(path, 100)


def emptied(path: Path) -> None:
    os.truncate(path, 0)


def replaced_by_a_backup(path: Path) -> None:
    backup(path).rename(path)


def overwritten_by_a_backup(path: Path) -> None:
    path.write_bytes(backup(path).read_bytes())


def replaced_with_its_log(path: Path) -> None:
    """By a whole other state, whose log is not in it yet."""
    other = path.parent / "other"
    held, _ = StateDb.open(other, 0.0)
    for suffix in ("", "-wal"):
        shutil.copy(f"{other}{suffix}", f"{path}{suffix}.new")
        os.replace(f"{path}{suffix}.new", f"{path}{suffix}")  # noqa: PTH105  (as mv does)
    held.close()


def notes(path: Path) -> None:
    path.unlink()
    path.write_text("somebody's notes")


def backup(path: Path) -> Path:
    """An older state."""
    old = path.parent / "backup"
    older = Exporter(old)
    with older.runs():
        older.polls(A)
    return old


@pytest.mark.parametrize(
    "happens",
    [
        deleted,
        deleted_with_all_that_belongs_to_it,
        its_folder_deleted,
        its_log_deleted,
        its_log_emptied,
        its_lock_deleted,
        cut,
        emptied,
        replaced_by_a_backup,
        overwritten_by_a_backup,
        replaced_with_its_log,
        notes,
    ],
)
@pytest.mark.parametrize("noticed", ["by a write", "at the end"])
def test_a_lost_file_is_made_anew(path: Path, happens: Callable[[Path], None], noticed: str) -> None:
    """One failed write, one error, and everything is in a new file: also what had not changed since."""
    exporter = Exporter(path)
    with capture_logs() as logs, exporter.runs():
        for key in (A, B):
            exporter.polls(key)
            exporter.polls(key, "a")
        happens(path)
        if noticed == "by a write":
            assert exporter.polls(A, "a", "b") == 2
            assert exporter.writes("failed") == 1
            assert exporter.polls(A, "a", "b", "c") == 3
            assert exporter.writes("failed") == 1
    assert [line["log_level"] for line in logs if line["log_level"] != "warning"] == ["error", "info"]
    assert restarted(path) == {"pool-a": 3 if noticed == "by a write" else 1, "pool-b": 1}


def test_what_others_have_put_there_is_kept(path: Path) -> None:
    """It is renamed as it is, with its log; the exporter's own old file is not mixed into it."""
    exporter = Exporter(path)
    with exporter.runs():
        exporter.polls(A, "a")
        overwritten_by_a_backup(path)
        before = path.read_bytes()
        exporter.polls(A, "a")
    [aside] = path.parent.glob("state.db.set-aside-*[0-9]")
    assert aside.read_bytes() == before
    assert Path(f"{aside}-wal").exists()


def test_two_files_that_are_set_aside_in_a_second_are_both_kept(path: Path) -> None:
    """No name is used twice."""
    for content in ("first", "second"):
        path.write_text(content)
        restarted(path)
        for part in path.parent.glob("state.db*"):
            if "set-aside" not in part.name:
                part.unlink()
    assert {aside.read_text() for aside in path.parent.glob("*set-aside*")} == {"first", "second"}


def test_a_folder_that_is_gone_is_tried_now_and_then(path: Path) -> None:
    """Every write fails meanwhile, one error is logged, and everything is written once it is back."""
    exporter = Exporter(path)
    with capture_logs() as logs, exporter.runs():
        exporter.polls(A)
        shutil.rmtree(path.parent)
        for index in range(5):
            assert exporter.polls(A, *map(str, range(index))) == index
        assert exporter.writes("failed") == 5
        path.parent.mkdir()
        exporter.clock.advance(RETRY)
        exporter.polls(A, *map(str, range(5)))
        assert exporter.writes("failed") == 5
    assert [line["log_level"] for line in logs if line["event"] != "the state file cannot be made anew"] == [
        "error",
        "info",
    ]
    assert restarted(path) == {"pool-a": 5}


def test_a_file_that_could_not_be_opened_is_not_overwritten_later(path: Path) -> None:
    """Its volume was mounted late: counting has begun at 0, and the old state is kept beside the new one."""
    old = Exporter(path)
    with old.runs():
        old.polls(A)
        old.polls(A, "a", "b")
    hidden = path.parent.rename(path.parent.with_name("hidden"))
    exporter = Exporter(path)
    with exporter.runs():
        exporter.polls(A)
        hidden.rename(path.parent)
        exporter.clock.advance(RETRY)
        exporter.polls(A, "c")
    assert restarted(path) == {"pool-a": 1}
    [aside] = path.parent.glob("state.db.set-aside-*[0-9]")
    assert restarted(aside) == {"pool-a": 2}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may do everything")
def test_a_file_that_the_next_start_could_not_open_is_a_failed_write(path: Path) -> None:
    """Its mode has changed: SQLite would go on writing. With the old mode, it goes on where it was."""
    exporter = Exporter(path)
    with exporter.runs():
        exporter.polls(A)
        path.chmod(0)
        exporter.polls(A, "a")
        assert exporter.writes("failed") == 1
        path.chmod(0o600)
        exporter.polls(A, "a", "b")
        assert exporter.writes("failed") == 1
    assert restarted(path) == {"pool-a": 2}
    assert not list(path.parent.glob("*set-aside*"))


def test_a_file_that_another_exporter_has_taken_over_is_left_alone(path: Path) -> None:
    """Somebody deletes the files and starts a second exporter: the first one writes nothing into its file."""
    first, second = Exporter(path), Exporter(path)
    with first.runs():
        first.polls(A)
        deleted_with_all_that_belongs_to_it(path)
        with second.runs():
            second.polls(B)
            for _ in range(3):
                first.clock.advance(RETRY)
                first.polls(A, "a")
                assert second.polls(B, "b") == 1
            assert first.writes("failed") == 3
            assert second.writes("failed") == 0


@pytest.fixture
def reader(path: Path) -> Iterator[sqlite3.Connection]:
    """Somebody who has a state file open, and has read in it."""
    earlier = Exporter(path)
    with earlier.runs():
        earlier.polls(A)
        earlier.polls(A, "a")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        assert connection.execute("SELECT count(*) FROM pools").fetchone() == (1,)
        yield connection


def test_a_reader_at_the_start_is_no_other_exporter(path: Path, reader: sqlite3.Connection) -> None:
    """Counting continues, and every write succeeds beside the reader, who sees what was when it began."""
    exporter = Exporter(path)
    with exporter.runs():
        assert exporter.polls(A, "a", "b") == 2
        assert exporter.writes("failed") == 0
        assert reader.execute("SELECT count(*) FROM workloads").fetchone() == (1,)
        reader.execute("COMMIT")
        assert reader.execute("SELECT count(*) FROM workloads").fetchone() == (2,)
        with pytest.raises(InUse, match="is in use by another exporter"):
            StateDb.open(path, 0.0)
    assert restarted(path) == {"pool-a": 2}


WRITER = """
import sqlite3, sys

connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA locking_mode = EXCLUSIVE")
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


async def test_another_program_that_writes_is_not_called_an_exporter(path: Path) -> None:
    """It is no bad configuration either: a later start succeeds."""
    restart = Exporter(path)
    with restart.runs():
        pass
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, str(path), stdin=-1, stdout=-1
    )
    assert holder.stdout is not None
    assert await holder.stdout.readline() == b"held\n"
    with pytest.raises(InUse) as refused:
        StateDb.open(path, 0.0)
    assert str(refused.value) == f"state.path: '{path}' is locked by another program; end that program"
    holder.kill()
    await holder.communicate()
    file, _ = StateDb.open(path, 0.0)
    file.close()


def test_a_link_is_followed(path: Path, tmp_path: Path) -> None:
    """What belongs to the file is beside the file itself, so two links to it are one file."""
    link = tmp_path / "link.db"
    link.symlink_to(path)
    exporter = Exporter(link)
    with exporter.runs():
        exporter.polls(A)
        with pytest.raises(InUse):
            StateDb.open(path, 0.0)
        exporter.polls(A, "a")
        path.unlink()
        exporter.polls(A, "a")
    assert link.is_symlink()
    assert restarted(path) == {"pool-a": 1}


def interrupted(path: Path) -> None:
    """The exporter is killed: what it has written is copied away while it runs."""
    exporter = Exporter(path)
    with exporter.runs():
        exporter.polls(A)
        exporter.polls(A, "a", "b", "c")
        copy = path.with_name("killed")
        copy.mkdir()
        for part in path.parent.glob("state.db*"):
            shutil.copy(part, copy)
    for part in copy.iterdir():
        part.rename(path.parent / part.name)


def test_a_kill_costs_no_counter(path: Path) -> None:
    """Everything that was shown is in the file."""
    interrupted(path)
    assert restarted(path) == {"pool-a": 3}


def test_a_state_that_a_power_failure_may_have_put_back_is_not_continued(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prometheus would add all of a counter that falls, and what was shown would be counted again."""
    interrupted(path)
    monkeypatch.setattr(state_claim, "_boot", lambda: "another")
    exporter = Exporter(path)
    with capture_logs() as logs, exporter.runs():
        assert exporter.polls(A, "a", "b", "c", "d") == 0
    assert [line["log_level"] for line in logs] == ["warning"]
    again = Exporter(path)
    with again.runs():
        assert again.polls(A, "a", "b", "c", "d", "e") == 1


def test_a_restored_backup_is_not_continued(path: Path) -> None:
    """It is older than what was shown last."""
    exporter = Exporter(path)
    with exporter.runs():
        exporter.polls(A)
        exporter.polls(A, "a")
    kept = path.read_bytes()
    assert restarted(path) == {"pool-a": 1}
    path.write_bytes(kept)
    assert restarted(path) == {}
    assert restarted(path) == {}


def test_a_closed_file_is_continued_after_a_reboot(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is shut down properly loses nothing."""
    exporter = Exporter(path)
    with exporter.runs():
        exporter.polls(A)
        exporter.polls(A, "a")
    monkeypatch.setattr(state_claim, "_boot", lambda: "another")
    assert restarted(path) == {"pool-a": 1}


def test_a_state_after_failed_writes_is_not_continued(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk was full to the end: the file has older counts than those that were shown."""
    exporter = Exporter(path)
    with monkeypatch.context() as broken, exporter.runs():
        exporter.polls(A)
        exporter.polls(A, "a")

        def full(*_: object) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        broken.setattr(StateDb, "_write", full)
        assert exporter.polls(A, "a", "b") == 2
    assert restarted(path) == {}


def test_a_state_is_not_continued_after_a_run_without_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It could not be opened for once: what that run has counted would be counted again."""
    exporter = Exporter(path)
    with exporter.runs():
        exporter.polls(A)
        exporter.polls(A, "a")

    def broken(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patched:
        patched.setattr("exporter.lifecycle.state_db.connect", broken)
        assert restarted(path) == {}
    assert restarted(path) == {}


def test_room_at_the_end_is_enough(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be written before is written when the exporter stops."""
    exporter = Exporter(path)
    with exporter.runs():
        exporter.polls(A)
        with monkeypatch.context() as broken:
            broken.setattr(StateDb, "_write", lambda *_: 1 / 0)
            broken.setattr("exporter.lifecycle.persistence._FAILURES", (ZeroDivisionError,))
            exporter.polls(A, "a", "b")
    assert restarted(path) == {"pool-a": 2}


def test_a_file_of_another_share_is_another_beginning(path: Path) -> None:
    """Other shards count its pools by now. A reload that changes the share is noted in the file."""
    exporter = Exporter(path)
    with exporter.runs((1, 2)):
        exporter.polls(A)
        exporter.polls(A, "a")
    assert restarted(path, (1, 2)) == {"pool-a": 1}
    assert restarted(path, (1, 3)) == {}
    assert restarted(path, (1, 3)) == {}
    reloaded = Exporter(path)
    with reloaded.runs((1, 3)):
        reloaded.polls(A)
        reloaded.tracker.keep_share(0, 1)
        reloaded.polls(A, "a")
    assert restarted(path, (0, 1)) == {"pool-a": 1}


@pytest.mark.parametrize(("total", "continued"), [(1, True), (2, False)])
def test_a_shard_that_comes_back_late_counts_nothing_twice(path: Path, total: int, continued: bool) -> None:
    """It was scaled away, and its pools were watched by others; a single exporter always continues."""
    exporter = Exporter(path)
    with exporter.runs((0, total), 300.0):
        exporter.polls(A)
        exporter.polls(A, "a")
    exporter.clock.advance(290.0)
    assert restarted(path, (0, total), 300.0, clock=exporter.clock) == {"pool-a": 1}
    exporter.clock.advance(20.0)
    late = Exporter(path, exporter.clock)
    with late.runs((0, total), 300.0):
        assert late.polls(A, "a", "b", "c") == (3 if continued else 0)
        assert late.polls(A, "a", "b", "c", "d") == (4 if continued else 1)


def test_a_file_system_without_locks_keeps_no_state(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One error with the reason, and polling goes on."""

    def unsupported(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", unsupported)
    with pytest.raises(OSError, match="No locks available"):
        Claim.take(path)
    exporter = Exporter(path)
    with capture_logs() as logs, exporter.runs():
        exporter.polls(A)
    assert [line["log_level"] for line in logs] == ["error"]
