"""A table of resources, as the API writes it, -> amounts in cores, bytes and cards."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from exporter.api.quantity import quantity
from exporter.api.wire import RENAMED_ACCELERATORS
from exporter.snapshot.capacity import Amounts
from exporter.snapshot.workload import CPU, MEMORY, OTHER_RESOURCE, RESOURCES

if TYPE_CHECKING:
    from exporter.api.wire import Requirement

ODD = "?"
"""Stands for true, an object or an array where an amount should be: in no known form."""

_PLAIN = {str, int, float, type(None)}


class Understood(NamedTuple):
    """What could be read of a table of resources.

    Attributes:
        amounts: added up; None where not given, or in no known form.
        unparsable: the resources whose amount is in no known form.
    """

    amounts: Amounts
    unparsable: tuple[str, ...]


def added_up(table: Requirement) -> Understood:
    """All amounts of a table: an object in the real answers, an array of them in one documented table."""
    parts = table if isinstance(table, list) else [table or {}]
    return _added_up(
        tuple(
            [(key, value if type(value) in _PLAIN else ODD) for part in parts for key, value in part.items()]
        )
    )


@lru_cache(maxsize=4096)
def _added_up(items: tuple[tuple[str, str | float | None], ...]) -> Understood:
    # Cached: thousands of workloads ask for a handful of shapes.
    found: dict[str, float] = {}
    unparsable: list[str] = []
    for key, value in items:
        if value is None:
            continue
        resource = RENAMED_ACCELERATORS.get(key, key)
        amount = quantity(value, resource)
        if amount is None:
            unparsable.append(resource if resource in RESOURCES else OTHER_RESOURCE)
        else:
            found[resource] = found.get(resource, 0.0) + amount
    cpu_cores, memory_bytes = found.pop(CPU, None), found.pop(MEMORY, None)
    return Understood(Amounts(cpu_cores, memory_bytes, tuple(sorted(found.items()))), tuple(unparsable))
