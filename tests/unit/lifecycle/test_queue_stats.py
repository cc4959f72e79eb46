"""The head of a pool's queue, and when those behind it may start."""

from __future__ import annotations

from typing import Any

import pytest
from support.fakes import fake_context

from exporter.lifecycle.codec import decode, encode
from exporter.lifecycle.pool_history import PoolHistory
from exporter.lifecycle.queue_stats import DECAY, QueueHead, update_head
from exporter.lifecycle.tracker import Tracker
from exporter.lifecycle.transitions import FORGET_AFTER
from exporter.snapshot.pool import Listing, PoolKey
from exporter.snapshot.workload import Workload

KEY = PoolKey("r", "p", "pool-a")


def waiting(uid: str, position: int | None = None, **fields: Any) -> Workload:
    return Workload(uid=uid, **{"type": "train", "status": "Queue", "position": position, **fields})


def head(*listings: Listing) -> QueueHead | None:
    """The head after these listings, one a minute."""
    found = None
    for index, listing in enumerate(listings):
        found = update_head(found, listing, 60.0 * index)
    return found


@pytest.mark.parametrize("first", [0, 1, 7])
def test_the_head_is_the_smallest_known_position(first: int) -> None:
    """Whatever positions start at, and though some are not known."""
    queue = Listing((waiting("c", first + 2), waiting("x"), waiting("a", first), waiting("b", first + 1)))
    assert head(queue) == QueueHead("a", 0.0)


def test_the_head_has_been_there_since_it_was_first_seen_there() -> None:
    """As long as the same workload is first; the next one begins anew."""
    one, two = waiting("a", 1), waiting("b", 2)
    assert head(Listing((one, two)), Listing((one, two)), Listing((one,))) == QueueHead("a", 0.0)
    passed_by = Listing((waiting("a", 2), waiting("b", 1)))
    assert head(Listing((one, two)), passed_by, passed_by) == QueueHead("b", 60.0)
    assert head(Listing((one, two)), Listing(())) is None


def test_of_several_first_ones_the_longest_waiting_is_the_head() -> None:
    """An API that counts positions by type, or from several queues, makes no head that flaps."""
    queue = (waiting("a", 1, pending=10.0), waiting("b", 1, pending=99.0), waiting("c", 1, pending=99.0))
    assert head(Listing(queue), Listing(queue[::-1])) == QueueHead("b", 0.0)


def test_who_does_not_wait_is_no_head() -> None:
    """A position left over on a running workload means nothing; without any position nothing is known."""
    assert head(Listing((waiting("a", 0, status="Running"), waiting("b", 3)))) == QueueHead("b", 0.0)
    assert head(Listing((waiting("a"),))) is None


def test_an_incomplete_listing_changes_no_head() -> None:
    """It may only lack the first one."""
    whole, part = Listing((waiting("a", 1), waiting("b", 2))), Listing((waiting("b", 2),), complete=False)
    assert head(whole, part, whole) == QueueHead("a", 0.0)


def test_a_head_that_an_incomplete_listing_shows_elsewhere_is_none_any_more() -> None:
    """It runs, or has ended; who comes after it only a complete listing can tell."""
    whole, next_ = Listing((waiting("a", 1), waiting("b", 2))), waiting("b", 1)
    part = Listing((waiting("a", status="Running"), next_), complete=False)
    assert head(whole, part) is None
    assert head(whole, part, Listing((next_,))) == QueueHead("b", 120.0)


def test_a_head_goes_with_what_is_forgotten() -> None:
    """One that incomplete listings have not shown for a day is nobody's head."""
    memory = PoolHistory()
    memory.update(Listing((waiting("a", 1),)), 0.0)
    for moment in (60.0, 60.0 + FORGET_AFTER):
        assert memory.head == QueueHead("a", 0.0)
        memory.update(Listing((), complete=False), moment)
    assert memory.head is None


def test_estimates_do_not_mind_that_the_clock_was_ahead_once() -> None:
    """A pool that was first listed in the future has been watched for no time, not for less."""
    memory = PoolHistory()
    memory.update(Listing(()), 1e6)
    for index in range(20):
        waits = (waiting(f"u{other}", other) for other in range(index, 40))
        runs = (waiting(f"u{other}", status="Running") for other in range(index))
        memory.update(Listing((*waits, *runs)), 60.0 * index)
    [estimated] = memory.annotate(Listing((waiting("q", 1),)), estimates=True).workloads
    assert estimated.estimated_start == pytest.approx(60.0, rel=0.1)


