"""The cloud's answers read once more: plain, slow and exact, from the documentation alone."""

from __future__ import annotations

import json
import re
import sys
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


def beyond_floats(value: Any) -> bool:
    """Whether it has a number that no float can hold, at any depth."""
    match value:
        case dict():
            return any(map(beyond_floats, value.values()))
        case list():
            return any(map(beyond_floats, value))
        case Decimal():
            return abs(value) > Decimal(sys.float_info.max)
        case int():
            return abs(value) > sys.float_info.max
        case _:
            return False


def nodes(host_ips: str, listed: Any) -> int | None:
    """On how many nodes a workload runs: its different hosts, or where none is named, the nodes listed."""
    hosts = [host.strip() for host in host_ips.split(",") if host.strip()]
    if hosts:
        return len(set(hosts))
    return len(listed) if listed else (0 if host_ips else None)


def free_cards(node: Any) -> dict[str, Fraction]:
    """The free cards of one node, by accelerator; empty where it does not tell."""
    status = _object(node.get("status"))
    whole, _ = requested(_object(status.get("resources")))
    left, parse_table = requested(_object(status.get("availableResources")))
    names = {name for name in (*whole, *left) if name not in {"cpu", "memory"}}
    told = names & left.keys()
    if status.get("phase", "Available") != "Available":
        return dict.fromkeys(names, Fraction(0))
    annotations = _object(_object(node.get("metadata")).get("annotations"))
    placement = annotations.get("os.modelarts/npu-topology-placement")
    if len(names) == 1 and not told and isinstance(placement, str) and re.fullmatch("[01]+", placement):
        return {name: max(Fraction(0), whole[name] - placement.count("1")) for name in names}
    if not left:
        return {}
    return {name: left.get(name, Fraction(0)) for name in names if name in left or parse_table}


def counted_nodes(resources: Any) -> dict[tuple[str, str], Fraction]:
    """A pool's nodes by flavor and state; empty where anything of them is not understood."""
    states = ("creating", "available", "abnormal", "deleting")
    found: dict[tuple[str, str], Fraction] = {}
    for state in states:
        groups = _object(resources).get(state) or []
        for group in groups if isinstance(groups, list) else [groups]:
            flavor, count = _object(group).get("flavor"), _object(group).get("count")
            amounts, whole = requested({"nodes": count})
            number = amounts.get("nodes")
            if not isinstance(flavor, str) or not whole or number is None or number.denominator != 1:
                return {}
            for each in states:
                found[flavor, each] = found.get((flavor, each), Fraction(0)) + (
                    number if each == state else 0
                )
    return found


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def is_name(text: str) -> bool:
    """Whether Kubernetes would let a pool or a node be called so, or nearly."""
    return re.fullmatch("[A-Za-z0-9][A-Za-z0-9._-]{0,252}", text) is not None


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
