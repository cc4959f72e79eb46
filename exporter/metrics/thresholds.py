"""How long the workloads of a pool may wait, by configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.snapshot.pool import matches
from exporter.snapshot.workload import OTHER, PRIORITIES, TYPES

if TYPE_CHECKING:
    import re
    from collections.abc import Mapping

DEFAULT = "default"
"""As a priority in a rule: every priority that the rule does not name."""

# Alert rules fall back on OTHER for types and priorities that are not documented.
_QUEUES = tuple((kind, priority) for kind in (*TYPES, OTHER) for priority in (*PRIORITIES, OTHER))


@dataclass(frozen=True, slots=True)
class Rule:
    """Thresholds for some pools.

    Attributes:
        match: the rule applies to pools with a match in their ID or display name; None: to every pool.
        seconds: by (type, priority).
    """

    match: re.Pattern[str] | None
    seconds: Mapping[tuple[str, str], float]

    def applies_to(self, pool: str, name: str | None) -> bool:
        """Whether the rule applies to the pool with this ID and display name."""
        return self.match is None or matches(self.match, pool, name)


@dataclass(frozen=True, slots=True)
class PendingThresholds:
    """The thresholds of one pool.

    Attributes:
        seconds: by (type, priority), for every documented type and priority and `OTHER`.
    """

    seconds: Mapping[tuple[str, str], float]

    def limit(self, kind: str, priority: str) -> float | None:
        """Seconds that a workload of this type and priority may wait; None without any threshold."""
        return self.seconds.get(
            (kind if kind in TYPES else OTHER, priority if priority in PRIORITIES else OTHER)
        )


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The thresholds of every pool.

    Attributes:
        rules: of several rules for the same pool, type and priority, the first applies.
    """

    rules: tuple[Rule, ...] = ()

    def of(self, pool: str, name: str | None) -> PendingThresholds:
        """The thresholds of the pool with this ID and display name."""
        seconds: dict[tuple[str, str], float] = {}
        for rule in self.rules:
            if rule.applies_to(pool, name):
                for kind, priority in _QUEUES:
                    found = rule.seconds.get((kind, priority), rule.seconds.get((kind, DEFAULT)))
                    if found is not None:
                        seconds.setdefault((kind, priority), found)
        return PendingThresholds(seconds)
