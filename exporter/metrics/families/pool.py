"""The table of metric families: everything that is exposed about pools and workloads, one entry each.

A new metric is one entry here, or in `exporter.metrics.families.capacity` for what a pool has to give;
`docs/metrics.md` is made from these tables (`make docs`).
"""

from __future__ import annotations

from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING

from exporter.common.errors import OUTCOMES
from exporter.metrics.families.base import Family, HistogramFamily, InfoFamily, LabelledFamily
from exporter.metrics.families.capacity import (
    CAPACITY_FAMILIES,
    CATALOGUE_FAMILIES,
    FITTING_FAMILIES,
    FREE_CARDS_FAMILIES,
)
from exporter.metrics.families.counters import THROUGHPUT_FAMILIES
from exporter.snapshot.counters import AGE_BUCKETS

if TYPE_CHECKING:
    from exporter.metrics.families.base import (
        AnyFamily,
        ListingFamily,
        SettingFamily,
        StateFamily,
        WorkloadFamily,
    )
    from exporter.snapshot.pool import PoolState


@lru_cache(maxsize=4096)
def _cards(accelerators: tuple[tuple[str, float], ...]) -> tuple[tuple[tuple[str], float], ...]:
    """Samples by accelerator. Cached: thousands of workloads ask for a handful of shapes."""
    return tuple(((name,), cards) for name, cards in accelerators)


def _kind(state: PoolState) -> tuple[str, str]:
    """A pool's type and queue strategy. Like its name they hardly ever change, and so do not get old."""
    return (state.entry.value.type, state.entry.value.queue_strategy) if state.entry else ("", "")


STATE_FAMILIES: tuple[StateFamily, ...] = (
    Family(
        "modelarts_pool_up",
        "1 if the last listing of the pool succeeded, else 0; also 0 before the first.",
        lambda state: state.up,
    ),
    Family(
        "modelarts_pool_last_success_timestamp_seconds",
        "When the pool was last listed with success, in Unix time; absent before the first time.",
        lambda state: state.succeeded_at,
    ),
    LabelledFamily(
        "modelarts_pool_info",
        "1; pool_name is the pool's display name. The other labels are empty where the API says nothing. "
        "Absent while the name is not known.",
        ("pool_name", "pool_type", "queue_strategy"),
        lambda state: () if state.name is None else (((state.name, *_kind(state)), 1),),
    ),
    LabelledFamily(
        "modelarts_exporter_polls_total",
        "Polls of the pool, by how they ended.",
        ("outcome",),
        lambda state: (((outcome,), state.polls.get(outcome, 0)) for outcome in OUTCOMES),
        kind="counter",
    ),
)
"""Known of every watched pool, also of one that cannot be read."""

SETTING_FAMILIES: tuple[SettingFamily, ...] = (
    LabelledFamily(
        "modelarts_pool_pending_threshold_seconds",
        "How long a workload may wait before the alert rules tell of it, from alerts.pending_after. "
        "Type and priority other hold for what is not documented.",
        ("type", "priority"),
        lambda thresholds: thresholds.seconds.items(),
    ),
)
"""Configured for every watched pool, also for one that cannot be read."""

