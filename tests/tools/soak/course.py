"""How a run went."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tools.soak.process import Sample
    from tools.soak.watch import Watch
    from tools.soak.world import World


@dataclass(slots=True)
class Course:
    """Fills while the run goes on.

    Attributes:
        samples: of the process.
        recoveries: seconds from the end of a trouble until every pool was read again, by its kind.
        reloads: good and bad, by the answer's status.
        keys: rotated.
        watch: what was compared.
        visits: of the scrapers, by kind.
        failed_visits: by kind and status.
        agreeing: counters that are what the journals say.
        seconds: real ones.
        tracebacks: in the exporter's log.
        world: with its journals.
    """

    watch: Watch
    world: World
    samples: list[Sample] = field(default_factory=list)
    recoveries: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    reloads: Counter[int] = field(default_factory=Counter)
    keys: int = 0
    visits: Counter[str] = field(default_factory=Counter)
    failed_visits: Counter[str] = field(default_factory=Counter)
    agreeing: int = 0
    seconds: float = 0.0
    tracebacks: list[str] = field(default_factory=list)
