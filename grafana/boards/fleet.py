"""Fleet: which pools hurt now, and a way to each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.models.units import PercentUnit, Seconds

from grafana import variables
from grafana.boards import figures
from grafana.colours import BACKLOG, DATA_AGE, ONE_IS_WELL, WAIT
from grafana.layout import Panel, Section, board
from grafana.panels import figure, graph
from grafana.queries import (
    RUNNING,
    WAITING,
    Query,
    data_age,
    largest,
    named,
    series,
    total,
    worst,
)
from grafana.tables import POOL_BOARD, Column, table_of

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Dashboard

_POOL = ("region", "project_id", "pool")
_LONGEST = "modelarts_pool_longest_pending_seconds"
_CARDS = "modelarts_pool_requested_accelerators"
_WORKLOADS = "modelarts_pool_workloads"


def dashboard() -> Dashboard:
    """The board."""
    return board(
        "Fleet",
        "Which pools hurt now: who waits, how long, for how many cards, and whether the figures are fresh.",
        (
            variables.data_source(),
            variables.region(),
            variables.project(),
            variables.pool(),
            variables.kind(),
        ),
        (Section("Now", (*_figures(), _pools())), _over_time()),
    )


def _figures() -> tuple[Panel, ...]:
    return (
        figure("Pools", "Pools that are watched.", Query(f"count({series('modelarts_pool_up')})")),
        figures.pools_down(),
        figures.waiting(),
        figures.longest_wait(),
        figures.cards_waited_for(),
        figure(
            "Oldest data",
            "Of the pool that was not listed for longest. Older than poll.stale_after, its figures are gone.",
            Query(largest(data_age())),
            unit=Seconds,
            decimals=0,
            steps=DATA_AGE,
        ),
    )


def _pools() -> Panel:
    return table_of(
        "Pools, those down first, then by longest wait",
        "One row per pool; a click on the name leads to the Pool board. Backlog is cards waited for as a "
        "share of those in use; empty where none is in use.",
        named(series("modelarts_pool_up")),
        Column("Pool", label="pool_name", width=220, link=("Open the pool", POOL_BOARD)),
        Column(
            "Up",
            expression=series("modelarts_pool_up"),
            steps=ONE_IS_WELL,
            texts={"0": "down", "1": "up"},
            width=80,
        ),
        *_demand(),
        Column("Data age", expression=data_age(), unit=Seconds, decimals=0, steps=DATA_AGE, width=110),
        Column("region", label="region", width=115),
        Column("project_id", label="project_id"),
        Column("pool", label="pool"),
        order={"Up": False, "Longest wait": True},
        height=9,
    )


def _demand() -> tuple[Column, ...]:
    """What is waited for against what runs."""
    waiting, running = total(series(_CARDS, WAITING), *_POOL), total(series(_CARDS, RUNNING), *_POOL)
    longest = largest(series(_LONGEST), *_POOL)
    backlog = f"{waiting} / ({running} > 0)"
    return (
        Column("Waiting", expression=total(series(_WORKLOADS, WAITING), *_POOL), width=105),
        Column("Longest wait", expression=longest, unit=Seconds, decimals=1, steps=WAIT, width=150),
        Column("Running", expression=total(series(_WORKLOADS, RUNNING), *_POOL), width=105),
        Column("Cards waited for", expression=waiting, width=160),
        Column("Cards in use", expression=running, width=130),
        Column("Backlog", expression=backlog, unit=PercentUnit, decimals=0, steps=BACKLOG, width=105),
    )


def _over_time() -> Section:
    return Section(
        "Over time, the ten worst pools",
        (
            graph(
                "Longest wait",
                "The longest wait so far, of the ten pools where it is longest now.",
                Query(worst(largest(series(_LONGEST), *_POOL)), "{{pool_name}}"),
                unit=Seconds,
            ),
            graph(
                "Waiting workloads",
                "Workloads in status Queue or Pending, of the ten pools with most of them now.",
                Query(worst(total(series(_WORKLOADS, WAITING), *_POOL)), "{{pool_name}}"),
            ),
            graph(
                "Cards waited for",
                "Accelerators that waiting workloads request, of the ten pools with most of them now.",
                Query(worst(total(series(_CARDS, WAITING), *_POOL)), "{{pool_name}}"),
            ),
            graph(
                "Cards in use",
                "Accelerators that running workloads requested, of the ten pools with most of them now.",
                Query(worst(total(series(_CARDS, RUNNING), *_POOL)), "{{pool_name}}"),
            ),
            graph(
                "Data age",
                "Seconds since the last successful listing, of the ten pools with the oldest. A line that "
                "only climbs is a pool that cannot be read.",
                Query(worst(data_age()), "{{pool_name}}"),
                unit=Seconds,
                width=24,
            ),
        ),
    )
