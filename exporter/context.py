"""What almost every part of the program needs: clock, worker, self metrics, snapshot store, rng."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from exporter.common.clock import Clock
    from exporter.self_metrics import SelfMetrics
    from exporter.snapshot.store import SnapshotStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The objects that exist once per process and are passed down everywhere.

    A part that needs only one of them takes that one.

    Attributes:
        clock: the time, and waits.
        worker: runs slow work off the event loop, one task at a time.
        self_metrics: what the exporter counts about itself.
        store: the newest state of every pool.
        rng: for jitter.
    """

    clock: Clock
    worker: Executor
    self_metrics: SelfMetrics
    store: SnapshotStore
    rng: random.Random = field(default_factory=random.Random)

    def with_own_rng(self) -> Context:
        """The same with a random generator of its own, so that others who draw numbers do not affect it."""
        return replace(self, rng=random.Random(self.rng.random()))  # noqa: S311  (jitter is no secret)
