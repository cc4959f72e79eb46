"""Tables of single workloads, for more than one board."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.models.units import PercentUnit, Seconds

from grafana.colours import OF_ALLOWED, WAIT
from grafana.queries import RUNNING, WAITING, WORKLOAD, named, of_allowed, of_status, series, together
from grafana.tables import POOL_BOARD, Column, table_of

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.table import Panel

_STATUS = "modelarts_workload_status"
_LIMITED = "Only those with series of their own: see workloads.series and workloads.limit in the exporter."


def waiting_table(title: str, most: int, *conditions: str, height: int = 10) -> Panel:
    """Who waits, longest first; at most so many, under these conditions."""
    waits = of_status("modelarts_workload_pending_duration_seconds", WAITING, *conditions)
    chosen = f"topk({most}, {waits})"
    return table_of(
        title,
        f"Waiting workloads, at most {most}, longest wait first. Of allowed: the wait as a share of what "
        "alerts.pending_after allows; over 100% an alert fires. The position is the cloud's own; empty where "
        f"it gives none. May start in: a guess, with workloads.estimates. {_LIMITED}",
        _rows(chosen),
        Column("Job", label="job_name", width=230),
        Column("Waited", expression=chosen, unit=Seconds, decimals=1, steps=WAIT, width=110),
        Column(
            "Of allowed",
            expression=of_allowed(_with_priority(chosen)),
            unit=PercentUnit,
            decimals=0,
            steps=OF_ALLOWED,
            width=110,
        ),
        Column("Position", expression=_of("modelarts_workload_pending_position", chosen), width=100),
        Column(
            "May start in",
            expression=_of("modelarts_workload_estimated_start_seconds", chosen),
            unit=Seconds,
            decimals=1,
            width=125,
        ),
        Column("Priority", label="priority", width=95),
        *_cards(chosen),
        *_origin(),
        order={"Waited": True},
        height=height,
    )


def running_table(title: str, most: int, *conditions: str, height: int = 10) -> Panel:
    """What runs, longest first; at most so many, under these conditions."""
    # By creation, which every workload has; how long it runs may be unknown.
    begun = of_status("modelarts_workload_created_timestamp_seconds", RUNNING, *conditions)
    chosen = f"bottomk({most}, {begun})"
    return table_of(
        title,
        f"Running workloads, at most {most}: of more, those created first. {_LIMITED}",
        _rows(chosen),
        Column("Job", label="job_name", width=230),
        Column(
            "Has run",
            expression=_of("modelarts_workload_running_duration_seconds", chosen),
            unit=Seconds,
            decimals=1,
            width=110,
        ),
        Column(
            "Had waited",
            expression=_of("modelarts_workload_pending_duration_seconds", chosen),
            unit=Seconds,
            decimals=1,
            steps=WAIT,
            width=125,
        ),
        Column("Nodes", expression=_of("modelarts_workload_nodes", chosen), width=90),
        Column("Priority", label="priority", width=95),
        *_cards(chosen),
        *_origin(),
        order={"Has run": True},
        height=height,
    )


def _rows(chosen: str) -> str:
    """One series for each chosen workload, with everything that is known of it as labels."""
    status = together(series(_STATUS), chosen)
    return named(_known(status, "user", "priority"))


def _with_priority(chosen: str) -> str:
    return f"({_known(chosen, 'priority')})"


def _known(workloads: str, *labels: str) -> str:
    """With labels of their info."""
    names = ", ".join(labels)
    known = f"max by ({WORKLOAD}, {names}) ({series('modelarts_workload_info')})"
    return f"({workloads}) * on ({WORKLOAD}) group_left ({names}) {known}"


def _of(metric: str, chosen: str) -> str:
    return together(series(metric), chosen)


def _cards(chosen: str) -> tuple[Column, Column]:
    cards = _of("modelarts_workload_requested_accelerators", chosen)
    return Column("Cards", expression=cards, width=90), Column("Accelerator", label="accelerator", width=200)


def _origin() -> tuple[Column, ...]:
    return (
        Column("Status", label="status", width=100),
        Column("Type", label="type", width=100),
        Column("User", label="user", width=120),
        Column("Pool", label="pool_name", width=190, link=("Open the pool", POOL_BOARD)),
        *(Column(label, label=label, width=110) for label in ("region", "project_id", "pool", "uid")),
    )
