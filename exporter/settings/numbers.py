"""Whole numbers, as a file, a variable or a flag gives them."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator

_WHOLE = re.compile(r"\s*[+-]?[0-9]+\s*", re.ASCII)


def _whole(value: object) -> object:
    """Without pydantic's kindness to 4.0 and true: who writes those means something else."""
    if isinstance(value, bool | float) or (isinstance(value, str) and not _WHOLE.fullmatch(value)):
        raise ValueError("must be a whole number, like 8")
    return value


WholeNumber = Annotated[int, BeforeValidator(_whole)]
