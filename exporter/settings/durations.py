"""Durations as operators write them: `500ms`, `30s`, `5m`, `1h30m`, `1d12h`."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field

from exporter.quoting import quoted

_MILLISECONDS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}

# Nine digits of days are 2.7 million years: more is a slip of the finger.
_DURATION = re.compile("".join(f"(?:([0-9]{{1,9}}){unit})?" for unit in _MILLISECONDS))
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")

_EXAMPLES = "write it like 500ms, 30s, 5m, 1h30m or 1d"


def parse_duration(text: str) -> float:
    """A duration in seconds.

    Raises:
        ValueError: it is none; a number needs a unit, also 0.
    """
    if _NUMBER.fullmatch(text):
        raise ValueError(f"{quoted(text)} has no unit; {_EXAMPLES}")
    match = _DURATION.fullmatch(text)
    if not text or not match:
        raise ValueError(f"{quoted(text)} is no duration; {_EXAMPLES}")
    parts = zip(match.groups("0"), _MILLISECONDS.values(), strict=True)
    return sum(int(count) * factor for count, factor in parts) / 1_000


def _seconds(value: object) -> float:
    match value:
        case str():
            return parse_duration(value)
        case float():  # a default
            return value
        case _:
            raise ValueError(f"must be a duration; {_EXAMPLES}")


PositiveDuration = Annotated[float, BeforeValidator(_seconds), Field(gt=0)]
"""Seconds; more than none."""
