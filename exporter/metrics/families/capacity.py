"""Families of what a pool has: phase and nodes, capacity and allocation, free cards, workloads that fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.metrics.families.base import Family, Group, LabelledFamily
from exporter.snapshot.pool import PHASES, Fitting, PoolDescription

if TYPE_CHECKING:
    from exporter.snapshot.resources import FreeCards, PoolCapacity

DESCRIPTION: Group[PoolDescription] = Group(
    name="description",
    title="Phase and nodes",
    text="""\
From the project's list of pools, which is read every five poll intervals.""",
    source=lambda pool: pool.state.description,
    families=(
        LabelledFamily(
            "modelarts_pool_phase",
            # Other phases have a 0, unlike the other statuses of a workload: there are few pools, and the
            # average of phase="Running" over a day is the pool's availability.
            "1 for the pool's current phase; the other documented phases are there with 0.",
            ("phase",),
            lambda description: (
                (
                    ((phase,), phase == description.phase)
                    for phase in dict.fromkeys((*PHASES, description.phase))
                )
                if description.phase
                else ()
            ),
        ),
        LabelledFamily(
            "modelarts_pool_nodes",
            "The pool's nodes by flavor and state (creating, available, abnormal, deleting), 0 included.",
            ("flavor", "state"),
            lambda description: description.nodes.items(),
        ),
    ),
)

CAPACITY: Group[PoolCapacity] = Group(
    name="capacity",
    title="Capacity and allocation",
    text="""\
Read once in `capacity.interval`, unless `capacity.read` is `none`. Some regions do not offer it. The cloud
averages the values over a minute.""",
    source=lambda pool: pool.state.capacity,
    families=(
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
            "Cards of the pool that workloads hold, by accelerator; 0 where the API leaves an accelerator "
            "out.",
            ("accelerator",),
            lambda capacity: (((name,), cards) for name, cards in capacity.allocated.accelerators),
        ),
    ),
)

FREE_CARDS: Group[FreeCards] = Group(
    name="free_cards",
    title="Free cards",
    text="""\
Read node by node, once in `capacity.interval`, if `capacity.read` is `nodes`.""",
    source=lambda pool: pool.state.free_cards,
    families=(
        LabelledFamily(
            "modelarts_pool_free_accelerators",
            "Cards that no workload holds on the pool's available nodes. With capacity.read: nodes.",
            ("accelerator",),
            lambda cards: (((name,), count) for name, count in cards.total.items()),
        ),
        LabelledFamily(
            "modelarts_pool_free_accelerators_max_per_node",
            "Free cards on the available node that has most of them. Many free cards, and few on every "
            "node: the "
            "pool is fragmented; few free cards: it is full. With capacity.read: nodes.",
            ("accelerator",),
            lambda cards: (((name,), count) for name, count in cards.most_on_a_node.items()),
        ),
    ),
)

FITTING: Group[Fitting] = Group(
    name="fitting",
    title="Workloads that would fit",
    text="Shown while both listing and capacity are known.",
    source=lambda pool: pool.state.fitting,
    families=(
        LabelledFamily(
            "modelarts_pool_fitting_workloads",
            "Workloads in status Queue or Pending whose whole request is no more than capacity minus "
            "allocated, "
            "each on its own. The capacity may be capacity.interval and a minute older than the queue, so a "
            "workload may seem to fit for that long: alert on modelarts_pool_oldest_fitting_seconds.",
            ("type",),
            lambda fitting: (((kind,), count) for kind, count in fitting.workloads.items()),
        ),
        Family(
            "modelarts_pool_oldest_fitting_seconds",
            "For how long one and the same waiting workload has fitted in every reading of queue and "
            "capacity; "
            "the longest such time, 0 where none fits. Begins anew with the exporter; absent at the first "
            "reading, if some fit.",
            lambda fitting: fitting.longest,
        ),
    ),
)
