"""Adds events to a pool's counts and durations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.lifecycle.transitions import Created, Event, Finished, Requeued, Started
from exporter.snapshot.counters import Distribution, Labels, Throughput
from exporter.snapshot.workload import OTHER, PRIORITIES, TYPES

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

MAX_UNDOCUMENTED = 8
"""Undocumented types, and priorities, that a pool counts by name; any more count as `other`.

Types and priorities are open sets, and unlike a gauge's series those of a counter never go away.
"""


def add(before: Throughput, events: Iterable[Event]) -> Throughput:
    """Add events to what was counted before.

    Args:
        before: the counts and durations so far.
        events: what happened.

    Returns:
        `before` itself if nothing is new.
    """
    events = tuple(events)
    if not events:
        return before
    counts = _Counts(before)
    for event in events:
        counts.add(event)
    return counts.throughput()


class _Counts:
    """A Throughput that can be changed."""

    def __init__(self, before: Throughput) -> None:
        self._created = dict(before.created)
        self._started = dict(before.started)
        self._finished = dict(before.finished)
        self._requeued = dict(before.requeued)
        self._waits = dict(before.waits)
        self._runs = dict(before.runs)
        labels = (*before.created, *before.started, *before.finished, *before.requeued, *before.runs)
        self._types = {kind for kind, *_ in labels}
        self._priorities = {priority for _, priority in before.started}

    def throughput(self) -> Throughput:
        """The result."""
        return Throughput(
            self._created, self._started, self._finished, self._requeued, self._waits, self._runs
        )

    def add(self, event: Event) -> None:
        """Count one event."""
        kind = _bounded(event.type, self._types, TYPES)
        match event:
            case Created():
                _count(self._created, (kind,))
            case Started(_, priority, waited):
                labels = (kind, _bounded(priority, self._priorities, PRIORITIES))
                _count(self._started, labels)
                _observe(self._waits, labels, waited)
            case Finished(_, end, ran):
                _count(self._finished, (kind, end))
                _observe(self._runs, (kind, end), ran)
            case Requeued():
                _count(self._requeued, (kind,))


def _bounded(value: str, known: set[str], documented: Container[str]) -> str:
    """The value, or `other` if too many undocumented values are counted by name already."""
    if value not in known:
        if sum(name not in documented for name in known) >= MAX_UNDOCUMENTED:
            return OTHER
        known.add(value)
    return value


def _count(counts: dict[Labels, int], labels: Labels) -> None:
    counts[labels] = counts.get(labels, 0) + 1


def _observe(durations: dict[Labels, Distribution], labels: Labels, seconds: float | None) -> None:
    if seconds is not None:
        durations[labels] = durations.get(labels, Distribution()).plus(seconds)
