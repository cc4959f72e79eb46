"""What is told of a fault: how it happens, and what is expected of the exporter meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tools.faults.world import A, B

if TYPE_CHECKING:
    from tools.faults.happenings import Happening

Shown = Literal["down", "short", "gone", "well"]
"""What is to be seen of the pools that are hit: `up` is 0 and their figures last until they are stale; their
listings are told to be incomplete; no series at all; nothing.
"""

POOL, PROJECT = (A,), (A, B)

RETRIED = 3.0
"""Requests at most, as a multiple of the usual number, where it makes sense to ask again at once."""

ONCE = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that goes wrong.

    Attributes:
        name: for the page.
        happens: how it begins and ends.
        hits: the pools that suffer.
        shown: what is to be seen of them.
        outcomes: how their polls may end meanwhile.
        most: requests at most, as a multiple of the usual number.
        minutes: how long it lasts; 0 for what is over as soon as it has begun.
        well_within: seconds after its end in which all must be well again.
        credentials: of the project: key files, an IAM user's password, the machine's agency.
        discover: whether its pools are discovered.
        workloads: in pool A.
    """

    name: str
    happens: Happening
    hits: tuple[str, ...] = POOL
    shown: Shown = "down"
    outcomes: tuple[str, ...] = ()
    most: float = ONCE
    minutes: int = 10
    well_within: float = 66.0
    credentials: Literal["key", "password", "agency"] = "key"
    discover: bool = False
    workloads: int = 3
