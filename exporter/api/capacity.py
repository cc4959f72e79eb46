"""Decodes the runtime metrics of a project's pools: total and allocated resources.

Source: the API reference's "Querying Real-Time Resource Usage" (ShowPoolRuntimeMetrics). In its example
no job uses the accelerator that the capacity names, and the allocated amounts leave it out. So an amount that
is missing there is 0, if there are allocated amounts at all.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from exporter.api.json import decode_list, json_object
from exporter.api.label_limits import accelerator_labels
from exporter.api.quantities import ParsedAmounts, parse_amounts
from exporter.api.schema import POOL_METRICS_LIST
from exporter.snapshot.resources import Amounts, PoolCapacity
from exporter.snapshot.workload import CPU, MEMORY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.api.label_limits import LabelValues


@dataclass(frozen=True, slots=True)
class Capacities:
    """The pools of one answer.

    Attributes:
        pools: by ID.
        unparsable: how many quantities could not be parsed, by resource.
    """

    pools: Mapping[str, PoolCapacity]
    unparsable: Mapping[str, int]


def decode_capacities(body: bytes, *, where: str) -> Capacities:
    """Decode one answer.

    Args:
        body: its bytes.
        where: the request, for the error.

    Raises:
        BadResponse: it is not a list of pools.
    """
    pools: dict[str, PoolCapacity] = {}
    unparsable: Counter[str] = Counter()
    for pool, item in decode_list(
        body, what="pools' metrics", kind=POOL_METRICS_LIST, where=where
    ).items.items():
        table, labels = json_object(item.table), accelerator_labels()
        total, allocated = _amounts(table, "capacity", labels), _amounts(table, "allocated", labels)
        if total is None:
            continue
        unparsable.update((*total.unparsable, *(allocated.unparsable if allocated else ())))
        pools[pool] = PoolCapacity(
            total.amounts, _zero_filled(allocated, total.amounts) if allocated else Amounts()
        )
    return Capacities(pools, unparsable)


def _amounts(table: Mapping[str, Any], which: str, labels: LabelValues) -> ParsedAmounts | None:
    match table.get(which):
        case {"value": dict(value)}:
            return parse_amounts(value).labelled(labels)
        case _:
            return None


def _zero_filled(allocated: ParsedAmounts, total: Amounts) -> Amounts:
    amounts = allocated.zero_filled(total.known)
    cpu_cores, memory_bytes = amounts.pop(CPU, None), amounts.pop(MEMORY, None)
    return Amounts(cpu_cores, memory_bytes, tuple(sorted(amounts.items())))
