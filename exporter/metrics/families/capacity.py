"""Families of what a pool has: phase and nodes, capacity and allocation, free cards, events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.metrics.families.base import Family, Group, LabelledFamily
from exporter.snapshot.pool import PHASES, CloudCount, PoolDescription
from exporter.snapshot.resources import NO_AMOUNTS

if TYPE_CHECKING:
    from exporter.snapshot.events import ScheduledEvents
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
averages the values over a minute. The capacity of a logical pool is its limit: what it has and what it may
borrow.""",
    source=lambda pool: pool.state.whole_capacity,
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
        LabelledFamily(
            "modelarts_pool_guaranteed_accelerators",
            "Cards that a logical pool has for itself. Workloads that use more are stopped when the owner of "
            "the rest wants it back. Absent for other pools.",
            ("accelerator",),
            lambda capacity: (((name,), cards) for name, cards in capacity.guaranteed.accelerators),
        ),
        LabelledFamily(
            "modelarts_pool_limit_accelerators",
            "Cards that a logical pool has at most, with those that it may borrow. Absent for other pools.",
            ("accelerator",),
            lambda capacity: (
                ((name,), cards)
                for name, cards in capacity.total.accelerators
                if capacity.guaranteed != NO_AMOUNTS
            ),
        ),
    ),
)

CLOUD_COUNT: Group[CloudCount] = Group(
    name="cloud_count",
    title="The cloud's own count",
    text="""\
From the same request as the capacities; also shown while the pool's listing fails. Some regions do not
offer it.""",
    source=lambda pool: pool.state.cloud_count,
    families=(
        LabelledFamily(
            "modelarts_pool_counted_workloads",
            "Workloads as the cloud counts them: queue for those that wait, allocated for those that have "
            "their resources. Documented types are there with 0 too.",
            ("type", "state"),
            lambda count: count.workloads.items(),
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
        LabelledFamily(
            "modelarts_pool_unschedulable_nodes",
            "Nodes whose cards no workload can get, and which count as not free. abnormal: in a phase "
            "other than Available; draining: being emptied; tainted: with a taint that keeps workloads "
            "away; reserved: a spare, or bound to a logical pool or to a job that has its whole cabinet. "
            "With capacity.read: nodes.",
            ("why",),
            lambda cards: (((why,), count) for why, count in cards.unschedulable.items()),
        ),
    ),
)

EVENTS: Group[ScheduledEvents] = Group(
    name="events",
    title="Scheduled events",
    text="""\
Read once in five times `capacity.interval`, if `capacity.events` is true. Some regions do not offer it.""",
    source=lambda pool: pool.state.events,
    families=(
        LabelledFamily(
            "modelarts_pool_scheduled_events",
            "What the cloud does to the pool's nodes: reboots, redeployments, repairs; inquiring waits for "
            "consent, scheduled for its time. Documented types are there with 0 for inquiring, scheduled and "
            "executing. With capacity.events: true.",
            ("type", "state"),
            lambda events: events.counts.items(),
        ),
        Family(
            "modelarts_pool_next_scheduled_event_timestamp_seconds",
            "When the first of the events that are inquiring or scheduled begins, in Unix time; absent if "
            "there is none, or none has a time. With capacity.events: true.",
            lambda events: events.next_start,
        ),
    ),
)
