"""What a pool has for the workloads that wait: at most, free now, and free on which nodes."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING

from exporter.snapshot.pool import UNWELL_PHASES, value_at
from exporter.snapshot.workload import OTHER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.snapshot.pool import PoolDescription, PoolState
    from exporter.snapshot.resources import FreeCards


@dataclass(frozen=True, slots=True)
class Room:
    """What a pool has. A resource is missing where its amount is not known.

    Attributes:
        unwell: whether nothing can start in the pool, whatever is free.
        most: what the pool has at most, by resource.
        free: what no workload holds now, by resource.
        cards: the free cards node by node; None if not known.
    """

    unwell: bool = False
    most: Mapping[str, float] = field(default_factory=dict)
    free: Mapping[str, float] = field(default_factory=dict)
    cards: FreeCards | None = None


def room_of(state: PoolState, now: float) -> Room:
    """What the pool has at this monotonic moment. What is stale is not known."""
    description = value_at(state.description, now)
    unwell = description is not None and nothing_starts(description)
    capacity = value_at(state.whole_capacity, now)
    cards = value_at(state.free_cards, now)
    if capacity is None:
        return Room(unwell)
    free = dict(capacity.free)
    if cards is not None:
        # The capacity includes the cards of nodes that take no jobs. Either may be a minute older than the
        # other, so the smaller one counts.
        free |= {
            name: min(free[name], cards.total.get(name, free[name]))
            for name, _ in capacity.total.accelerators
            if name in free
        }
    # What is counted together as `other` may be cards of any kind.
    most = {name: amount for name, amount in capacity.most.items() if name != OTHER}
    free.pop(OTHER, None)
    return Room(unwell, most, free, cards)


def nothing_starts(description: PoolDescription) -> bool:
    """Whether the pool's phase or its nodes are such that nothing can start."""
    return description.phase in UNWELL_PHASES or description.available_nodes == 0


def cards_per_node(state: PoolState, now: float) -> Mapping[str, float]:
    """The most cards that a node of the pool has, by accelerator, as far as known at this monotonic moment.

    From the nodes themselves, if they are read. Otherwise from the capacity, if the pool has nodes of one
    flavor: shared by the available ones, which is too much rather than too little.
    """
    cards = value_at(state.free_cards, now)
    if cards is not None and cards.by_flavor:
        sizes: dict[str, float] = {}
        for (_, name), nodes in cards.by_flavor.items():
            sizes[name] = max(sizes.get(name, 0.0), nodes.size or inf)
        return sizes
    description = value_at(state.description, now)
    capacity = value_at(state.capacity, now)
    if capacity is None or description is None or len({flavor for flavor, _ in description.nodes}) != 1:
        return {}
    available = description.available_nodes
    return {name: total / available for name, total in capacity.total.accelerators} if available else {}
