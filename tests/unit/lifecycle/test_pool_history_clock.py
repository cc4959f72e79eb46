"""Somebody sets the machine's clock while pools are watched: no duration is longer or shorter for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.fakes import fake_context

from exporter.lifecycle import pool_history as memories
from exporter.lifecycle.pool_history import PoolHistory
from exporter.lifecycle.tracker import Tracker
from exporter.snapshot.pool import Listing, PoolKey
from exporter.snapshot.workload import Workload

if TYPE_CHECKING:
    from pathlib import Path

    from support.fakes import FakeClock

KEY = PoolKey("r", "p", "pool-a")
HOUR = 3600.0


def job(status: str, uid: str = "u", **fields: float) -> Listing:
    return Listing((Workload(uid=uid, type="train", status=status, **fields),))  # type: ignore[arg-type]


def taken(memory: PoolHistory, clock: FakeClock, listing: Listing, after: float = 60.0) -> None:
    clock.advance(after)
    memory.update(listing, clock.wall(), clock.monotonic())


@pytest.mark.parametrize("ahead", [-72 * HOUR, -HOUR, 300.0, HOUR, 72 * HOUR])
def test_a_run_takes_as_long_as_it_took(clock: FakeClock, ahead: float) -> None:
    """It ran for ten minutes, whatever the clock says at its end."""
    memory = PoolHistory()
    taken(memory, clock, job("Queue"))
    taken(memory, clock, job("Running"))
    clock.set_ahead(ahead)
    taken(memory, clock, job("Running"), 600.0)
    taken(memory, clock, job("Completed"))
    assert memory.throughput.runs["train", "Completed"].total == 600.0


@pytest.mark.parametrize("ahead", [-HOUR, HOUR])
def test_the_head_of_the_queue_is_as_long_there_as_it_was(clock: FakeClock, ahead: float) -> None:
    """Since when is told in the new time."""
    memory = PoolHistory()
    taken(memory, clock, job("Queue", position=1))
    since = clock.wall()
    clock.set_ahead(ahead)
    taken(memory, clock, job("Queue", position=1))
    assert memory.head is not None
    assert memory.head.since == since + ahead


def test_time_in_a_status_goes_on(clock: FakeClock) -> None:
    """It never was the date's business."""
    memory = PoolHistory()
    for ahead in (0.0, 24 * HOUR, -48 * HOUR):
        clock.set_ahead(ahead)
        taken(memory, clock, job("Creating"))
    [one] = memory.annotate(job("Creating"), estimates=False).workloads
    assert one.in_status == 120.0


async def test_a_state_file_is_told_the_new_time_too(clock: FakeClock, tmp_path: Path) -> None:
    """A restart goes on with moments of the clock that is right now."""
    path, passed = tmp_path / "state.db", None
    for listings in ((job("Queue"), job("Running"), job("Running")), (job("Completed"),)):
        tracker = Tracker(fake_context(clock))
        with tracker.persist_in(path):
            for index, listing in enumerate(listings):
                clock.advance(60.0)
                if index == 2:
                    clock.set_ahead(24 * HOUR)
                await tracker.record(KEY, listing, clock.wall(), monotonic=clock.monotonic())
            passed = tracker.throughput(KEY)
    assert passed is not None
    assert passed.runs["train", "Completed"].total == 60.0


def test_what_is_not_shown_is_forgotten_where_there_is_too_much_of_it(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Incomplete listings that show other workloads each time do not fill the memory for a day."""
    monkeypatch.setattr(memories, "MAX_WORKLOADS", 30)
    memory, some = PoolHistory(), tuple[Workload, ...]()
    for index in range(20):
        some = tuple(Workload(uid=f"u{index}-{number}") for number in range(20))
        taken(memory, clock, Listing(some, complete=False))
    assert set(memory.workloads) == {one.uid for one in some}


def test_types_that_come_and_go_are_not_remembered_for_ever(clock: FakeClock) -> None:
    """A status or type that was seen once makes no memory grow; documented ones go on."""
    memory = PoolHistory()
    taken(memory, clock, Listing(()))
    for index in range(200):
        for status in ("Queue", "Running"):
            odd = Workload(uid=f"u{index}", type=f"type-{index}", status=status)
            usual = Workload(uid=f"v{index}", type="train", status=status)
            taken(memory, clock, Listing((odd, usual)))
    assert len(memory.starts) <= 32
    assert "train" in memory.starts
    assert len(memory.throughput.created) < 20
