"""What the project's list of pools says of one of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PHASES = ("Creating", "Running", "Abnormal", "Deleting", "Error")
"""The documented phases of a pool; an open set."""

NODE_STATES = ("creating", "available", "abnormal", "deleting")
"""The states by which the API counts a pool's nodes."""


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """A pool as `GET /v2/{project_id}/pools` lists it; "" is "the API did not say".

    Attributes:
        name: its display name; its ID where it has none.
        phase: one of `PHASES`, or another.
        type: Dedicate (a pool of its own nodes) or Logical (a share of one), or another.
        queue_strategy: by which rule its queue is served.
        nodes: how many nodes by (flavor, state), 0 included; empty where not known.
    """

    name: str
    phase: str = ""
    type: str = ""
    queue_strategy: str = ""
    nodes: Mapping[tuple[str, str], float] = field(default_factory=dict)
