"""A table of resources, as the API writes it, -> amounts in cores, bytes and cards."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from exporter.api.quantity import quantity
from exporter.api.wire import RENAMED_ACCELERATORS
from exporter.snapshot.capacity import Amounts
from exporter.snapshot.workload import CPU, MEMORY, OTHER_RESOURCE, RESOURCES

if TYPE_CHECKING:
    from collections.abc import Iterable

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
        missing = (name for name in resources if (name if name in RESOURCES else OTHER_RESOURCE) not in odd)
        return {**dict.fromkeys(missing, 0.0), **self.amounts.known}


@lru_cache(maxsize=4096)
def understood(table: bytes) -> Understood:
    """All amounts of a table in JSON. Cached: thousands of workloads ask for a handful of shapes."""
    return added_up(msgspec.json.decode(table))


def added_up(table: Any) -> Understood:
    """All amounts of a table: an object in the real answers, an array of them in one documented table."""
    parts = table if isinstance(table, list) else [{} if table is None else table]
    if not all(isinstance(part, dict) for part in parts):
        parts = [{OTHER_RESOURCE: _ODD}]  # it tells of something that nobody understands
    found: dict[str, float] = {}
    unparsable: list[str] = []
    for key, value in ((key, value) for part in parts for key, value in part.items()):
        if value is None:
            continue
        resource = RENAMED_ACCELERATORS.get(key, key)
        amount = quantity(value if type(value) in _PLAIN else _ODD, resource)
        if amount is None:
            unparsable.append(resource if resource in RESOURCES else OTHER_RESOURCE)
        else:
            found[resource] = found.get(resource, 0.0) + amount
    cpu_cores, memory_bytes = found.pop(CPU, None), found.pop(MEMORY, None)
    return Understood(Amounts(cpu_cores, memory_bytes, tuple(sorted(found.items()))), tuple(unparsable))
