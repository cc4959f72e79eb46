"""Which pool somebody may have meant."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from exporter.common.text import escape_unprintable

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST = 3


def near_misses(pool: str, names: Mapping[str, str]) -> str:
    """Pools whose ID or display name is close to this one, as text; empty where none is.

    Args:
        pool: what was configured, perhaps a display name or a mistyped ID.
        names: display names by ID; where the pool is one of them it is not mistyped, but was there until now.
    """
    if pool in names:
        return ""
    ids = {name.casefold(): other for other, name in names.items()} | {other: other for other in names}
    matches = get_close_matches(pool.casefold(), ids, n=_MOST, cutoff=0.7)
    close = dict.fromkeys(ids[match] for match in matches)
    return " or ".join(
        f"{other} ({escape_unprintable(names[other])})" if names[other] != other else other for other in close
    )
