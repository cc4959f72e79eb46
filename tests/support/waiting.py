"""Waiting for what another process does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_Seen = TypeVar("_Seen")
_BETWEEN = 0.02
"""Seconds between two looks."""


async def until(look: Callable[[], Awaitable[_Seen]], wanted: Callable[[_Seen], object] = bool) -> _Seen:
    """Look again and again until what is seen is wanted, and return it; a test that waits in vain times out.

    The short sleep between two looks leaves the processor to the process that is waited for. It is no
    assertion on time: with a shorter or longer one the result is the same, sooner or later.
    """
    while not wanted(seen := await look()):
        await asyncio.sleep(_BETWEEN)
    return seen
