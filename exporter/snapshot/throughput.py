"""What got through a pool: how many workloads were created, started, finished and requeued; waits and runs.

Only grows, for as long as the pool is watched; with `state.path` also over restarts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from exporter.snapshot.workload import FINISHED, PRIORITIES, STATUSES, TYPES, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.snapshot.distribution import Distribution

Labels = tuple[str, ...]
"""Values of a family's own labels."""

ENDS = (*(status for status in STATUSES if status in FINISHED), UNKNOWN)
"""How a workload ends; unknown: it vanished without a final status."""


def _of_types() -> Mapping[Labels, int]:
    return dict.fromkeys(((kind,) for kind in TYPES), 0)


def _of_starts() -> Mapping[Labels, int]:
    return dict.fromkeys(((kind, priority) for kind in TYPES for priority in PRIORITIES), 0)


def _of_ends() -> Mapping[Labels, int]:
    return dict.fromkeys(((kind, end) for kind in TYPES for end in ENDS), 0)


@dataclass(frozen=True, slots=True)
class Throughput:
    """Counts and durations since the pool was first listed.

    Counts are there for every documented value from the start: `rate()` and `increase()` do not see the event
    with which a series begins. Distributions, eighteen series each, begin when a type is first listed.

    Attributes:
        created: workloads that appeared, by (type,).
        started: those that were given their resources, by (type, priority).
        finished: those that ended, by (type, end); an end is one of `ENDS`.
        requeued: those that went back to the queue, by (type,).
        waits: how long those that started had waited, by (type, priority).
        runs: how long those that ended had run, by (type, end).
    """

    created: Mapping[Labels, int] = field(default_factory=_of_types)
    started: Mapping[Labels, int] = field(default_factory=_of_starts)
    finished: Mapping[Labels, int] = field(default_factory=_of_ends)
    requeued: Mapping[Labels, int] = field(default_factory=_of_types)
    waits: Mapping[Labels, Distribution] = field(default_factory=dict)
    runs: Mapping[Labels, Distribution] = field(default_factory=dict)
