"""What a single poll of a whole project came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exporter.common.errors import PollError
    from exporter.snapshot.pool import PoolState


@dataclass(frozen=True, slots=True)
class Round:
    """One poll of every pool of a project.

    Attributes:
        states: the pools after it.
        undiscovered: why the pools could not be discovered, if they had to be and could not.
        elsewhere: how many of the project's pools other shards watch.
    """

    states: tuple[PoolState, ...]
    undiscovered: PollError | None
    elsewhere: int = 0

    @property
    def well(self) -> bool:
        """Whether there are pools, and every one that is polled here was read completely."""
        return bool(self.states or self.elsewhere) and all(state.outcome == "ok" for state in self.states)