def after_starts(every: float, count: int) -> PoolHistory:
    """A pool in which one of a long queue started every so many seconds."""
    memory = PoolHistory()
    memory.update(Listing(tuple(waiting(f"u{index}", index) for index in range(count + 50))), 0.0)
    for index in range(1, count + 1):
        queue = (waiting(f"u{other}", other - index) for other in range(index, count + 50))
        running = (waiting(f"u{other}", status="Running") for other in range(index))
        memory.update(Listing((*running, *queue)), every * index)
    return memory


@pytest.mark.parametrize("base", [0, 1])
@pytest.mark.parametrize(("every", "count"), [(60.0, 10), (600.0, 40), (DECAY / 10, 100)])
def test_an_estimate_is_the_place_over_the_rate(base: int, every: float, count: int) -> None:
    """At a steady rate it is right after a short while and after a long one, wherever positions start."""
    memory = after_starts(every, count)
    queue = Listing(tuple(waiting(f"q{index}", base + index) for index in range(20)))
    completed = memory.annotate(queue, estimates=True)
    for place, one in enumerate(completed.workloads, start=1):
        assert one.estimated_start == pytest.approx(place * every, rel=0.1)


def test_nothing_is_estimated_without_evidence() -> None:
    """Too few starts of the type, no position, or not asked for."""
    memory = after_starts(60.0, 10)
    known, unknown, other = waiting("a", 1), waiting("b"), waiting("c", 2, type="infer")
    listing = Listing((known, unknown, other))
    estimates = [one.estimated_start for one in memory.annotate(listing, estimates=True).workloads]
    assert [estimate is None for estimate in estimates] == [False, True, True]
    assert memory.annotate(listing, estimates=False).workloads is listing.workloads
    few = after_starts(60.0, 2)
    assert few.annotate(listing, estimates=True).workloads == listing.workloads


def test_old_starts_are_no_evidence() -> None:
    """A queue that has not moved for a day tells nothing of when it will."""
    memory = after_starts(60.0, 10)
    still = Listing((waiting("a", 1),))
    memory.update(still, 86400.0)
    assert memory.annotate(still, estimates=True).workloads[0].estimated_start is None


def test_who_started_without_waiting_does_not_move_the_queue() -> None:
    """Where there is room, jobs start at once; those behind a full pool gain nothing by it."""
    memory = PoolHistory()
    memory.update(Listing(()), 0.0)
    for index in range(20):
        running = (waiting(f"u{other}", status="Running") for other in range(index))
        memory.update(Listing(tuple(running)), 60.0 * index)
    assert memory.throughput.started["train", ""] == 19
    assert not memory.starts


async def test_a_record_tells_what_only_earlier_listings_can() -> None:
    """The listing comes back with its head, and with estimates where they are asked for."""
    tracker = Tracker(fake_context())
    queue = Listing((waiting("a", 1),))
    await tracker.record(KEY, queue, 100.0)
    later, _ = await tracker.record(KEY, queue, 160.0, estimates=True)
    assert later.head_since == 100.0


def test_the_first_look_tells_no_times() -> None:
    """What it sees may have been so for days; from the second one on, it is known since when at least."""
    memory, listing = PoolHistory(), Listing((waiting("a", 1), waiting("b", status="Creating")))
    told = []
    for moment in (100.0, 160.0):
        memory.update(listing, moment)
        annotated = memory.annotate(listing, estimates=False)
        told.append((annotated.head_since, annotated.workloads[1].in_status))
    assert told == [(None, None), (100.0, 60.0)]


def test_the_first_look_after_a_restart_tells_what_was_kept() -> None:
    """The head is in the state file. Times in a status are not: they begin anew."""
    memory, listing = PoolHistory(), Listing((waiting("a", 1), waiting("b", status="Creating")))
    memory.update(listing, 100.0)
    restored = decode(encode(memory))
    restored.workloads.update(memory.workloads)
    restored.update(listing, 500.0)
    annotated = restored.annotate(listing, estimates=False)
    assert (annotated.head_since, annotated.workloads[1].in_status) == (100.0, None)
