"""How long the workloads of a pool may wait, as configured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.snapshot.workload import PRIORITIES, TYPES

if TYPE_CHECKING:
    import re
    from collections.abc import Mapping

OTHER = "other"
"""Stands for every type, or priority, that is not documented: alert rules fall back on it."""

DEFAULT = "default"
"""Among the priorities of a rule: every one that it does not name."""

_QUEUES = tuple((kind, priority) for kind in (*TYPES, OTHER) for priority in (*PRIORITIES, OTHER))


@dataclass(frozen=True, slots=True)
class Rule:
    """Thresholds for some pools.

    Attributes:
        match: found in a pool's ID or display name where the rule holds for it; None: for every pool.
        seconds: by (type, priority).
    """

    match: re.Pattern[str] | None
    seconds: Mapping[tuple[str, str], float]

    def concerns(self, pool: str, name: str | None) -> bool:
        """Whether the rule is for this pool."""
        return self.match is None or any(self.match.search(text) for text in (pool, name) if text)


@dataclass(frozen=True, slots=True)
class PendingThresholds:
    """Of one pool.

    Attributes:
        seconds: by (type, priority), for every documented one and `OTHER`.
    """

    seconds: Mapping[tuple[str, str], float]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Of every pool.

    Attributes:
        rules: where several name the same, the first holds.
    """

    rules: tuple[Rule, ...] = ()

    def of(self, pool: str, name: str | None) -> PendingThresholds:
        """A pool's, by its ID and display name."""
        seconds: dict[tuple[str, str], float] = {}
        for rule in self.rules:
            if rule.concerns(pool, name):
                for kind, priority in _QUEUES:
                    named = rule.seconds.get((kind, priority), rule.seconds.get((kind, DEFAULT)))
                    if named is not None:
                        seconds.setdefault((kind, priority), named)
        return PendingThresholds(seconds)
