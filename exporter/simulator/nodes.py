"""The nodes of a simulated pool, and what is free on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from exporter.simulator.jobs import Allocation, ResourceRequest

if TYPE_CHECKING:
    from collections.abc import Iterable


class NodeResources(NamedTuple):
    """Cards, CPU and memory of one node: its capacity, or what is free.

    Attributes:
        cards: a bit mask; bit 0 is card 1.
        cpu: millicores.
        memory: bytes.
    """

    cards: int
    cpu: int
    memory: int

    def fits(self, request: ResourceRequest) -> bool:
        """Whether one node's part of a request fits."""
        return (
            self.cards.bit_count() >= request.cards
            and self.cpu >= request.cpu
            and self.memory >= request.memory
        )


class Nodes:
    """Equal nodes. The only owner of what is free on each.

    Args:
        number: number of nodes.
        capacity: of one node.
    """

    def __init__(self, number: int, capacity: NodeResources) -> None:
        self._free = [capacity] * number

    @property
    def free(self) -> tuple[NodeResources, ...]:
        """What is free now, node by node."""
        return tuple(self._free)

    def allocate(self, request: ResourceRequest) -> tuple[Allocation, ...] | None:
        """Give a job all its nodes at once; None, and nothing given, if it does not fit now.

        Takes the nodes with the fewest free cards that fit. So whole nodes stay free for large jobs.
        """
        fitting = [index for index, free in enumerate(self._free) if free.fits(request)]
        if len(fitting) < request.nodes:
            return None
        fitting.sort(key=lambda index: self._free[index].cards.bit_count())
        return tuple(self._allocate_on(index, request) for index in fitting[: request.nodes])

    def release(self, request: ResourceRequest, allocations: Iterable[Allocation]) -> None:
        """Take back what `allocate` gave."""
        for index, cards in allocations:
            free = self._free[index]
            self._free[index] = NodeResources(
                free.cards | cards, free.cpu + request.cpu, free.memory + request.memory
            )

    def _allocate_on(self, index: int, request: ResourceRequest) -> Allocation:
        free = self._free[index]
        cards = _lowest_bits(free.cards, request.cards)
        self._free[index] = NodeResources(
            free.cards & ~cards, free.cpu - request.cpu, free.memory - request.memory
        )
        return Allocation(index, cards)


def _lowest_bits(mask: int, number: int) -> int:
    """The lowest set bits of a mask."""
    chosen = 0
    for _ in range(number):
        bit = mask & -mask
        chosen |= bit
        mask &= ~bit
    return chosen
