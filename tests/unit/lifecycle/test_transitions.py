"""What two listings of a pool tell of what happened in between."""

from __future__ import annotations

import sys
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.common.clock import MAX_SKEW
from exporter.lifecycle.pool_history import PoolHistory
from exporter.lifecycle.transitions import FORGET_AFTER, Created, Event, Finished, Requeued, Started
from exporter.snapshot.pool import Listing
from exporter.snapshot.workload import FINISHED, STATUSES, WAITING, Workload

INTERVAL = 60.0
NOW = 1_700_000_000.0


def job(status: str, uid: str = "u", **fields: Any) -> Workload:
    return Workload(uid=uid, status=status, **{"type": "train", "priority": "1", **fields})


class Watched:
    """A pool that is listed once a minute, beginning empty."""

    def __init__(self, *listings: Listing) -> None:
        self.memory = PoolHistory()
        self.now = NOW
        for listing in listings or (Listing(()),):
            self.memory.update(listing, self.now)

    def lists(self, *workloads: Workload, complete: bool = True, later: float = INTERVAL) -> list[Event]:
        self.now += later
        return list(self.memory.update(Listing(workloads, complete), self.now).events)


CREATED, REQUEUED = Created("train"), Requeued("train")
STARTED = Started("train", "1", 90.0)


@pytest.mark.parametrize(
    ("first", "then", "events"),
    [
        # Not seen before.
        (None, job("Queue"), [CREATED]),
        (None, job("Abnormal"), [CREATED]),
        (None, job("Suspended"), [CREATED]),
        (None, job("Running", pending=90.0, running=5.0), [CREATED, STARTED]),
        (None, job("Abnormal", pending=90.0, running=5.0), [CREATED, STARTED]),
        (
            None,
            job("Failed", pending=90.0, running=30.0),
            [CREATED, STARTED, Finished("train", "Failed", 30.0)],
        ),
        (None, job("Terminated", pending=90.0), [CREATED, Finished("train", "Terminated", None)]),
        # One that waited.
        (job("Queue"), job("Pending"), []),
        (job("Queue"), job("Creating", pending=90.0), [STARTED]),
        (job("Pending"), job("Running", pending=90.0), [STARTED]),
        (job("Queue"), job("Terminating"), []),
        (job("Queue"), job("Abnormal"), []),
        (job("Queue"), job("Terminating", pending=90.0, running=1.0), [STARTED]),
        (job("Queue"), job("Terminated"), [Finished("train", "Terminated", None)]),
        (job("Queue"), job("Failed", running=0.0), [Finished("train", "Failed", None)]),
        (
            job("Queue"),
            job("Completed", pending=90.0, running=20.0),
            [STARTED, Finished("train", "Completed", 20.0)],
        ),
        (
            job("Queue"),
            job("Completed", pending=90.0),
            [STARTED, Finished("train", "Completed", None)],
        ),
        # One that had its resources.
        (job("Creating"), job("Running", running=3.0), []),
        (job("Running", running=9.0), job("Abnormal"), []),
        (job("Running", running=9.0), job("Queue"), [REQUEUED]),
        (job("Abnormal", running=9.0), job("Pending"), [REQUEUED]),
        (job("Abnormal"), job("Pending"), []),
        (job("Creating"), job("Failed"), [Finished("train", "Failed", None)]),
        (job("Running", running=9.0), job("Completed", running=50.0), [Finished("train", "Completed", 50.0)]),
        # One that was finished.
        (job("Failed"), job("Failed"), []),
        (job("Terminated"), job("Failed"), []),
        (job("Failed"), job("Terminating"), []),
        (job("Failed"), job("Queue"), [REQUEUED]),
        (job("Failed"), job("Running", pending=90.0), [STARTED]),
    ],
    ids=lambda one: one.status if isinstance(one, Workload) else "",
)
def test_a_workload_from_one_listing_to_the_next(
    first: Workload | None, then: Workload, events: list[Event]
) -> None:
    """The table at the head of the module, line by line."""
    pool = Watched(Listing((first,) if first else ()))
    assert pool.lists(then) == events
    assert pool.lists(then) == []


