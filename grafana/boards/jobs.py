"""Jobs: which workloads wait and run, searched by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.models.units import Seconds

from grafana import variables
from grafana.boards.workloads import running_table, waiting_table
from grafana.colours import STATUS, WAIT
from grafana.layout import Section, board
from grafana.panels import figure, graph
from grafana.queries import RUNNING, WAITING, Query, largest, of_status, series, total

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Dashboard

_MOST = 500
_NAMED = 'job_name=~"(?i).*$job.*"'
_WAIT = "modelarts_workload_pending_duration_seconds"
_STATUS = "modelarts_workload_status"
_CARDS = "modelarts_workload_requested_accelerators"


def dashboard() -> Dashboard:
    """The board."""
    return board(
        "Jobs",
        "Which workloads wait and run; searched by a part of the job's name.",
        (
            variables.data_source(),
            variables.region(),
            variables.project(),
            variables.pool(),
            variables.kind(),
            variables.job_name(),
        ),
        (
            _found(),
            Section("Waiting", (waiting_table("Waiting", _MOST, _NAMED),)),
            Section("Running", (running_table("Running", _MOST, _NAMED, height=12),)),
            _over_time(),
        ),
    )


def _found() -> Section:
    return Section(
        "Found",
        (
            figure("Waiting", "Workloads found that wait.", Query(_count(WAITING))),
            figure("Running", "Workloads found that run.", Query(_count(RUNNING))),
            figure(
                "Longest wait",
                "The longest wait so far of a workload found that still waits.",
                Query(largest(of_status(_WAIT, WAITING, _NAMED))),
                unit=Seconds,
                decimals=1,
                steps=WAIT,
            ),
            figure(
                "Cards waited for",
                "Accelerators that the waiting workloads found request.",
                Query(f"{total(of_status(_CARDS, WAITING, _NAMED))} or vector(0)"),
            ),
            figure(
                "Cards in use",
                "Accelerators that the running workloads found requested.",
                Query(f"{total(of_status(_CARDS, RUNNING, _NAMED))} or vector(0)"),
            ),
            figure(
                "Left out",
                "Workloads of these pools that are over workloads.limit and have no series of their own, "
                "found or not. The Fleet and Pool boards count them.",
                Query(total(series("modelarts_pool_workload_series_omitted"))),
                steps=((None, "green"), (1, "orange")),
            ),
        ),
    )


def _over_time() -> Section:
    return Section(
        "Over time",
        (
            graph(
                "Workloads found, by user",
                "Waiting and running workloads found, of the ten users with most of them now.",
                Query(_by_user(), "{{user}}"),
                stacked=True,
            ),
            graph(
                "Workloads found, by status",
                "Workloads found, of those that have series of their own.",
                Query(total(series(_STATUS, _NAMED), "status"), "{{status}}"),
                stacked=True,
                colours=STATUS,
            ),
        ),
    )


def _by_user() -> str:
    found = f"count by (user) ({series('modelarts_workload_info', _NAMED)})"
    at_the_end = found.replace("}", "} @ end()")
    return f"{found} and on (user) topk(10, {at_the_end})"


def _count(status: str) -> str:
    return f"count({series(_STATUS, status, _NAMED)}) or vector(0)"
