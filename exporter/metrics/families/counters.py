"""The families of what got through a pool: a part of the table in `exporter.metrics.families.pool`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.metrics.families.base import HistogramFamily, LabelledFamily
from exporter.snapshot.counters import AGE_BUCKETS

if TYPE_CHECKING:
    from exporter.metrics.families.base import ThroughputFamily

THROUGHPUT_FAMILIES: tuple[ThroughputFamily, ...] = (
    LabelledFamily(
        "modelarts_pool_workloads_created_total",
        "Workloads that appeared in the pool.",
        ("type",),
        lambda throughput: throughput.created.items(),
        kind="counter",
    ),
    LabelledFamily(
        "modelarts_pool_workloads_started_total",
        "Workloads that were given their resources.",
        ("type", "priority"),
        lambda throughput: throughput.started.items(),
        kind="counter",
    ),
    LabelledFamily(
        "modelarts_pool_workloads_finished_total",
        "Workloads that ended, by their final status; unknown: they vanished from the list without one.",
        ("type", "status"),
        lambda throughput: throughput.finished.items(),
        kind="counter",
    ),
    LabelledFamily(
        "modelarts_pool_workloads_requeued_total",
        "Workloads that went back to the queue after they had been given their resources.",
        ("type",),
        lambda throughput: throughput.requeued.items(),
        kind="counter",
    ),
    HistogramFamily(
        "modelarts_pool_wait_seconds",
        "How long workloads that started had waited.",
        ("type", "priority"),
        lambda throughput: throughput.waits.items(),
        AGE_BUCKETS,
    ),
    HistogramFamily(
        "modelarts_pool_run_seconds",
        "How long workloads that ended had run; where the API does not say, for how long they were seen to.",
        ("type", "status"),
        lambda throughput: throughput.runs.items(),
        AGE_BUCKETS,
    ),
)
"""Counted since a pool was first listed, by comparing its listings; also shown while it cannot be read."""
