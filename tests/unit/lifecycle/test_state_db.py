"""What is remembered, kept over restarts: taken up exactly, whatever happened to the process or the file."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs
from support.fakes import fake_context

from exporter.common.errors import InUse
from exporter.lifecycle.codec import encode
from exporter.lifecycle.pool_history import ALL_ARE_NEW, PoolHistory
from exporter.lifecycle.state_db import StateDb
from exporter.lifecycle.state_file import APPLICATION_ID, VERSION
from exporter.lifecycle.tracker import Tracker
from exporter.self_metrics import SelfMetrics
from exporter.snapshot.pool import Listing, PoolKey
from exporter.snapshot.workload import STATUSES, Workload

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from exporter.snapshot.counters import Throughput

HEADER = 100
"""Bytes at the head of an SQLite file; they tell the mode of its journal, which is set in files of ours."""

KEY, OTHER = PoolKey("r", "p", "pool-a"), PoolKey("r", "p", "pool-b")


def job(uid: str, status: str) -> Workload:
    return Workload(
        uid=uid, type="train", status=status, priority="1", pending=90.0, running=30.0, position=1
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


class Exporter:
    """What of an exporter outlives polls; each use of `polls` is one process from start to end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.self_metrics = SelfMetrics()

    def polls(self, *listings: Listing, key: PoolKey = KEY, start: float = 0.0) -> Throughput | None:
        tracker = Tracker(fake_context(self_metrics=self.self_metrics))
        with tracker.persist_in(self.path):
            for index, listing in enumerate(listings):
                asyncio.run(tracker.record(key, listing, start + 60.0 * index))
            return tracker.throughput(key)

    def writes(self, outcome: str) -> float | None:
        name = "modelarts_exporter_state_writes_total"
        return self.self_metrics.registry.get_sample_value(name, {"outcome": outcome})


LISTINGS = st.lists(
    st.builds(
        Listing,
        st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(STATUSES)).map(
            lambda listed: tuple(job(uid, status) for uid, status in listed.items())
        ),
        st.booleans(),
    ),
    max_size=10,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(listings=LISTINGS, restarts=st.sets(st.integers(0, 9)))
def test_a_restart_loses_nothing_and_counts_nothing_twice(
    path: Path, listings: list[Listing], restarts: set[int]
) -> None:
    """Whatever is listed, and wherever the process ends: everything is as if it had never ended."""
    path.unlink(missing_ok=True)
    memory = PoolHistory()
    file, _ = StateDb.open(path, 0.0)
    news = None
    through = PoolHistory()
    for index, listing in enumerate(listings):
        through.update(listing, 60.0 * index)
        found = memory.update(listing, 60.0 * index)
        file.save(KEY, memory, found if news else None)
        news = True
        if index in restarts:
            file.close()
            file, stored = StateDb.open(path, 0.0)
            memory = stored.pools[KEY]
    assert memory == through
    file.close()


def test_pools_are_kept_apart_and_forgotten(path: Path) -> None:
    """A pool that is not watched any more leaves nothing in the file."""
    exporter = Exporter(path)
    exporter.polls(Listing(()), Listing((job("a", "Queue"),)), key=OTHER)
    exporter.polls(Listing(()), Listing((job("a", "Running"),)))
    tracker = Tracker(fake_context())
    with tracker.persist_in(path):
        assert set(tracker.pools) == {KEY, OTHER}
        tracker.forget(OTHER)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT pool FROM pools").fetchall() == [("pool-a",)]
        assert connection.execute("SELECT count(*) FROM workloads").fetchone() == (1,)
    connection.close()


def test_nothing_is_kept_without_a_path() -> None:
    """Off by default: no file, no write, no failure."""
    tracker = Tracker(context := fake_context())
    with tracker.persist_in(None):
        asyncio.run(tracker.record(KEY, Listing(()), 0.0))
    for outcome in ("ok", "failed"):
        name = "modelarts_exporter_state_writes_total"
        assert context.self_metrics.registry.get_sample_value(name, {"outcome": outcome}) == 0


def garbage(path: Path) -> None:
    path.write_bytes(b"not a database, but somebody's notes\n" * 100)


def cut(path: Path) -> None:
    Exporter(path).polls(Listing(tuple(job(f"u{index}", "Queue") for index in range(500))))
    path.write_bytes(path.read_bytes()[:20_000])


def of_another_program(path: Path) -> None:
    altered(path, "CREATE TABLE precious (content)")


