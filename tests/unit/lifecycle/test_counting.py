"""What happened, added up."""

from __future__ import annotations

from exporter.lifecycle.counting import MAX_UNDOCUMENTED, add
from exporter.lifecycle.transitions import Created, Event, Finished, Started
from exporter.snapshot.counters import AGE_BUCKETS, Distribution, Throughput
from exporter.snapshot.workload import PRIORITIES, TYPES


def test_every_documented_count_is_there_before_the_first_event() -> None:
    """A counter that began with its first event would hide it from rate()."""
    nothing = Throughput()
    assert len(nothing.created) == len(nothing.requeued) == len(TYPES)
    assert len(nothing.started) == len(nothing.finished) == 16
    assert ("infer", "unknown") in nothing.finished
    assert not nothing.waits


def test_a_distribution_begins_with_its_first_duration() -> None:
    """Each has eighteen series: those of what never happened in a pool would be most of its series."""
    events: list[Event] = [Created("train"), Started("train", "1", 60.0), Finished("train", "Failed", None)]
    passed = add(Throughput(), events)
    assert ([*passed.waits], [*passed.runs]) == ([("train", "1")], [])
    assert add(passed, ()) is passed


def test_durations_go_into_their_bucket_and_the_sum() -> None:
    """A bound belongs to its bucket; what nobody knows is counted, but not measured."""
    events = [Started("train", "1", 60.0), Started("train", "1", 61.0), Started("train", "1", None)]
    passed = add(Throughput(), events)
    assert passed.started["train", "1"] == 3
    waits = passed.waits["train", "1"]
    assert (waits.buckets[:3], waits.total) == ((1, 1, 0), 121.0)
    longest = Distribution().plus(AGE_BUCKETS[-1] + 1)
    assert longest.buckets[-1] == 1


def test_a_value_is_never_changed() -> None:
    """What was published stays as it was."""
    before = Throughput()
    add(before, [Created("train"), Finished("train", "Failed", 1.0)])
    assert before == Throughput()


def test_undocumented_values_are_bounded() -> None:
    """So many types and priorities count by name, the others together; nothing is lost."""
    events = [Started(f"type-{index}", f"p{index}", 1.0) for index in range(3 * MAX_UNDOCUMENTED)]
    passed = add(add(Throughput(), events), events)
    assert sum(passed.started.values()) == 2 * len(events)
    assert len({kind for kind, _ in passed.waits} - set(TYPES)) == MAX_UNDOCUMENTED + 1
    assert len({priority for _, priority in passed.started} - set(PRIORITIES)) == MAX_UNDOCUMENTED + 1
    assert ("type-0", "p0") in passed.started
