"""Families of throughput: what was created, started, finished and requeued, and how long it took."""

from __future__ import annotations

from exporter.metrics.families.base import FOREVER, Group, HistogramFamily, LabelledFamily
from exporter.snapshot.counters import AGE_BUCKETS, Throughput
from exporter.snapshot.pool import Expiring

THROUGHPUT: Group[Throughput] = Group(
    name="throughput",
    title="Throughput",
    text="""\
Counted by comparing each listing with the listings before it, workload by workload (by uid). Also shown while
the pool cannot be read.

- The first listing of a pool only tells what is there; it counts nothing.
- Without `state.path`, everything starts at 0 when the exporter starts. With it, a restarted exporter
  continues, and also counts what happened in between.
- A workload waits (Queue, Pending), has started (Creating, Running, or any other status with a
  runningDuration), or has finished (Completed, Terminated, Failed). Abnormal, Terminating and undocumented
  statuses do not change which of these it is.
- A workload that was not seen before counts as created; one that waits again after it started, as requeued.
- A workload that is missing from two complete listings in a row has vanished. Unless it had finished before,
  it counts as finished with status `unknown`.
- An incomplete listing says nothing about workloads that it does not show. A workload that only incomplete
  listings have missed for a day is forgotten and counts nothing.
- A workload that was created more than 15 minutes before the pool was first listed counts nothing when it
  turns up later, only when it changes. The 15 minutes allow for the clocks of cloud and exporter to differ.
- What comes and goes between two listings is missed.
- A pool that is no longer watched, because the list of pools lacks it or a reload left it out, keeps its
  counters for an hour, and continues them if it is watched again.
- A histogram of waits or runs begins with its first duration, which `rate()` does not see. The counters begin
  at 0.
- A wait is the pendingDuration that the API gives once the workload has started. If the API gives none, it is
  the time since the workload was created, which may be up to one poll interval too long.
- Of undocumented types and priorities, the first eight of a pool are counted by name, others as `other`.""",
    source=lambda pool: Expiring(pool.state.throughput, FOREVER) if pool.state.throughput else None,
    families=(
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
            "How long workloads that ended had run; where the API does not say, for how long they were seen "
            "to.",
            ("type", "status"),
            lambda throughput: throughput.runs.items(),
            AGE_BUCKETS,
        ),
    ),
)
