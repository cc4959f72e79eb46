"""The cloud's answers read once more: plain, slow and exact, from the documentation alone."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from fractions import Fraction
from typing import Any

LONGEST = 64
"""Characters up to which a text must be kept as it is, and a quantity be understood."""

MOST = 10**30
EARLIEST = 1_420_070_400
"""2015: the API is younger."""

CENTURY = 100 * 365.25 * 86400

_BINARY = {f"{letter}i": 1024**power for power, letter in enumerate("KMGTPE", 1)}
_DECIMAL = {letter: 1000**power for power, letter in enumerate("kMGTPE", 1)}
_UNITS = {"": Fraction(1), "m": Fraction(1, 1000)} | {
    unit: Fraction(factor) for unit, factor in (_BINARY | _DECIMAL).items()
}
_SPOKEN = {
    "cpu": {"Core": Fraction(1), "Cores": Fraction(1)},
    "memory": {f"{unit.upper() if len(unit) == 1 else unit}B": _UNITS[unit] for unit in _BINARY | _DECIMAL},
}
_RENAMED = {
    "huawei.com/ascend-snt3": "huawei.com/ascend-310",
    "huawei.com/ascend-snt9": "huawei.com/ascend-1980",
}


def amount(text: str, resource: str) -> Fraction | None:
    """Cores, bytes or cards; None where no documentation has such a form."""
    if len(text) > LONGEST:
        return None
    text = text.strip()
    number = re.match("[0-9.]*", text)
    digits = number.group() if number else ""
    unit = text[len(digits) :]
    whole, _, fraction = digits.partition(".")
    if digits.count(".") > 1 or not whole + fraction:
        return None
    value = Fraction(int(whole + fraction), 10 ** len(fraction))
    exponent = re.fullmatch("[eE]([+-]?[0-9]{1,3})", unit)
    if exponent:
        value *= Fraction(10) ** int(exponent[1])
    else:
        factor = (_UNITS | _SPOKEN.get(resource, {})).get(unit.lstrip())
        if factor is None or (unit != unit.lstrip() and not unit.strip()):
            return None
        value *= factor
    return value if value <= MOST else None


def requested(table: Any) -> tuple[dict[str, Fraction], bool]:
    """What a workload asks for, and whether all of it is understood."""
    parts = table if isinstance(table, list) else [{} if table is None else table]
    found: dict[str, Fraction] = {}
    if not all(isinstance(part, dict) for part in parts):
        return found, False
    whole = True
    for key, value in ((key, value) for part in parts for key, value in part.items() if value is not None):
        name = _RENAMED.get(key, key)
        if isinstance(value, str):
            one = amount(value, name)
        elif isinstance(value, (int, Decimal)) and not isinstance(value, bool) and 0 <= value <= MOST:
            one = Fraction(float(value))
        else:
            one = None
        whole = whole and one is not None
        if one is not None:
            found[name] = found.get(name, Fraction(0)) + one
    return found, whole


def parsed(body: bytes) -> Any:
    """Python's own reading, numbers with a fraction exact, half characters spelt out."""
    return _mended(json.loads(body, parse_float=Decimal))


def _mended(value: Any) -> Any:
    match value:
        case str():
            return value.encode(errors="backslashreplace").decode()
        case list():
            return [_mended(one) for one in value]
        case dict():
            return {_mended(key): _mended(one) for key, one in value.items()}
        case _:
            return value
