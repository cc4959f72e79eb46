"""Families of single workloads."""

from __future__ import annotations

from functools import lru_cache
from operator import attrgetter

from exporter.metrics.families.base import Family, InfoFamily, LabelledFamily, WorkloadGroup


@lru_cache(maxsize=4096)
def _cards(accelerators: tuple[tuple[str, float], ...]) -> tuple[tuple[tuple[str], float], ...]:
    """Samples by accelerator. Cached, because thousands of workloads have only a few different requests."""
    return tuple(((name,), cards) for name, cards in accelerators)


WORKLOADS = WorkloadGroup(
    title="Single workloads",
    text="""\
Only the workloads that `workloads.series` selects, at most `workloads.limit` per pool, while the pool's
listing is younger than `poll.stale_after`.""",
    families=(
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
            "modelarts_workload_waiting_seconds",
            "How long the workload has waited so far. Absent unless it waits (status Queue or Pending).",
            lambda workload: workload.pending if workload.waiting else None,
        ),
        Family(
            "modelarts_workload_wait_ratio",
            "How long the workload has waited so far over what alerts.pending_after allows it; over 1 is too "
            "long. Absent unless it waits.",
            lambda workload: (
                workload.pending / workload.wait_limit
                if workload.waiting and workload.pending is not None and workload.wait_limit
                else None
            ),
        ),
        LabelledFamily(
            "modelarts_workload_waiting_reason",
            "1 for the reason why the workload waits; other reasons have no series.",
            ("reason",),
            lambda workload: (((workload.reason,), 1),) if workload.reason else (),
        ),
        Family(
            "modelarts_workload_pending_position",
            "The workload's place in the queue as the API gives it; whether the first is 0 or 1 is not "
            "known. "
            "Absent where the API gives none, or -1.",
            lambda workload: workload.position,
        ),
        Family(
            "modelarts_workload_estimated_start_seconds",
            "With workloads.estimates: how long until the workload starts. Its place in the queue among "
            "those of "
            "its type, over the rate at which they have started lately; a poor guess where jobs differ in "
            "size. "
            "Absent without some three starts of its type within hours, and for a workload that cannot start "
            "as things are or waits behind such a one.",
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
    ),
)
