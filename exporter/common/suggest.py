"""Known names that are spelled like an unknown one, for "did you mean ...?"."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection


def similar(name: str, known: Collection[str], *, limit: int, cutoff: float = 0.6) -> list[str]:
    """The known names that are most like this one, the closest first.

    Args:
        name: what was written.
        known: what could have been meant.
        limit: how many at most.
        cutoff: how similar they have to be: 0 for anything, 1 for the same.
    """
    return get_close_matches(name, known, n=limit, cutoff=cutoff)


def did_you_mean(name: str, known: Collection[str]) -> str:
    """`did you mean X?` with the closest known name; empty if none is close."""
    closest = similar(name, known, limit=1)
    return f"did you mean {closest[0]}?" if closest else ""
