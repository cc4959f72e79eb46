"""Single figures that more than one board shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.models.units import Seconds

from grafana.colours import NONE_IS_BEST, NONE_IS_WELL, WAIT
from grafana.panels import figure
from grafana.queries import WAITING, Query, largest, series, total

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.stat import Panel


def pools_down() -> Panel:
    """How many pools cannot be read."""
    return figure(
        "Pools down",
        "Pools whose last listing failed. The exporter's status page says why.",
        Query(f"count({series('modelarts_pool_up')} == 0) or vector(0)"),
        steps=NONE_IS_WELL,
    )


def waiting() -> Panel:
    """How many wait."""
    query = Query(total(series("modelarts_pool_workloads", WAITING)))
    return figure("Waiting", "Workloads in status Queue or Pending.", query)


def longest_wait() -> Panel:
    """How long the one has waited that has waited longest."""
    return figure(
        "Longest wait",
        "The longest wait so far of a workload that still waits.",
        Query(largest(series("modelarts_pool_longest_pending_seconds"))),
        unit=Seconds,
        decimals=1,
        steps=WAIT,
    )


def cards_waited_for() -> Panel:
    """For how many accelerators they wait."""
    query = Query(total(series("modelarts_pool_requested_accelerators", WAITING)))
    return figure("Cards waited for", "Accelerators that the waiting workloads request.", query)


def fitting() -> Panel:
    """How many wait although there is room."""
    return figure(
        "Fit, but wait",
        "Waiting workloads whose whole request is no more than what is free in their pool, each on its own.",
        Query(total(series("modelarts_pool_fitting_workloads"))),
        steps=NONE_IS_BEST,
    )
