"""What the cloud plans to do to a pool's nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

EVENT_TYPES = (
    "system-maintenance",
    "localdisk-recovery",
    "node_reboot",
    "operation-request",
    "node_maintenance",
    "node_redeploy",
    "node_localdisk_recovery",
)
"""The documented types of scheduled events; others may occur."""

EVENT_STATES = ("inquiring", "scheduled", "executing", "completed", "failed", "canceled")
"""The documented states; others may occur. inquiring: it waits for the user's consent."""

AHEAD = ("inquiring", "scheduled")
"""The states in which an event has not begun."""


@dataclass(frozen=True, slots=True)
class ScheduledEvents:
    """The scheduled events of a pool.

    Attributes:
        counts: how many there are by (type, state), 0 included for documented types and the states that are
            ahead or under way.
        next_start: when the earliest of those that are ahead begins, in Unix time; None if there is none, or
            none has a time.
    """

    counts: Mapping[tuple[str, str], int]
    next_start: float | None = None