def of_a_later_version(path: Path) -> None:
    Exporter(path).polls(Listing(()))
    altered(path, f"PRAGMA user_version = {VERSION + 1}")


def without_its_tables(path: Path) -> None:
    altered(path, f"PRAGMA application_id = {APPLICATION_ID}")
    altered(path, f"PRAGMA user_version = {VERSION}")


def with_text_that_is_none(path: Path) -> None:
    Exporter(path).polls(Listing((job("u", "Queue"),)))
    altered(path, "UPDATE workloads SET type = CAST(x'ff' AS TEXT)")


def altered(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    "spoil",
    [
        garbage,
        cut,
        of_another_program,
        of_a_later_version,
        without_its_tables,
        with_text_that_is_none,
    ],
)
def test_what_is_no_state_is_set_aside(path: Path, spoil: Callable[[Path], None]) -> None:
    """It is renamed, a warning says where to, and a new file is begun; what is not ours is not touched."""
    spoil(path)
    before = path.read_bytes()
    exporter = Exporter(path)
    with capture_logs() as logs:
        exporter.polls(Listing(()), Listing((job("a", "Queue"),)))
    [warning] = logs
    assert warning["log_level"] == "warning"
    aside = path.with_name("state.db.set-aside-1700000000")
    assert warning["renamed_to"] == str(aside)
    assert aside.read_bytes()[HEADER:] == before[HEADER:]
    if spoil in {garbage, of_another_program}:
        assert aside.read_bytes() == before
    passed = exporter.polls()
    assert passed is not None
    assert passed.created[("train",)] == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE pools SET memory = '{}' WHERE pool = 'pool-a'",
        "UPDATE pools SET memory = replace(CAST(memory AS TEXT), '[0,', '[') WHERE pool = 'pool-a'",
        "UPDATE workloads SET stage = 9 WHERE pool_id = (SELECT id FROM pools WHERE pool = 'pool-a')",
        "UPDATE workloads SET type = x'00' WHERE pool_id = (SELECT id FROM pools WHERE pool = 'pool-a')",
    ],
    ids=["counts", "buckets", "stage", "type"],
)
def test_one_pool_that_is_not_understood_costs_no_other(path: Path, statement: str) -> None:
    """It begins anew, with a warning; the file as it was is beside the new one, and the others go on."""
    for key in (KEY, OTHER):
        listings = (Listing(()), Listing((job("u", "Queue"),)), Listing((job("u", "Running"),)))
        Exporter(path).polls(*listings, key=key)
    altered(path, statement)
    tracker = Tracker(fake_context())
    with capture_logs() as logs, tracker.persist_in(path):
        assert tracker.throughput(KEY) is None
        other = tracker.throughput(OTHER)
    assert other is not None
    assert other.created[("train",)] == 1
    [warning] = logs
    assert (warning["log_level"], warning["pool"]) == ("warning", "pool-a")
    aside = path.with_name("state.db.set-aside-1700000000")
    assert warning["copied_to"] == str(aside)
    with sqlite3.connect(aside) as connection:
        assert connection.execute("SELECT count(*) FROM workloads").fetchone() == (2,)
    connection.close()
    with capture_logs() as logs:
        passed = Exporter(path).polls(Listing(()), Listing((job("v", "Queue"),)))
    assert logs == []
    assert passed is not None
    assert passed.created[("train",)] == 1


def test_an_empty_file_is_a_new_one(path: Path) -> None:
    """One may have been made beforehand, for its permissions."""
    path.touch()
    with capture_logs() as logs:
        Exporter(path).polls(Listing(()))
    assert logs == []


def test_a_full_disk_stops_nothing_and_is_made_up_for(path: Path) -> None:
    """Counting goes on; a line at the first failure and at the end of it; then everything is in the file."""
    tracker = Tracker(context := fake_context())
    many = Listing(tuple(job(f"u{index}", "Queue") for index in range(2000)))
    with capture_logs() as logs, tracker.persist_in(path):
        keeping = tracker._persistence
        assert keeping is not None
        assert keeping._db is not None
        disk = keeping._db._connection
        asyncio.run(tracker.record(KEY, Listing(()), 0.0))
        disk.execute("PRAGMA max_page_count = 10")
        for moment in (60.0, 120.0):
            _, counted = asyncio.run(tracker.record(KEY, many, moment))
            assert counted.created[("train",)] == 2000
        disk.execute("PRAGMA max_page_count = 100000")
        _, passed = asyncio.run(tracker.record(KEY, many, 180.0))
    assert [line["log_level"] for line in logs] == ["error", "info"]
    name = "modelarts_exporter_state_writes_total"
    assert context.self_metrics.registry.get_sample_value(name, {"outcome": "failed"}) == 2
    assert context.self_metrics.registry.get_sample_value(name, {"outcome": "ok"}) == 2
    assert Exporter(path).polls(many) == passed


