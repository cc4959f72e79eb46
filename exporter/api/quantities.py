"""Quantities of resources, as the API writes them, as cores, bytes and cards.

Every form that is documented somewhere for this API family is accepted:

    "8"  8  "8000m"  "1 Cores"  "0.5 Core"  "64Gi"  "32G"  "6.52 GiB"  "15548Mi"  "68719476736"  "1e3"

Anything else is unparsable: it is counted and left out, never read as 0.

    parse_quantity   one quantity             -> a number
    parse_amounts    a table by resource      -> `ParsedAmounts`
    parse_table      the same, still JSON     -> `ParsedAmounts`, cached
    RequestCache     the requests of the workloads of one listing
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

MAX_QUANTITY = 1e30
"""Cores, bytes or cards. A larger number is an error in the data; with this limit sums stay finite."""

MAX_TABLE_BYTES = 4096
"""Bytes of the JSON of one workload's request. A few resources take a hundred."""

_MAX_TEXT = 64
"""Characters of one quantity. It bounds the cache, and the time to parse one."""

_MAX_CACHED_QUANTITIES = 4096
_MAX_CACHED_TABLES = 1024
"""With `MAX_TABLE_BYTES`: 4 MiB of keys."""

_QUANTITY = re.compile(
    r"(?P<number>[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE](?P<exponent>[+-]?[0-9]{1,3})|\s*(?P<unit>[A-Za-z]+))?"
)

_DECIMAL = {prefix: Decimal(1000) ** power for power, prefix in enumerate(("k", "M", "G", "T", "P", "E"), 1)}
_BINARY = {f"{prefix}i": Decimal(1024) ** power for power, prefix in enumerate("KMGTPE", 1)}
_KUBERNETES_UNITS = {"m": Decimal("0.001"), **_DECIMAL, **_BINARY}
_UNITS_BY_RESOURCE = {
    CPU: {"Core": Decimal(1), "Cores": Decimal(1)},
    MEMORY: {
        **{f"{unit}B": factor for unit, factor in _BINARY.items()},
        **{f"{unit.upper()}B": factor for unit, factor in _DECIMAL.items()},
    },
}

_NO_CARDS = re.compile(r"ephemeral-storage|pods|hugepages-.*|attachable-volumes-.*|.*-(memory|core)")
"""Resources of Kubernetes and of device plugins that are no cards. ModelArts is not known to send any; as
cards they would be absurd numbers. Every other key is an accelerator."""

_UNPARSABLE = "?"
"""Stands for true, an object or an array in place of a quantity."""

_PLAIN = {str, int, float}


def parse_quantity(value: str | float, resource: str) -> float | None:
    """The amount in cores, bytes or cards; None if it is unparsable, negative or over `MAX_QUANTITY`.

    Args:
        value: as the API gives it.
        resource: `cpu`, `memory` or an accelerator's name; it decides whether `Cores` or `GiB` make sense.
    """
    if isinstance(value, str):
        if len(value) > _MAX_TEXT:
            return None
        return _parse_text(value, resource if resource in _UNITS_BY_RESOURCE else "")
    return value + 0.0 if 0 <= value <= MAX_QUANTITY else None  # adding 0.0 turns JSON's -0 into 0


@lru_cache(maxsize=_MAX_CACHED_QUANTITIES)
def _parse_text(text: str, resource: str) -> float | None:
    # Cached: the thousands of workloads of a pool share a few sizes.
    match = _QUANTITY.fullmatch(text.strip())
    if match is None:
        return None
    amount = Decimal(match["number"])
    if match["exponent"]:
        amount = amount.scaleb(int(match["exponent"]))
    elif match["unit"]:
        factor = _KUBERNETES_UNITS.get(match["unit"]) or _UNITS_BY_RESOURCE.get(resource, {}).get(
            match["unit"]
        )
        if factor is None:
            return None
        amount *= factor
    return float(amount) if amount <= MAX_QUANTITY else None


class ParsedAmounts(NamedTuple):
    """A table of quantities by resource, parsed.

    Attributes:
        amounts: by resource; None if not given, or unparsable.
        unparsable: the resources whose quantity is unparsable.
    """

    amounts: Amounts
    unparsable: tuple[str, ...]

    def zero_filled(self, resources: Iterable[str]) -> dict[str, float]:
        """The amounts by resource, with 0 for those of `resources` that the table leaves out."""
        unparsable = {*self.unparsable}
        missing = (name for name in resources if (name if name in RESOURCES else OTHER) not in unparsable)
        return {**dict.fromkeys(missing, 0.0), **self.amounts.known}

    def labelled(self, accelerators: LabelValues) -> ParsedAmounts:
        """The same with its accelerators under their label values."""
        cards: dict[str, float] = {}
        for name, amount in self.amounts.accelerators:
            label = accelerators[name]
            cards[label] = cards.get(label, 0.0) + amount
        return self._replace(amounts=self.amounts._replace(accelerators=tuple(sorted(cards.items()))))


_ALL_UNPARSABLE = ParsedAmounts(Amounts(), (OTHER,))


def parse_amounts(table: Any) -> ParsedAmounts:
    """The amounts of a decoded table; a resource that occurs twice is added up.

    Args:
        table: an object in real answers, an array of objects in one documented table, or None.
    """
    parts = table if isinstance(table, list) else [{} if table is None else table]
    if not all(isinstance(part, dict) for part in parts):
        parts = [{OTHER: _UNPARSABLE}]
    found: dict[str, float] = {}
    unparsable: list[str] = []
    for key, value in ((key, value) for part in parts for key, value in part.items()):
        if value is None or _NO_CARDS.fullmatch(key):
            continue
        resource = RENAMED_ACCELERATORS.get(key, key)
        amount = parse_quantity(value if type(value) in _PLAIN else _UNPARSABLE, resource)
        if amount is None:
            unparsable.append(resource if resource in RESOURCES else OTHER)
        else:
            found[resource] = found.get(resource, 0.0) + amount
    cpu_cores, memory_bytes = found.pop(CPU, None), found.pop(MEMORY, None)
    return ParsedAmounts(Amounts(cpu_cores, memory_bytes, tuple(sorted(found.items()))), tuple(unparsable))


def parse_table(table: bytes) -> ParsedAmounts:
    """The amounts of a table in JSON; all of it is unparsable if it is too long or cannot be decoded."""
    return _parse_table(table) if len(table) <= MAX_TABLE_BYTES else _ALL_UNPARSABLE


@lru_cache(maxsize=_MAX_CACHED_TABLES)
def _parse_table(table: bytes) -> ParsedAmounts:
    # Cached: the thousands of workloads of a pool share a few requests.
    try:
        return parse_amounts(msgspec.json.decode(table))
    except DECODE_ERRORS:  # a number like 1e400, which no float can hold
        return _ALL_UNPARSABLE


class RequestCache(dict[bytes, tuple[ParsedAmounts, bool]]):
    """The requests of the workloads of one listing, by their JSON, each with whether all of it is known.

    Args:
        accelerators: the listing's. A request for `other` cards is not known: they may be of any kind.
    """

    __slots__ = ("_accelerators",)

    def __init__(self, accelerators: LabelValues) -> None:
        super().__init__()
        self._accelerators = accelerators

    def __missing__(self, table: bytes) -> tuple[ParsedAmounts, bool]:
        parsed = parse_table(table).labelled(self._accelerators)
        known = not parsed.unparsable and all(name != OTHER for name, _ in parsed.amounts.accelerators)
        if len(self) < _MAX_CACHED_TABLES:
            self[table] = parsed, known
        return parsed, known
