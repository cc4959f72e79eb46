"""Pool, row: what got through, and how long it had waited and run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.models.units import Seconds

from grafana.colours import PRIORITY, STATUS, THROUGHPUT, WAIT
from grafana.layout import Section
from grafana.panels import dashed, graph
from grafana.queries import Query, grown, past_quantile, total
from grafana.tables import Column, table_of

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.table import Panel

_CREATED = "modelarts_pool_workloads_created_total"
_STARTED = "modelarts_pool_workloads_started_total"
_REQUEUED = "modelarts_pool_workloads_requeued_total"
_FINISHED = "modelarts_pool_workloads_finished_total"
_WAITS = "modelarts_pool_wait_seconds"
_RUNS = "modelarts_pool_run_seconds"

_HOUR = "1h"
_RANGE = "$__range"
_ENDS = {
    "Completed": "completed",
    "Failed": "failed",
    "Terminated": "terminated",
    "unknown": "vanished",
}


def section() -> Section:
    """The row."""
    counted = {
        "submitted": grown(_CREATED, _HOUR),
        "started": grown(_STARTED, _HOUR),
        "requeued": grown(_REQUEUED, _HOUR),
    } | {name: grown(_FINISHED, _HOUR, f'status="{status}"') for status, name in _ENDS.items()}
    return Section(
        "What got through",
        (
            graph(
                "Workloads per hour",
                "How many did so in the hour before. Submitted above started: the queue grows. Vanished are "
                "those that left the list without a final status.",
                *(Query(total(counter), name) for name, counter in counted.items()),
                colours=THROUGHPUT,
            ).decimals(0),
            graph(
                "Had waited, those that started",
                "Of the workloads that started in the hour before, nine of ten, and dashed half, had waited "
                "for less than this. Estimated within buckets; nothing where none started.",
                *(
                    Query(
                        past_quantile(share, _WAITS, _HOUR, "priority"),
                        f"priority {{{{priority}}}}, {name}",
                    )
                    for share, name in ((0.9, "9 of 10"), (0.5, "half"))
                ),
                unit=Seconds,
                colours={
                    f"{name}, {share}": colour
                    for name, colour in PRIORITY.items()
                    for share in ("9 of 10", "half")
                },
            ).override_by_regexp("/half$/", [dashed()]),
            _started(),
            graph(
                "Had run, those that ended",
                "Of the workloads that ended in the hour before, half had run for less than this, by final "
                "status. Failed after minutes: an image or a dataset. After hours: a node, or a limit.",
                Query(past_quantile(0.5, _RUNS, _HOUR, "status"), "{{status}}"),
                unit=Seconds,
                colours=STATUS,
            ),
        ),
    )


def _started() -> Panel:
    by = ("type", "priority")
    started = total(grown(_STARTED, _RANGE), *by)
    return table_of(
        "Started in the time shown",
        "How many started in the whole time that the board shows, and how long they had waited: half, and "
        "nine of ten, for less than this. Types and priorities of which none started are left out.",
        f"{started} > 0",
        Column("Type", label="type", width=110),
        Column("Priority", label="priority", width=95),
        Column("Started", expression=f"{started} > 0", decimals=0, width=100),
        *(
            Column(
                title,
                expression=past_quantile(share, _WAITS, _RANGE, *by),
                unit=Seconds,
                decimals=1,
                steps=WAIT,
            )
            for title, share in (("Half waited", 0.5), ("9 of 10 waited", 0.9))
        ),
        order={"Type": False, "Priority": True},
        width=12,
        height=8,
    )
