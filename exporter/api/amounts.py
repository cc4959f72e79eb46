"""A table of resources, as the API writes it, -> amounts in cores, bytes and cards."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from exporter.api.quantity import quantity
from exporter.api.wire import RENAMED_ACCELERATORS
from exporter.snapshot.capacity import Amounts
from exporter.snapshot.workload import CPU, MEMORY, OTHER, RESOURCES
from exporter.transport import UNDECODABLE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from exporter.api.labels import Kinds

LONGEST_TABLE = 4096
"""Bytes of what one workload requests. A few resources take a hundred; so what is kept of them is bounded."""

_MOST_TABLES = 1024
"""Different tables that are kept understood: 4 MiB."""

_ODD = "?"
"""Stands for true, an object or an array where an amount should be: in no known form."""

_PLAIN = {str, int, float}


class Understood(NamedTuple):
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

    def shown_as(self, kinds: Kinds) -> Understood:
        """The same with its accelerators under the names that they are shown by."""
        accelerators: dict[str, float] = {}
        for name, cards in self.amounts.accelerators:
            shown = kinds[name]
            accelerators[shown] = accelerators.get(shown, 0.0) + cards
        return self._replace(amounts=self.amounts._replace(accelerators=tuple(sorted(accelerators.items()))))


def understood(table: bytes) -> Understood:
    """All amounts of a table in JSON; one that is too long, or cannot be read, is in no known form."""
    return _understood(table) if len(table) <= LONGEST_TABLE else _NOTHING_KNOWN


_NOTHING_KNOWN = Understood(Amounts(), (OTHER,))


@lru_cache(maxsize=_MOST_TABLES)
def _understood(table: bytes) -> Understood:
    # Cached: thousands of workloads ask for a handful of shapes.
    try:
        return added_up(msgspec.json.decode(table))
    except UNDECODABLE:  # a number like 1e400, which no float holds
        return _NOTHING_KNOWN


def added_up(table: Any) -> Understood:
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
        amount = quantity(value if type(value) in _PLAIN else _ODD, resource)
        if amount is None:
            unparsable.append(resource if resource in RESOURCES else OTHER)
        else:
            found[resource] = found.get(resource, 0.0) + amount
    cpu_cores, memory_bytes = found.pop(CPU, None), found.pop(MEMORY, None)
    return Understood(Amounts(cpu_cores, memory_bytes, tuple(sorted(found.items()))), tuple(unparsable))


class Requests(dict[bytes, tuple[Understood, bool]]):
    """What the workloads of one listing request, by its JSON; and whether that is all known.

    Args:
        kinds: the listing's accelerators. What counts as `other` is not known to fit anywhere.
    """

    __slots__ = ("_kinds",)

    def __init__(self, kinds: Kinds) -> None:
        super().__init__()
        self._kinds = kinds

    def __missing__(self, table: bytes) -> tuple[Understood, bool]:
        found = understood(table).shown_as(self._kinds)
        answer = found, not found.unparsable and all(name != OTHER for name, _ in found.amounts.accelerators)
        if len(self) < _MOST_TABLES:
            self[table] = answer
        return answer