def test_the_first_listing_counts_nothing() -> None:
    """Nobody knows when that happened; from then on changes count."""
    pool = Watched(Listing((job("Queue", "a"), job("Running", "b"), job("Failed", "c"))))
    assert pool.memory.throughput.created[("train",)] == 0
    assert pool.lists(job("Creating", "a"), job("Running", "b"), job("Failed", "c")) == [
        Started("train", "1", None)
    ]


@pytest.mark.parametrize(
    ("status", "events"),
    [
        ("Queue", [Finished("train", "unknown", None)]),
        ("Creating", [Finished("train", "unknown", None)]),
        ("Running", [Finished("train", "unknown", 100.0 + INTERVAL)]),
        ("Completed", []),
    ],
)
def test_what_vanishes_is_finished_with_an_unknown_end(status: str, events: list[Event]) -> None:
    """Once two complete listings lack it; its run is as long as it was seen to run."""
    pool = Watched(Listing((job(status, running=100.0 if status == "Running" else None),)))
    pool.lists(job(status, running=100.0 + INTERVAL if status == "Running" else None))
    assert pool.lists() == []
    assert pool.lists() == events
    assert pool.lists() == []
    assert not pool.memory.workloads


def test_a_single_empty_answer_counts_nothing() -> None:
    """The API lists nothing for once, and then everything again: nobody ended, and nobody is new."""
    everybody = (job("Queue", "a"), job("Running", "b"), job("Failed", "c"))
    pool = Watched(Listing(everybody))
    assert pool.lists() == []
    assert pool.lists(*everybody) == []
    assert pool.lists() == []
    assert pool.lists(*everybody) == []


def test_who_comes_back_changed_counts_as_changed() -> None:
    """Missing from one listing, then finished: it ended once."""
    pool = Watched(Listing((job("Running", running=1.0),)))
    pool.lists()
    assert pool.lists(job("Failed", running=70.0)) == [Finished("train", "Failed", 70.0)]
    assert pool.lists() + pool.lists() == []


def test_who_comes_back_after_it_vanished_is_new() -> None:
    """It was forgotten, so it counts as created; memory has an end."""
    pool = Watched(Listing((job("Queue"),)))
    assert [pool.lists(), pool.lists()] == [[], [Finished("train", "unknown", None)]]
    assert pool.lists(job("Queue")) == [CREATED]


def test_the_memory_of_a_peak_is_given_back() -> None:
    """A dict keeps its table when its items go; the one of 10,000 workloads does not stay for 100."""
    few = tuple(job("Queue", f"{index}") for index in range(100))
    pool = Watched(Listing((*few, *(job("Queue", f"more-{index}") for index in range(10_000)))))
    at_peak = sys.getsizeof(pool.memory.workloads)
    pool.lists(*few)
    assert len(pool.lists(*few)) == 10_000
    assert sys.getsizeof(pool.memory.workloads) < at_peak / 50
    assert pool.lists(*few) == []


def test_an_incomplete_listing_lets_nobody_vanish_and_loses_nobody() -> None:
    """What it does not show may still be there; what it shows counts."""
    pool = Watched(Listing((job("Queue", "a"), job("Queue", "b"))))
    for _ in range(3):
        assert pool.lists(job("Queue", "a"), complete=False) == []
    assert pool.lists(job("Running", "a", pending=90.0), complete=False) == [STARTED]
    assert pool.lists(job("Running", "a"), job("Running", "b", pending=90.0)) == [STARTED]


def test_what_incomplete_listings_do_not_show_for_a_day_is_forgotten() -> None:
    """A listing that stays incomplete fills no memory; nothing is counted, for nobody knows."""
    pool = Watched(Listing((job("Running", "a", running=1.0), job("Failed", "b"), job("Queue", "c"))))
    for index in range(500):
        pool.lists(job("Queue", "c"), job("Failed", f"n{index}"), complete=False, later=FORGET_AFTER / 100)
    assert len(pool.memory.workloads) <= 1 + 103
    assert not {"a", "b"} & pool.memory.workloads.keys()
    assert pool.memory.throughput.finished["train", "unknown"] == 0


