"""The resources of a pool: in total, allocated, free."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
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


NO_AMOUNTS = Amounts()
"""Nothing is known."""


@dataclass(frozen=True, slots=True)
class PoolCapacity:
    """A pool's resources from the runtime metrics, which the cloud averages over a minute.

    Attributes:
        total: what the pool has. A logical pool has this for itself, and may borrow more.
        allocated: what workloads hold of it.
        maximum: what the pool may have at most: of a logical pool with what it may borrow, of another one
            with the nodes that may be added.
        available: what the cloud says is free; all None if it does not say.
        guaranteed: of a logical pool, what it has without borrowing; all None for another pool.
    """

    total: Amounts
    allocated: Amounts
    maximum: Amounts = NO_AMOUNTS
    available: Amounts = NO_AMOUNTS
    guaranteed: Amounts = NO_AMOUNTS

    @property
    def most(self) -> Mapping[str, float]:
        """What the pool has at most, by resource."""
        total, maximum = self.total.known, self.maximum.known
        return {
            name: max(total.get(name, 0.0), maximum.get(name, 0.0))
            for name in sorted(total.keys() | maximum.keys())
        }

    @property
    def free(self) -> Mapping[str, float]:
        """What no workload holds, by resource; a resource is missing if that is not known."""
        total, allocated = self.total.known, self.allocated.known
        held = total.keys() & allocated.keys()
        not_held = {name: max(0.0, total[name] - allocated[name]) for name in total if name in held}
        return {**not_held, **self.available.known}

    def with_borrowed(self) -> PoolCapacity:
        """The same with all that a logical pool may borrow.

        What the cloud calls available is left out: it is not documented whether that includes what may be
        borrowed.
        """
        most = dict(self.most)
        cpu_cores, memory_bytes = most.pop(CPU, None), most.pop(MEMORY, None)
        total = Amounts(cpu_cores, memory_bytes, tuple(sorted(most.items())))
        return PoolCapacity(total, self.allocated, self.maximum, guaranteed=self.total)


UNSCHEDULABLE = ("abnormal", "draining", "tainted", "reserved")
"""Why a node takes no workloads, or not all. abnormal: its phase is not Available. draining: it is being
emptied.
tainted: it has a taint with the effect NoSchedule or NoExecute. reserved: it is kept as a spare, for the
owner of an elastic quota, or for jobs that take a whole cabinet."""


@dataclass(frozen=True, slots=True)
class FlavorNodes:
    """The nodes of one flavor, and their cards of one accelerator.

    Attributes:
        size: cards of a node; 0 if the nodes differ.
        free: how many nodes have so many free cards, for those whose free cards are known.
    """

    size: float
    free: Mapping[float, int]

    def with_free(self, cards: float) -> int:
        """How many nodes have at least so many free cards."""
        return sum(number for free, number in self.free.items() if free >= cards)


@dataclass(frozen=True, slots=True)
class FreeCards:
    """The free cards on a pool's available nodes, by accelerator. Nodes with unknown free cards are left out.

    Attributes:
        total: on all nodes together.
        most_on_a_node: on the node with most free cards. A workload that needs more on one node has to wait.
        by_flavor: the nodes that take workloads and have the accelerator, by (flavor, accelerator).
        unschedulable: how many nodes take no workloads, by why, a key of `UNSCHEDULABLE`. A node for which
            several hold counts once, for the first.
    """

    total: Mapping[str, float]
    most_on_a_node: Mapping[str, float]
    by_flavor: Mapping[tuple[str, str], FlavorNodes] = field(default_factory=dict)
    unschedulable: Mapping[str, int] = field(default_factory=dict)

    def nodes_for(self, flavor: str, accelerator: str) -> FlavorNodes | None:
        """The nodes on which a workload of this flavor runs; None if that is not known.

        Most waiting workloads have no flavor. They may run on all nodes that have the accelerator, if these
        have the same number of cards.
        """
        if flavor:
            return self.by_flavor.get((flavor, accelerator))
        having = [nodes for (_, name), nodes in self.by_flavor.items() if name == accelerator]
        if len({nodes.size for nodes in having}) != 1:
            return None
        return FlavorNodes(having[0].size, sum((Counter(nodes.free) for nodes in having), Counter()))
