"""The runtime metrics of a project's pools -> what each has, and what of it is held.

Source: the API reference's "Querying Real-Time Resource Usage" (ShowPoolRuntimeMetrics). In its example the
allocated amounts leave out the accelerator that the capacity names, and no job holds one: so what is missing
among allocated amounts is 0, where there are such amounts at all.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from exporter.api.json import decode_list, json_object
from exporter.api.label_limits import accelerator_labels
from exporter.api.quantities import ParsedAmounts, parse_amounts
from exporter.snapshot.resources import Amounts, Capacity
from exporter.snapshot.workload import CPU, MEMORY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.api.label_limits import LabelValues


@dataclass(frozen=True, slots=True)
class Capacities:
    """The pools of one answer.

    Attributes:
        pools: by ID.
        unparsable: how many quantities were in no known form, by resource.
    """

    pools: Mapping[str, Capacity]
    unparsable: Mapping[str, int]


def decode_capacities(body: bytes, *, where: str) -> Capacities:
    """Understand one answer.

    Args:
        body: its bytes.
        where: what was asked, for the error.

    Raises:
        BadResponse: it is no list of pools.
    """
    pools: dict[str, Capacity] = {}
    unparsable: Counter[str] = Counter()
    for pool, item in decode_list(body, what="pools' metrics", where=where).items.items():
        table, kinds = json_object(item.table), accelerator_labels()
        total, allocated = _amounts(table, "capacity", kinds), _amounts(table, "allocated", kinds)
        if total is None:
            continue
        unparsable.update((*total.unparsable, *(allocated.unparsable if allocated else ())))
        held = _held(allocated, total.amounts) if allocated else Amounts()
        pools[pool] = Capacity(total.amounts, held)
    return Capacities(pools, unparsable)


def _amounts(table: Mapping[str, Any], which: str, kinds: LabelValues) -> ParsedAmounts | None:
    match table.get(which):
        case {"value": dict(value)}:
            return parse_amounts(value).labelled(kinds)
        case _:
            return None


def _held(allocated: ParsedAmounts, total: Amounts) -> Amounts:
    held = allocated.zero_filled(total.known)
    cpu_cores, memory_bytes = held.pop(CPU, None), held.pop(MEMORY, None)
    return Amounts(cpu_cores, memory_bytes, tuple(sorted(held.items())))