def test_what_an_incomplete_listing_shows_again_was_never_missing() -> None:
    """In the same status or another: its day begins anew, and two complete listings have to lack it."""
    pool = Watched(Listing((job("Queue"),)))
    for _ in range(10):
        assert pool.lists(complete=False, later=FORGET_AFTER / 2) == []
        assert pool.lists(job("Queue"), complete=False, later=FORGET_AFTER / 2) == []
    assert pool.lists(complete=False) == []
    assert pool.lists() == []
    assert pool.lists() == [Finished("train", "unknown", None)]


def test_a_first_listing_that_is_empty_by_mistake_makes_nobody_new() -> None:
    """Who is older than it was only not shown; what happens to them from then on counts, and who is new."""
    old = {"created": NOW - MAX_SKEW - 1, "pending": 90.0}
    pool = Watched(Listing(()))
    assert pool.lists(job("Running", "a", running=9e5, **old), job("Queue", "b", **old)) == []
    assert pool.lists(
        job("Running", "a", running=9e5, **old),
        job("Running", "b", **old),
        job("Queue", "c", created=NOW + 61),
    ) == [STARTED, CREATED]


def test_clocks_that_differ_lose_nobody() -> None:
    """The cloud's may be behind ours by as much as it lets a signature pass."""
    pool = Watched(Listing(()))
    assert pool.lists(job("Queue", created=NOW + 30 - MAX_SKEW)) == [CREATED]


def test_a_clock_that_was_ahead_at_the_first_listing_is_soon_forgiven() -> None:
    """The pool was not first listed in the future; else nobody would be new until then."""
    pool = Watched(Listing(()))
    pool.lists(later=-30 * FORGET_AFTER)
    assert pool.memory.first_listed == pool.now
    assert pool.lists(job("Queue", created=pool.now)) == [CREATED]


def test_a_status_that_does_not_tell_starts_with_its_running_duration() -> None:
    """Though the status stays the same: once, and not for a waiting one with a duration left over."""
    pool = Watched(Listing((job("Suspended", "a"), job("Queue", "b"))))
    assert pool.lists(job("Suspended", "a"), job("Queue", "b", running=30.0)) == []
    running = job("Suspended", "a", running=30.0, pending=90.0), job("Queue", "b", running=30.0)
    assert (pool.lists(*running), pool.lists(*running)) == ([STARTED], [])
    assert pool.lists(job("Failed", "a"), job("Queue", "b")) == [Finished("train", "Failed", INTERVAL + 30)]


def test_an_incomplete_first_listing_does_not_make_old_workloads_new() -> None:
    """Until a complete listing was read, who is older than the first one was only never shown."""
    pool = Watched(Listing((job("Queue", "a", created=NOW - 900),), complete=False))
    shown_later, timeless = job("Running", "b", created=NOW - 800), job("Queue", "c")
    assert pool.lists(shown_later, timeless, complete=False) == []
    truly_new = job("Queue", "d", created=NOW + 10)
    assert pool.lists(shown_later, timeless, truly_new, complete=False) == [CREATED]
    assert pool.lists(shown_later, timeless, truly_new, job("Queue", "e", created=NOW - 700)) == []
    # From the first complete one on, clocks that differ do not matter any more.
    skewed = job("Queue", "f", created=NOW - 700)
    assert CREATED in pool.lists(shown_later, timeless, truly_new, skewed)


def test_what_happened_while_the_pool_could_not_be_read_counts_once() -> None:
    """An hour without a listing: one that started is counted, one that came and ended too."""
    pool = Watched(Listing((job("Queue", "a"),)))
    events = pool.lists(
        job("Running", "a", pending=1800.0, running=1800.0),
        job("Completed", "b", pending=60.0, running=600.0),
        later=3600.0,
    )
    assert events == [
        Started("train", "1", 1800.0),
        CREATED,
        Started("train", "1", 60.0),
        Finished("train", "Completed", 600.0),
    ]