def test_a_file_that_cannot_be_opened_is_no_reason_to_stop(tmp_path: Path) -> None:
    """Its folder is gone by the time of the start: one line, failed writes, and counting all the same."""
    exporter = Exporter(tmp_path / "gone" / "state.db")
    with capture_logs() as logs:
        passed = exporter.polls(Listing(()), Listing((job("a", "Queue"),)))
    assert passed is not None
    assert passed.created[("train",)] == 1
    assert [line["log_level"] for line in logs] == ["error"]
    assert exporter.writes("failed") == 2


HOLDER = """
import sys
from contextlib import closing
from pathlib import Path
from exporter.lifecycle.state_db import StateDb
held = StateDb.open(Path(sys.argv[1]), 0.0)
print("held", flush=True)
sys.stdin.read()
"""


async def test_two_exporters_do_not_share_a_file(path: Path) -> None:
    """The second is told so; when the first one is killed, its lock dies with it."""
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, str(path), stdin=-1, stdout=-1
    )
    assert holder.stdout is not None
    assert await holder.stdout.readline() == b"held\n"
    with pytest.raises(InUse) as refused:
        StateDb.open(path, 0.0)
    assert str(refused.value).startswith(f"state.path: '{path}' is in use by another exporter")
    holder.kill()
    await holder.communicate()
    file, stored = StateDb.open(path, 0.0)
    assert stored.pools == {}
    file.close()


def test_a_file_of_an_earlier_release_is_read(path: Path) -> None:
    """The tables and keys of version 1, as 0.1.0 wrote them; a change of either needs another version."""
    none, one = [0] * 16, [1, *[0] * 15]
    memory = {
        "read_at": 1_700_000_120.0,
        "known_from": None,
        "began": 1_700_000_000.0,
        "head": ["b", 1_700_000_060.0],
        "starts": {"train": [1.0, 1_700_000_060.0]},
        "created": [[["train"], 2]],
        "started": [[["train", "1"], 1]],
        "finished": [[["train", "Completed"], 1]],
        "requeued": [],
        "waits": [[["train", "1"], {"buckets": none, "total": 0.0}]],
        "runs": [[["train", "Completed"], {"buckets": one, "total": 60.0}]],
    }
    with closing(sqlite3.connect(path)) as written:
        written.executescript(
            "PRAGMA application_id = 1296128070; PRAGMA user_version = 1;"
            "CREATE TABLE pools (id INTEGER PRIMARY KEY, region TEXT NOT NULL, project_id TEXT NOT NULL,"
            " pool TEXT NOT NULL, memory BLOB NOT NULL, UNIQUE (region, project_id, pool));"
            "CREATE TABLE workloads (pool_id INTEGER NOT NULL REFERENCES pools ON DELETE CASCADE,"
            " uid TEXT NOT NULL, type TEXT NOT NULL, status TEXT, stage INTEGER NOT NULL,"
            " running_since REAL, missing_since REAL, PRIMARY KEY (pool_id, uid)) WITHOUT ROWID;"
            "INSERT INTO workloads VALUES (1, 'a', 'train', 'Completed', 2, NULL, NULL),"
            " (1, 'b', 'train', 'Running', 1, 1700000060.0, NULL);"
        )
        written.execute("INSERT INTO pools VALUES (1, ?, ?, ?, ?)", (*KEY, json.dumps(memory).encode()))
        written.commit()
    db, stored = StateDb.open(path, 1_700_000_200.0)
    db.close()
    history = stored.pools[KEY]
    assert (history.read_at, history.first_listed, history.new_after) == (1_700_000_120.0, 1.7e9, ALL_ARE_NEW)
    assert (history.head, history.starts["train"].weight) == (("b", 1_700_000_060.0), 1.0)
    assert history.throughput.created["train",] == 2
    assert history.throughput.runs["train", "Completed"].total == 60.0
    assert history.workloads["b"].running_since == 1_700_000_060.0
    assert json.loads(encode(history)) == memory
