"""What `check` says about the accelerators of a pool: names that are not documented, or that do not meet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.common.text import escape_unprintable
from exporter.snapshot.workload import ACCELERATORS, OTHER

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from exporter.snapshot.pool import PoolState
    from exporter.snapshot.resources import PoolCapacity


def accelerator_remarks(state: PoolState) -> Iterator[str]:
    """One line for what an operator should look at; nothing if all names are documented, and meet."""
    asked = {
        name
        for workload in (state.listing.workloads if state.listing else ())
        if workload.active
        for name, number in workload.accelerators
        if number > 0
    } - {OTHER}
    had = _of_capacity(state.capacity.value) if state.capacity else set()
    on_nodes = set(state.free_cards.value.total) if state.free_cards else set()
    if unknown := (asked | had | on_nodes) - {*ACCELERATORS, OTHER}:
        yield (
            f"{state.key.pool}: resources that no documentation mentions count as accelerators: "
            f"{_listed(unknown)}"
        )
    if state.capacity and (unmatched := asked - had):
        yield (
            f"{state.key.pool}: workloads ask for {_listed(unmatched)}, and the pool's capacity names "
            f"{_listed(had) or 'no accelerator'}, so it is not known why they wait; if these are the same "
            "cards, capacity.accelerator_names says so"
        )


def _of_capacity(capacity: PoolCapacity) -> set[str]:
    return {name for name, _ in (*capacity.total.accelerators, *capacity.maximum.accelerators)}


def _listed(names: Collection[str]) -> str:
    return ", ".join(map(escape_unprintable, sorted(names)))