@pytest.mark.parametrize(
    ("fields", "waited"),
    [
        ({"pending": 0.0, "created": NOW - 500}, 0.0),
        ({"created": NOW - 500, "running": 20.0}, 500 - 20 + INTERVAL),
        ({"created": NOW - 500}, 500 + INTERVAL),
        ({"created": NOW + 9999}, 0.0),
        ({}, None),
    ],
)
def test_a_wait_without_a_pending_duration(fields: dict[str, Any], waited: float | None) -> None:
    """From the creation to the start, where both can be told; counted without a wait else."""
    pool = Watched(Listing((job("Queue"),)))
    assert pool.lists(job("Running", **fields)) == [Started("train", "1", waited)]


def test_a_run_without_a_running_duration_is_as_long_as_it_was_seen() -> None:
    """From the first listing that shows it running to the last one that does; a requeue begins anew."""
    pool = Watched(Listing((job("Queue"),)))
    pool.lists(job("Creating"))
    pool.lists(job("Running"))
    pool.lists(job("Running"))
    pool.lists(job("Running"))
    assert pool.lists(job("Completed")) == [Finished("train", "Completed", 2 * INTERVAL)]
    pool.lists(job("Queue"))
    pool.lists(job("Running"))
    pool.lists(job("Running"))
    assert pool.lists(job("Completed")) == [Finished("train", "Completed", INTERVAL)]


@pytest.mark.parametrize("in_queue", [600.0, None, 0.0])
@pytest.mark.parametrize("end", ["Terminated", "Failed"])
def test_the_duration_of_an_earlier_run_starts_nothing(in_queue: float | None, end: str) -> None:
    """Ran, requeued, cancelled in the queue; the API keeps the duration, in the queue or only at the end."""
    pool = Watched(Listing((job("Running", running=590.0),)))
    assert pool.lists(job("Queue", running=in_queue)) == [REQUEUED]
    assert pool.lists(job("Queue", running=in_queue)) == []
    assert pool.lists(job("Terminating", running=600.0)) == []
    assert pool.lists(job(end, running=600.0)) == [Finished("train", end, None)]
    assert pool.lists(job(end, running=600.0)) == []


def test_a_duration_left_over_from_before_the_first_listing_starts_nothing() -> None:
    """It was requeued before the pool was watched, or the API tells its duration late."""
    pool = Watched(Listing((job("Queue", "a", running=600.0), job("Queue", "b"))))
    assert pool.lists(job("Abnormal", "a", running=600.0), job("Pending", "b", running=90.0)) == []
    assert pool.lists(job("Failed", "a", running=600.0), job("Pending", "b", running=95.0)) == [
        Finished("train", "Failed", None)
    ]
    assert pool.lists(job("Failed", "a", running=600.0), job("Failed", "b", running=95.0)) == [
        Finished("train", "Failed", None)
    ]


def test_a_left_over_duration_that_gets_shorter_hides_no_run_behind_it() -> None:
    """A duration that shrinks while the status stays is not looked at: the longest explains the last."""
    pool = Watched()
    pool.lists(job("Queue", running=86_400.0))
    assert pool.lists(job("Queue", running=1.0)) == []
    assert pool.lists(job("Terminated", running=5.0)) == [Finished("train", "Terminated", None)]


def test_a_longer_duration_than_before_is_another_run() -> None:
    """Started again between two listings, or in a status that does not tell."""
    pool = Watched(Listing((job("Queue", "a", running=600.0), job("Queue", "b", running=600.0))))
    assert pool.lists(
        job("Failed", "a", running=630.0, pending=90.0), job("Abnormal", "b", running=601.0, pending=90.0)
    ) == [STARTED, Finished("train", "Failed", 630.0), STARTED]


