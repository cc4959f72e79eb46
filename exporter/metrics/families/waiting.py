"""Families of why workloads wait, and of what would help."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.metrics.families.base import Family, Group, LabelledFamily

if TYPE_CHECKING:
    from exporter.snapshot.waiting import Waiting

WAITING: Group[Waiting] = Group(
    name="waiting",
    title="Why workloads wait",
    text="""\
Shown while the listing is younger than `poll.stale_after`. Every workload in status Queue or Pending has
exactly one reason. [Why does it wait?](why-waiting.md) says how it is found.""",
    source=lambda pool: pool.state.waiting,
    families=(
        LabelledFamily(
            "modelarts_pool_waiting_workloads",
            "Workloads in status Queue or Pending, by why they wait; all reasons of documented types are "
            "there with 0 too.",
            ("type", "reason"),
            lambda waiting: waiting.workloads.items(),
        ),
        LabelledFamily(
            "modelarts_pool_waiting_accelerators",
            "Cards that workloads in status Queue or Pending ask for, by why they wait, 0 included.",
            ("accelerator", "reason"),
            lambda waiting: waiting.accelerators.items(),
        ),
        LabelledFamily(
            "modelarts_pool_queue_head_requested_accelerators",
            "Cards that the first workload in the queue asks for. Absent where no position is known.",
            ("accelerator",),
            lambda waiting: (((name,), cards) for name, cards in waiting.head.items()),
        ),
        LabelledFamily(
            "modelarts_pool_idle_accelerators",
            "Free cards of the kinds that some waiting workload asks for: 0 in a full pool, what is "
            "wasted in a blocked one.",
            ("accelerator",),
            lambda waiting: (((name,), cards) for name, cards in waiting.idle.items()),
        ),
        LabelledFamily(
            "modelarts_pool_short_accelerators",
            "Cards that waiting workloads ask for, minus free cards; 0 if enough are free. Workloads that "
            "ask for more than the pool has at most do not count.",
            ("accelerator",),
            lambda waiting: (((name,), cards) for name, cards in waiting.short.items()),
        ),
        LabelledFamily(
            "modelarts_pool_overtaken_workloads",
            "Waiting workloads that one of lower priority and the same type has overtaken although they "
            "would have fitted, as far as this exporter has seen since its start. Absent unless "
            "queue.strategies says how the pool's queue works.",
            ("type", "priority"),
            lambda waiting: (waiting.overtaken or {}).items(),
        ),
        LabelledFamily(
            "modelarts_pool_fitting_workloads",
            "Workloads in status Queue or Pending whose whole request is free, each on its own. The "
            "capacity may be capacity.interval and a minute older than the queue, so a workload may seem "
            "to fit for that long: alert on modelarts_pool_oldest_fitting_seconds.",
            ("type",),
            lambda waiting: (((kind,), count) for kind, count in (waiting.fitting or {}).items()),
        ),
        Family(
            "modelarts_pool_oldest_fitting_seconds",
            "For how long one and the same waiting workload has fitted in every reading of queue and "
            "capacity; the longest such time, 0 where none fits. Begins anew with the exporter; absent at "
            "the first reading, if some fit.",
            lambda waiting: None if waiting.fitting is None else waiting.longest_fitting,
        ),
    ),
)
