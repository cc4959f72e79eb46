"""What happened -> the pool's counts and durations with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.lifecycle.transitions import Created, Event, Finished, Requeued, Started
from exporter.snapshot.counters import ENDS, Distribution, Labels, Throughput
from exporter.snapshot.workload import OTHER, PRIORITIES, TYPES

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

MOST_OTHERS = 8
"""Undocumented types, and priorities, that a pool counts by name; more than so many count as `other`.

Types and priorities are open sets, and unlike a gauge a counter never goes away.
"""


def add(before: Throughput, events: Iterable[Event], types: Iterable[str]) -> Throughput:
    """Add what happened to what happened before.

    Args:
        before: the counts and durations so far.
        events: what happened.
        types: of the workloads that are new or changed; their distributions begin at 0.

    Returns:
        `before` itself where nothing is new.
    """
    events = tuple(events)
    types = set(types) - {kind for kind, _ in before.runs}
    return _Adding(before).all(events, types) if events or types else before


class _Adding:
    """The counts in the making; the result is a value like any other."""

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

    def all(self, events: Iterable[Event], types: Iterable[str]) -> Throughput:
        for kind in sorted(types):
            self._begin(_named(kind, self._types, TYPES))
        for event in events:
            self._add(event)
        return Throughput(
            self._created, self._started, self._finished, self._requeued, self._waits, self._runs
        )

    def _begin(self, kind: str) -> None:
        for priority in PRIORITIES:
            self._waits.setdefault((kind, priority), Distribution())
        for end in ENDS:
            self._runs.setdefault((kind, end), Distribution())

    def _add(self, event: Event) -> None:
        kind = _named(event.type, self._types, TYPES)
        match event:
            case Created():
                _count(self._created, (kind,))
            case Started(_, priority, waited):
                labels = (kind, _named(priority, self._priorities, PRIORITIES))
                _count(self._started, labels)
                _observe(self._waits, labels, waited)
            case Finished(_, end, ran):
                _count(self._finished, (kind, end))
                _observe(self._runs, (kind, end), ran)
            case Requeued():
                _count(self._requeued, (kind,))


def _named(value: str, named: set[str], documented: Container[str]) -> str:
    """The value, or `other` where too many others are counted by name already."""
    if value not in named:
        if sum(one not in documented for one in named) >= MOST_OTHERS:
            return OTHER
        named.add(value)
    return value


def _count(counts: dict[Labels, int], labels: Labels) -> None:
    counts[labels] = counts.get(labels, 0) + 1


def _observe(durations: dict[Labels, Distribution], labels: Labels, seconds: float | None) -> None:
    if seconds is not None:
        durations[labels] = durations.get(labels, Distribution()).plus(seconds)