def test_resources_without_a_run_of_its_own_have_no_run_time() -> None:
    """Requeued, Creating once more, cancelled before it ran: the duration is that of the first run."""
    pool = Watched(Listing((job("Queue", running=600.0),)))
    assert pool.lists(job("Creating", running=600.0, pending=90.0)) == [STARTED]
    assert pool.lists(job("Terminated", running=600.0)) == [Finished("train", "Terminated", None)]


STEPS: dict[str, tuple[str, ...]] = {
    "Queue": ("Creating", "Terminated", "gone"),
    "Creating": ("Running", "Failed"),
    "Running": ("Queue", "Abnormal", "Completed", "Failed"),
    "Abnormal": ("Running", "Queue", "Failed"),
    "Completed": ("gone",),
    "Failed": ("Queue", "gone"),
    "Terminated": ("gone",),
    "gone": (),
}
"""What can become of a workload in a status."""


def lives(longest: int) -> list[tuple[str, ...]]:
    """Every life of so many statuses at most, from the queue on."""
    found: list[tuple[str, ...]] = []
    growing: list[tuple[str, ...]] = [("Queue",)]
    while growing:
        found += growing
        growing = [(*life, after) for life in growing if len(life) < longest for after in STEPS[life[-1]]]
    return found


def durations(life: tuple[str, ...], kept: str) -> list[float | None]:
    """The runningDuration in each status. Kept: of all runs, of the last one, or hidden in the queue."""
    shown: list[float | None] = []
    total = 0.0
    for index, status in enumerate(life):
        if status == "Running":
            total = (0.0 if kept == "last" and life[index - 1] == "Creating" else total) + INTERVAL
        hidden = kept == "hidden" and status in WAITING | {"Creating"}
        shown.append(None if hidden or not total else total)
    return shown


@pytest.mark.parametrize("kept", ["all", "last", "hidden"])
def test_no_life_counts_more_than_happened(kept: str) -> None:
    """Every life of up to 8 statuses, each listed or missed: no count is above the truth.

    If every status is listed, each count is the truth.
    """
    for life in lives(8):
        shown = durations(life, kept)
        truth = (
            life.count("Creating"),
            sum(status in FINISHED for status in life)
            + (life[-1] == "gone" and life[-2] not in FINISHED),  # an unknown end
            sum(after == "Queue" for after in life[1:]),
        )
        for seen in product((True, False), repeat=len(life) - 1):
            pool = Watched()
            for status, running, listed in zip(life, shown, (True, *seen), strict=True):
                pool.now += INTERVAL
                if listed or status == "gone":
                    workloads = () if status == "gone" else (job(status, running=running),)
                    for _ in range(2 if status == "gone" else 1):
                        pool.memory.update(Listing(workloads), pool.now)
            counts = pool.memory.throughput
            started, ended, requeued = (
                sum(counted.values()) for counted in (counts.started, counts.finished, counts.requeued)
            )
            assert started <= truth[0], (life, seen)
            assert requeued <= truth[2], (life, seen)
            assert ended <= truth[1], (life, seen)
            if all(seen):
                assert (started, ended, requeued) == truth, life


STATES = st.sampled_from(STATUSES) | st.just("Suspended")


@settings(deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from("abcde"), STATES), max_size=12), st.data())
def test_no_life_is_counted_out_of_order(listings: list[dict[str, str]], data: st.DataObject) -> None:
    """Whatever is listed, ends and requeues have something before them, and the memory is up to date."""
    pool = Watched()
    for listed in listings:
        pool.lists(*(job(status, uid) for uid, status in listed.items()), complete=data.draw(st.booleans()))
    counts = pool.memory.throughput
    created, requeued = sum(counts.created.values()), sum(counts.requeued.values())
    started, finished = sum(counts.started.values()), sum(counts.finished.values())
    assert requeued <= started + finished
    assert finished <= created + requeued + started
    if listings:
        for uid, status in listings[-1].items():
            remembered = pool.memory.workloads[uid]
            assert remembered.status == status
            if status in FINISHED | WAITING:
                assert remembered.stage == (2 if status in FINISHED else 0)
