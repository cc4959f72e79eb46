"""What was read, and how long it may be believed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Dated(Generic[T]):
    """Something that gets too old to be shown.

    Attributes:
        value: what was read.
        fresh_until: the monotonic moment from which on it is not shown any more.
    """

    value: T
    fresh_until: float
