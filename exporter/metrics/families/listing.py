"""Families of a pool's listing: figures over all of its workloads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.metrics.families.base import Family, Group, HistogramFamily, LabelledFamily
from exporter.snapshot.counters import AGE_BUCKETS
from exporter.snapshot.pool import Expiring

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.metrics.summary import Summary
    from exporter.metrics.thresholds import PendingThresholds

LISTING: Group[Summary] = Group(
    name="listing",
    title="Listing",
    text="Shown while the listing is younger than `poll.stale_after`.",
    source=lambda pool: Expiring(pool.summary, pool.state.fresh_until) if pool.summary else None,
    families=(
        Family(
            "modelarts_pool_listing_complete",
            "1 if every workload that the API says exists was read and understood, 0 if known to be short.",
            lambda summary: summary.complete,
        ),
        LabelledFamily(
            "modelarts_pool_workloads",
            "Workloads the API lists, by type and status; documented types and statuses are there with 0 "
            "too.",
            ("type", "status"),
            lambda summary: summary.workloads.items(),
        ),
        LabelledFamily(
            "modelarts_pool_requested_cpu_cores",
            "CPU cores requested by workloads that are not finished; quantities in no known form are left "
            "out.",
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
            "The longest that a workload has been in status Creating, Abnormal or Terminating, as far as "
            "this "
            "exporter has seen since its start; 0 where none is, absent if one is at the first look.",
            ("type", "status"),
            lambda summary: summary.longest_in_status.items(),
        ),
        LabelledFamily(
            "modelarts_pool_user_workloads",
            "Workloads by the user who created them; empty where the API does not say. With "
            "workloads.user_metrics; other stands for all but the workloads.user_limit who ask for most "
            "cards.",
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
            "Since when the same workload has been first in the queue, in Unix time, as far as listings "
            "show: "
            "the waiting one with the smallest known position, of several the longest waiting. Absent where "
            "no "
            "position is known, and at the first look ever.",
            lambda summary: summary.head_since,
        ),
        Family(
            "modelarts_pool_workload_series_omitted",
            "Workloads that qualify for series of their own but are over workloads.limit.",
            lambda summary: summary.omitted,
        ),
        LabelledFamily(
            "modelarts_pool_label_values_limited",
            "Label values of the listing that are not shown as the API gives them. length: longer than 256 "
            "bytes "
            "in UTF-8, and cut, with a hash of the whole. kinds: beyond the first 20 undocumented types, "
            "statuses, priorities or accelerators of the pool, and counted as other.",
            ("limit",),
            lambda summary: (((limit,), count) for limit, count in summary.limited.items()),
        ),
    ),
)

WAIT_RATIO: Group[Mapping[tuple[str, str], float]] = Group(
    name="wait_ratio",
    title="Waits against their limits",
    text="Shown while the listing is younger than `poll.stale_after`.",
    source=lambda pool: (
        Expiring(_wait_ratios(pool.summary.longest, pool.thresholds), pool.state.fresh_until)
        if pool.summary
        else None
    ),
    families=(
        LabelledFamily(
            "modelarts_pool_longest_wait_ratio",
            "The longest wait so far over what alerts.pending_after allows; over 1 is too long; 0 where none "
            "waits.",
            ("type", "priority"),
            lambda ratios: ratios.items(),
        ),
    ),
)


def _wait_ratios(
    longest: Mapping[tuple[str, str], float], thresholds: PendingThresholds
) -> dict[tuple[str, str], float]:
    return {
        (kind, priority): seconds / limit
        for (kind, priority), seconds in longest.items()
        if (limit := thresholds.limit(kind, priority))
    }
