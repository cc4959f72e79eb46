"""Quantities of resources, in every form that is documented somewhere for this API family.

    "8"  8  "8000m"  "1 Cores"  "0.5 Core"  "64Gi"  "32G"  "6.52 GiB"  "15548Mi"  "68719476736"  "1e3"

Anything else is None: it is counted and left out, never read as 0.

A table of resources, as the API writes it, -> amounts in cores, bytes and cards.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from exporter.api.schema import RENAMED_ACCELERATORS
from exporter.snapshot.resources import Amounts
from exporter.snapshot.workload import CPU, MEMORY, OTHER, RESOURCES
from exporter.transport.http import DECODE_ERRORS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from exporter.api.label_limits import LabelValues

MOST = 1e30
"""More than there is of anything: beyond it a number is a mistake. So sums stay finite too."""

_LONGEST = 64
"""Characters; so what is kept understood is bounded, and no number takes long to read."""

_QUANTITY = re.compile(
    r"(?P<number>[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE](?P<exponent>[+-]?[0-9]{1,3})|\s*(?P<unit>[A-Za-z]+))?"
)

_DECIMAL = {prefix: Decimal(1000) ** power for power, prefix in enumerate(("k", "M", "G", "T", "P", "E"), 1)}
_BINARY = {f"{prefix}i": Decimal(1024) ** power for power, prefix in enumerate("KMGTPE", 1)}
_KUBERNETES = {"m": Decimal("0.001"), **_DECIMAL, **_BINARY}
_SPOKEN = {
    CPU: {"Core": Decimal(1), "Cores": Decimal(1)},
    MEMORY: {
        **{f"{unit}B": factor for unit, factor in _BINARY.items()},
        **{f"{unit.upper()}B": factor for unit, factor in _DECIMAL.items()},
    },
}


def parse_quantity(value: str | float, resource: str) -> float | None:
    """The amount in cores, bytes or cards; None where the form is unknown, negative or beyond `MOST`.

    Args:
        value: as the API gives it.
        resource: `cpu`, `memory` or an accelerator's name; it decides which spoken units make sense.
    """
    if isinstance(value, str):
        return None if len(value) > _LONGEST else _parsed(value, resource if resource in _SPOKEN else "")
    return value + 0.0 if 0 <= value <= MOST else None  # JSON knows a -0, and nobody wants to see it


@lru_cache(maxsize=4096)
def _parsed(text: str, resource: str) -> float | None:
    # Cached: a pool's thousands of workloads ask for a handful of sizes.
    match = _QUANTITY.fullmatch(text.strip())
    if match is None:
        return None
    amount = Decimal(match["number"])
    if match["exponent"]:
        amount = amount.scaleb(int(match["exponent"]))
    elif match["unit"]:
        factor = _KUBERNETES.get(match["unit"]) or _SPOKEN.get(resource, {}).get(match["unit"])
        if factor is None:
            return None
        amount *= factor
    return float(amount) if amount <= MOST else None


MAX_TABLE_BYTES = 4096
"""Bytes of what one workload requests. A few resources take a hundred; so what is kept of them is bounded."""

_MOST_TABLES = 1024
"""Different tables that are kept understood: 4 MiB."""

_ODD = "?"
"""Stands for true, an object or an array where an amount should be: in no known form."""

_PLAIN = {str, int, float}


class ParsedAmounts(NamedTuple):
    """What could be read of a table of resources.

    Attributes:
        amounts: added up; None where not given, or in no known form.
        unparsable: the resources whose amount is in no known form.
    """

    amounts: Amounts
    unparsable: tuple[str, ...]

    def zero_filled(self, resources: Iterable[str]) -> dict[str, float]:
        """The amounts by resource, with 0 for those of `resources` that the table leaves out."""
        odd = {*self.unparsable}
        missing = (name for name in resources if (name if name in RESOURCES else OTHER) not in odd)
        return {**dict.fromkeys(missing, 0.0), **self.amounts.known}

    def shown_as(self, kinds: LabelValues) -> ParsedAmounts:
        """The same with its accelerators under the names that they are shown by."""
        accelerators: dict[str, float] = {}
        for name, cards in self.amounts.accelerators:
            shown = kinds[name]
            accelerators[shown] = accelerators.get(shown, 0.0) + cards
        return self._replace(amounts=self.amounts._replace(accelerators=tuple(sorted(accelerators.items()))))


def parse_table(table: bytes) -> ParsedAmounts:
    """All amounts of a table in JSON; one that is too long, or cannot be read, is in no known form."""
    return _decoded_items(table) if len(table) <= MAX_TABLE_BYTES else _NOTHING_KNOWN


_NOTHING_KNOWN = ParsedAmounts(Amounts(), (OTHER,))


@lru_cache(maxsize=_MOST_TABLES)
def _decoded_items(table: bytes) -> ParsedAmounts:
    # Cached: thousands of workloads ask for a handful of shapes.
    try:
        return parse_amounts(msgspec.json.decode(table))
    except DECODE_ERRORS:  # a number like 1e400, which no float holds
        return _NOTHING_KNOWN


def parse_amounts(table: Any) -> ParsedAmounts:
    """All amounts of a table: an object in the real answers, an array of them in one documented table."""
    parts = table if isinstance(table, list) else [{} if table is None else table]
    if not all(isinstance(part, dict) for part in parts):
        parts = [{OTHER: _ODD}]  # it tells of something that nobody understands
    found: dict[str, float] = {}
    unparsable: list[str] = []
    for key, value in ((key, value) for part in parts for key, value in part.items()):
        if value is None:
            continue
        resource = RENAMED_ACCELERATORS.get(key, key)
        amount = parse_quantity(value if type(value) in _PLAIN else _ODD, resource)
        if amount is None:
            unparsable.append(resource if resource in RESOURCES else OTHER)
        else:
            found[resource] = found.get(resource, 0.0) + amount
    cpu_cores, memory_bytes = found.pop(CPU, None), found.pop(MEMORY, None)
    return ParsedAmounts(Amounts(cpu_cores, memory_bytes, tuple(sorted(found.items()))), tuple(unparsable))


class Requests(dict[bytes, tuple[ParsedAmounts, bool]]):
    """What the workloads of one listing request, by its JSON; and whether that is all known.

    Args:
        kinds: the listing's accelerators. What counts as `other` is not known to fit anywhere.
    """

    __slots__ = ("_kinds",)

    def __init__(self, kinds: LabelValues) -> None:
        super().__init__()
        self._kinds = kinds

    def __missing__(self, table: bytes) -> tuple[ParsedAmounts, bool]:
        found = parse_table(table).shown_as(self._kinds)
        answer = found, not found.unparsable and all(name != OTHER for name, _ in found.amounts.accelerators)
        if len(self) < _MOST_TABLES:
            self[table] = answer
        return answer
