"""The resources of a pool: in total, allocated, free."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from exporter.snapshot.workload import CPU, MEMORY

if TYPE_CHECKING:
    from collections.abc import Mapping


class Amounts(NamedTuple):
    """Amounts of resources. None means not known.

    Attributes:
        cpu_cores: cores.
        memory_bytes: bytes.
        accelerators: (current name of the accelerator, cards).
    """

    cpu_cores: float | None = None
    memory_bytes: float | None = None
    accelerators: tuple[tuple[str, float], ...] = ()

    @property
    def known(self) -> Mapping[str, float]:
        """The amounts that are known, by resource."""
        own = ((CPU, self.cpu_cores), (MEMORY, self.memory_bytes), *self.accelerators)
        return {resource: amount for resource, amount in own if amount is not None}


@dataclass(frozen=True, slots=True)
class PoolCapacity:
    """A pool's resources from the runtime metrics, which the cloud averages over a minute.

    Attributes:
        total: what the pool has.
        allocated: what workloads hold of it.
    """

    total: Amounts
    allocated: Amounts

    @property
    def free(self) -> Mapping[str, float]:
        """What no workload holds, by resource; a resource is missing if that is not known."""
        allocated = self.allocated.known
        return {
            resource: max(0.0, amount - allocated[resource])
            for resource, amount in self.total.known.items()
            if resource in allocated
        }


@dataclass(frozen=True, slots=True)
class FreeCards:
    """The free cards on a pool's available nodes, by accelerator. Nodes with unknown free cards are left out.

    Attributes:
        total: on all nodes together.
        most_on_a_node: on the node with most free cards. A workload that needs more on one node has to wait.
    """

    total: Mapping[str, float]
    most_on_a_node: Mapping[str, float]
