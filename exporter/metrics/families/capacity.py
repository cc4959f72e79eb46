"""The families of what a pool has to give: a part of the table in `exporter.metrics.families.pool`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.metrics.families.base import Family, LabelledFamily
from exporter.snapshot.pool import PHASES

if TYPE_CHECKING:
    from exporter.metrics.families.base import CapacityFamily, CatalogueFamily, FittingFamily, FreeCardsFamily

CATALOGUE_FAMILIES: tuple[CatalogueFamily, ...] = (
    LabelledFamily(
        "modelarts_pool_phase",
        # 0 besides, unlike a workload's status: there are few pools, and the average over a day of
        # phase="Running" is the pool's availability.
        "1 for the pool's current phase; the other documented phases are there with 0.",
        ("phase",),
        lambda entry: (
            (((phase,), phase == entry.phase) for phase in dict.fromkeys((*PHASES, entry.phase)))
            if entry.phase
            else ()
        ),
    ),
    LabelledFamily(
        "modelarts_pool_nodes",
        "The pool's nodes by flavor and state (creating, available, abnormal, deleting), 0 included.",
        ("flavor", "state"),
        lambda entry: entry.nodes.items(),
    ),
)
"""Known while the project's list of pools is fresh, and the pool is in it."""

CAPACITY_FAMILIES: tuple[CapacityFamily, ...] = (
    Family(
        "modelarts_pool_capacity_cpu_cores",
        "CPU cores of the pool.",
        lambda capacity: capacity.total.cpu_cores,
    ),
    Family(
        "modelarts_pool_capacity_memory_bytes",
        "Memory of the pool.",
        lambda capacity: capacity.total.memory_bytes,
    ),
    LabelledFamily(
        "modelarts_pool_capacity_accelerators",
        "Cards of the pool, by accelerator.",
        ("accelerator",),
        lambda capacity: (((name,), cards) for name, cards in capacity.total.accelerators),
    ),
    Family(
        "modelarts_pool_allocated_cpu_cores",
        "CPU cores of the pool that workloads hold.",
        lambda capacity: capacity.allocated.cpu_cores,
    ),
    Family(
        "modelarts_pool_allocated_memory_bytes",
        "Memory of the pool that workloads hold.",
        lambda capacity: capacity.allocated.memory_bytes,
    ),
    LabelledFamily(
        "modelarts_pool_allocated_accelerators",
        "Cards of the pool that workloads hold, by accelerator; 0 where the API leaves an accelerator out.",
        ("accelerator",),
        lambda capacity: (((name,), cards) for name, cards in capacity.allocated.accelerators),
    ),
)
"""Known while the pool's capacity is fresh. The cloud averages it over a minute."""

FREE_CARDS_FAMILIES: tuple[FreeCardsFamily, ...] = (
    LabelledFamily(
        "modelarts_pool_free_accelerators",
        "Cards that no workload holds on the pool's available nodes. With capacity.read: nodes.",
        ("accelerator",),
        lambda cards: (((name,), count) for name, count in cards.total.items()),
    ),
    LabelledFamily(
        "modelarts_pool_free_accelerators_max_per_node",
        "Free cards on the available node that has most of them. Many free cards, and few on every node: the "
        "pool is fragmented; few free cards: it is full. With capacity.read: nodes.",
        ("accelerator",),
        lambda cards: (((name,), count) for name, count in cards.most_on_a_node.items()),
    ),
)
"""Known while the pool's nodes are fresh."""

FITTING_FAMILIES: tuple[FittingFamily, ...] = (
    LabelledFamily(
        "modelarts_pool_fitting_workloads",
        "Workloads in status Queue or Pending whose whole request is no more than capacity minus allocated, "
        "each on its own. The capacity may be capacity.interval and a minute older than the queue, so a "
        "workload may seem to fit for that long: alert on modelarts_pool_oldest_fitting_seconds.",
        ("type",),
        lambda fitting: (((kind,), count) for kind, count in fitting.workloads.items()),
    ),
    Family(
        "modelarts_pool_oldest_fitting_seconds",
        "For how long one and the same waiting workload has fitted in every reading of queue and capacity; "
        "the longest such time, 0 where none fits. Begins anew with the exporter.",
        lambda fitting: fitting.longest,
    ),
)
"""Known while both the listing and the pool's capacity are fresh."""
