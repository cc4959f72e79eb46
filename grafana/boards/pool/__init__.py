"""Pool: one pool's queue, or several pools' together: how long, how old, why, and what gets through.

reasons     why it waits: what is asked for, free, fitting, standing still
ages        how long the waiting have waited so far
waits       by priority, against what is allowed
throughput  what got through, and how long it had waited and run
users       who asks for it all
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.models.units import Seconds

from grafana import variables
from grafana.boards import figures
from grafana.boards.pool import ages, reasons, throughput, users, waits
from grafana.boards.workloads import waiting_table
from grafana.colours import DATA_AGE, ONE_IS_WELL, STATUS, TYPE
from grafana.layout import Section, board
from grafana.panels import figure, graph
from grafana.queries import ACTIVE, RUNNING, WAITING, Query, data_age, largest, series, total

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Dashboard

_WORKLOADS = "modelarts_pool_workloads"


def dashboard() -> Dashboard:
    """The board."""
    return board(
        "Pool",
        "The queue of a pool, or of several together: how long it is, how old, why it waits, and what gets "
        "through.",
        (
            variables.data_source(),
            variables.region(),
            variables.project(),
            variables.pool(),
            variables.kind(),
        ),
        (
            _now(),
            _queue(),
            reasons.section(),
            Section("Longest waits", (waiting_table("Longest waits", 50),)),
            ages.section(),
            waits.section(),
            throughput.section(),
            users.section(),
        ),
    )


def _now() -> Section:
    return Section(
        "Now",
        (
            figures.waiting(),
            figure("Running", "Workloads in status Running.", Query(total(series(_WORKLOADS, RUNNING)))),
            figures.longest_wait(),
            figures.cards_waited_for(),
            figure(
                "Data age",
                "How long ago the pool was last listed; of several, the oldest.",
                Query(largest(data_age())),
                unit=Seconds,
                decimals=0,
                steps=DATA_AGE,
            ),
            figure(
                "Listing complete",
                "Yes if every workload that the cloud says exists was read; no, and the figures are too low.",
                Query(f"min({series('modelarts_pool_listing_complete')})"),
                steps=ONE_IS_WELL,
                texts={"0": "no", "1": "yes"},
            ),
        ),
    )


def _queue() -> Section:
    return Section(
        "Queue",
        (
            graph(
                "Workloads by status",
                "Every workload that is not finished.",
                Query(total(series(_WORKLOADS, ACTIVE), "status"), "{{status}}"),
                stacked=True,
                colours=STATUS,
            ),
            graph(
                "Waiting by type",
                "Workloads in status Queue or Pending.",
                Query(total(series(_WORKLOADS, WAITING), "type"), "{{type}}"),
                stacked=True,
                colours=TYPE,
            ),
        ),
    )
