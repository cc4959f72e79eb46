"""What outlives a configuration: made once by the command, handed to all that a configuration asks for."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Executor
    from pathlib import Path

    from exporter.common.clock import Clock
    from exporter.credentials.lockout import Lockout
    from exporter.lifecycle.tracker import Tracker
    from exporter.self_metrics import SelfMetrics
    from exporter.snapshot.store import SnapshotStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The process's own, whatever is configured.

    Attributes:
        clock: the time.
        store: what is known of the pools.
        tracker: what is remembered of them between two listings.
        worker: does what takes long, one thing after the other, off the event loop.
        self_metrics: what the exporter counts about itself.
        lockout: keeps refused credentials from being locked, whatever is configured anew.
        environment: the process's, for credentials.
        home: the user's home directory, for credentials.
        rng: for jitter.
    """

    clock: Clock
    store: SnapshotStore
    tracker: Tracker
    worker: Executor
    self_metrics: SelfMetrics
    lockout: Lockout
    environment: Mapping[str, str]
    home: Path
    rng: random.Random = field(default_factory=random.Random)
