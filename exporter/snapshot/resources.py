"""What a pool has to give, and how much of it is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from exporter.snapshot.workload import CPU, MEMORY

if TYPE_CHECKING:
    from collections.abc import Mapping


class Amounts(NamedTuple):
    """Resources; None is "not known".

    Attributes:
        cpu_cores: cores.
        memory_bytes: bytes.
        accelerators: cards by the accelerator's current name.
    """

    cpu_cores: float | None = None
    memory_bytes: float | None = None
    accelerators: tuple[tuple[str, float], ...] = ()

    @property
    def known(self) -> Mapping[str, float]:
        """Every amount that is known, by resource."""
        own = ((CPU, self.cpu_cores), (MEMORY, self.memory_bytes), *self.accelerators)
        return {resource: amount for resource, amount in own if amount is not None}


@dataclass(frozen=True, slots=True)
class Capacity:
    """A pool's resources as its runtime metrics tell them, averaged over a minute by the cloud.

    Attributes:
        total: what there is.
        allocated: what of it workloads hold.
    """

    total: Amounts
    allocated: Amounts

    @property
    def free(self) -> Mapping[str, float]:
        """What nobody holds, by resource; missing where not known."""
        allocated = self.allocated.known
        return {
            resource: max(0.0, amount - allocated[resource])
            for resource, amount in self.total.known.items()
            if resource in allocated
        }


@dataclass(frozen=True, slots=True)
class FreeCards:
    """The free cards of a pool's available nodes, by accelerator; a node that does not tell is left out.

    Attributes:
        total: on all nodes together.
        most_on_a_node: on the node that has most of them: a workload that needs more on one node has to wait.
    """

    total: Mapping[str, float]
    most_on_a_node: Mapping[str, float]
