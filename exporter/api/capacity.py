"""Decodes the runtime metrics of a project's pools: resources, and the cloud's own count of workloads.

Source: the API reference's "Querying Real-Time Resource Usage" (ShowPoolRuntimeMetrics) and Huawei's SDK
3.1.219. In the reference's example no job uses the accelerator that the capacity names, and the allocated
amounts leave it out. So an amount that is missing there is 0, if there are allocated amounts at all.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from exporter.api.json import decode_list, json_object
from exporter.api.label_limits import LabelValues, accelerator_labels
from exporter.api.quantities import ParsedAmounts, parse_amounts, parse_quantity
from exporter.api.schema import POOL_METRICS_LIST
from exporter.snapshot.resources import NO_AMOUNTS, Amounts, PoolCapacity
from exporter.snapshot.workload import CPU, MEMORY, TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.snapshot.pool import CountedWorkloads

_COUNTED_STATES = ("queue", "allocated")
_SUM = "sum"
"""In place of a type: the workloads of all types."""


@dataclass(frozen=True, slots=True)
class RuntimeMetrics:
    """The pools of one answer.

    Attributes:
        capacities: what each pool has, by ID.
        counted: how many workloads each pool has, by ID.
        unparsable: how many quantities could not be parsed, by resource.
    """

    capacities: Mapping[str, PoolCapacity]
    counted: Mapping[str, CountedWorkloads] = field(default_factory=dict)
    unparsable: Mapping[str, int] = field(default_factory=dict)


def decode_runtime_metrics(
    body: bytes, *, where: str, accelerators: Mapping[str, str] | None = None
) -> RuntimeMetrics:
    """Decode one answer.

    Args:
        body: its bytes.
        where: the request, for the error.
        accelerators: what accelerators are called in requests, by their names in this answer, where they
            differ.

    Raises:
        BadResponse: it is not a list of pools.
    """
    capacities: dict[str, PoolCapacity] = {}
    counted: dict[str, CountedWorkloads] = {}
    unparsable: Counter[str] = Counter()
    for pool, item in decode_list(
        body, what="pools' metrics", kind=POOL_METRICS_LIST, where=where
    ).items.items():
        table = json_object(item.table)
        if counts := _counted(table.get("workload")):
            counted[pool] = counts
        labels = accelerator_labels(accelerators)
        total = _amounts(table.get("capacity"), "value", labels)
        if total is None:
            continue
        maximum = _amounts(table.get("capacity"), "maxValue", labels)
        allocated = _amounts(table.get("allocated"), "value", labels)
        available = _amounts(table.get("available"), "value", labels)
        for parsed in (total, allocated):
            unparsable.update(parsed.unparsable if parsed else ())
        capacities[pool] = PoolCapacity(
            total.amounts,
            _zero_filled(allocated, total.amounts),
            maximum.amounts if maximum else NO_AMOUNTS,
            available.amounts if available else NO_AMOUNTS,
        )
    return RuntimeMetrics(capacities, counted, unparsable)


def _amounts(part: Any, which: str, labels: LabelValues) -> ParsedAmounts | None:
    match part:
        case dict() if isinstance(part.get(which), dict):
            return parse_amounts(part[which]).labelled(labels)
        case _:
            return None


def _zero_filled(allocated: ParsedAmounts | None, total: Amounts) -> Amounts:
    if allocated is None:
        return NO_AMOUNTS
    amounts = allocated.zero_filled(total.known)
    cpu_cores, memory_bytes = amounts.pop(CPU, None), amounts.pop(MEMORY, None)
    return Amounts(cpu_cores, memory_bytes, tuple(sorted(amounts.items())))


def _counted(part: Any) -> CountedWorkloads:
    """The numbers of workloads by (type, state); empty if any of them cannot be decoded.

    Leaving out only what cannot be decoded would count too few. A state that is missing is not counted.
    """
    if not isinstance(part, dict):
        return {}
    types, counts = LabelValues(TYPES), Counter[tuple[str, str]]()
    for state in _COUNTED_STATES:
        if not isinstance(numbers := part.get(state), dict):
            continue
        counts.update(dict.fromkeys(((kind, state) for kind in TYPES), 0))
        for kind, number in numbers.items():
            if number is None or kind == _SUM:
                continue
            count = parse_quantity(number, "") if type(number) in {str, int, float} else None
            if count is None or not count.is_integer():
                return {}
            counts[types[kind], state] += int(count)
    return counts