LISTING_FAMILIES: tuple[ListingFamily, ...] = (
    Family(
        "modelarts_pool_listing_complete",
        "1 if every workload that the API says exists was read and understood, 0 if known to be short.",
        lambda summary: summary.complete,
    ),
    LabelledFamily(
        "modelarts_pool_workloads",
        "Workloads the API lists, by type and status; documented types and statuses are there with 0 too.",
        ("type", "status"),
        lambda summary: summary.workloads.items(),
    ),
    LabelledFamily(
        "modelarts_pool_requested_cpu_cores",
        "CPU cores requested by workloads that are not finished; quantities in no known form are left out.",
        ("type", "status"),
        lambda summary: summary.cpu_cores.items(),
    ),
    LabelledFamily(
        "modelarts_pool_requested_memory_bytes",
        "Memory requested by workloads that are not finished; quantities in no known form are left out.",
        ("type", "status"),
        lambda summary: summary.memory_bytes.items(),
    ),
    LabelledFamily(
        "modelarts_pool_requested_accelerators",
        "Cards requested by workloads that are not finished. The older names ascend-snt3 and ascend-snt9 "
        "count as ascend-310 and ascend-1980.",
        ("type", "status", "accelerator"),
        lambda summary: summary.accelerators.items(),
    ),
    HistogramFamily(
        "modelarts_pool_pending_age_seconds",
        "How long the workloads in status Queue or Pending have waited so far.",
        ("type",),
        lambda summary: (((kind,), ages) for kind, ages in summary.ages.items()),
        AGE_BUCKETS,
        kind="gaugehistogram",
    ),
    LabelledFamily(
        "modelarts_pool_longest_pending_seconds",
        "The longest wait so far among workloads in status Queue or Pending; 0 where none waits.",
        ("type", "priority"),
        lambda summary: summary.longest.items(),
    ),
    LabelledFamily(
        "modelarts_pool_shortest_running_seconds",
        "How long the workload that started last has run; absent where none is in status Running.",
        ("type", "priority"),
        lambda summary: summary.shortest_running.items(),
    ),
    LabelledFamily(
        "modelarts_pool_longest_in_status_seconds",
        "The longest that a workload has been in status Creating, Abnormal or Terminating, as far as this "
        "exporter has seen since its start; 0 where none is.",
        ("type", "status"),
        lambda summary: summary.longest_in_status.items(),
    ),
    LabelledFamily(
        "modelarts_pool_user_workloads",
        "Workloads by the user who created them; empty where the API does not say. With "
        "workloads.user_metrics; other stands for all but the workloads.user_limit who ask for most cards.",
        ("user", "status"),
        lambda summary: summary.users.workloads.items(),
    ),
    LabelledFamily(
        "modelarts_pool_user_requested_accelerators",
        "Cards requested by workloads that are not finished, by user likewise.",
        ("user", "status", "accelerator"),
        lambda summary: summary.users.accelerators.items(),
    ),
    Family(
        "modelarts_pool_queue_head_since_timestamp_seconds",
        "Since when the same workload has been first in the queue, in Unix time, as far as listings show: "
        "the waiting one with the smallest known position, of several the longest waiting. Absent where no "
        "position is known.",
        lambda summary: summary.head_since,
    ),
    Family(
        "modelarts_pool_workload_series_omitted",
        "Workloads that qualify for series of their own but are over workloads.limit.",
        lambda summary: summary.omitted,
    ),
    LabelledFamily(
        "modelarts_pool_label_values_limited",
        "Label values of the listing that are not shown as the API gives them. length: longer than 256 bytes "
        "in UTF-8, and cut, with a hash of the whole. kinds: beyond the first 20 undocumented types, "
        "statuses, priorities or accelerators of the pool, and counted as other.",
        ("limit",),
        lambda summary: (((limit,), count) for limit, count in summary.limited.items()),
    ),
)
"""Known while a pool's listing is fresh."""

WORKLOAD_FAMILIES: tuple[WorkloadFamily, ...] = (
    InfoFamily(
        "modelarts_workload_info",
        "1; what else is known of the workload. Labels are empty where the API says nothing.",
        ("name", "job_uuid", "flavor", "priority", "user", "gvk"),
        attrgetter("name", "job_uuid", "flavor", "priority", "user", "gvk"),
    ),
    InfoFamily(
        "modelarts_workload_status",
        "1 for the workload's current status; other statuses have no series.",
        ("status",),
        lambda workload: (workload.status,),
    ),
    Family(
        "modelarts_workload_pending_duration_seconds",
        "How long the workload has waited so far, or had waited before it started.",
        lambda workload: workload.pending,
    ),
    Family(
        "modelarts_workload_pending_position",
        "The workload's place in the queue as the API gives it; whether the first is 0 or 1 is not known. "
        "Absent where the API gives none, or -1.",
        lambda workload: workload.position,
    ),
    Family(
        "modelarts_workload_estimated_start_seconds",
        "With workloads.estimates: how long until the workload starts. Its place in the queue among those of "
        "its type, over the rate at which they have started lately; a poor guess where jobs differ in size. "
        "Absent without some three starts of its type within hours.",
        lambda workload: workload.estimated_start,
    ),
    Family(
        "modelarts_workload_running_duration_seconds",
        "How long the workload has run, or had run. Absent where the API gives none.",
        lambda workload: workload.running,
    ),
    Family(
        "modelarts_workload_created_timestamp_seconds",
        "When the workload was created, in Unix time.",
        lambda workload: workload.created,
    ),
    Family(
        "modelarts_workload_requested_cpu_cores",
        "CPU cores that the workload requests.",
        lambda workload: workload.cpu_cores,
    ),
    Family(
        "modelarts_workload_requested_memory_bytes",
        "Memory that the workload requests.",
        lambda workload: workload.memory_bytes,
    ),
    LabelledFamily(
        "modelarts_workload_requested_accelerators",
        "Cards that the workload requests, by accelerator.",
        ("accelerator",),
        lambda workload: _cards(workload.accelerators),
    ),
    Family(
        "modelarts_workload_nodes",
        "Nodes that the workload runs on. Absent where the API names none.",
        lambda workload: workload.nodes,
    ),
)
"""Of the workloads that `workloads.series` chooses, while their pool's listing is fresh."""

FAMILIES: tuple[AnyFamily, ...] = (
    *STATE_FAMILIES,
    *SETTING_FAMILIES,
    *THROUGHPUT_FAMILIES,
    *CATALOGUE_FAMILIES,
    *CAPACITY_FAMILIES,
    *FREE_CARDS_FAMILIES,
    *LISTING_FAMILIES,
    *FITTING_FAMILIES,
    *WORKLOAD_FAMILIES,
)
