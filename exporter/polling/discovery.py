"""Which of a project's pools are watched, where they are not named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import re


@dataclass(frozen=True, slots=True)
class Discovery:
    """Which pools to watch, of those that the project has.

    Attributes:
        include: a pool is watched when this is found in its ID or display name...
        exclude: ...and this, if given, is not.
    """

    include: re.Pattern[str]
    exclude: re.Pattern[str] | None

    def wants(self, pool: str, name: str) -> bool:
        """Whether to watch a pool."""
        return _found(self.include, pool, name) and not (self.exclude and _found(self.exclude, pool, name))


def _found(pattern: re.Pattern[str], *texts: str) -> bool:
    return any(pattern.search(text) for text in texts)
