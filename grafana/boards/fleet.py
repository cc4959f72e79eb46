"""Fleet: which pools hurt now, and a way to each of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from grafana_foundation_sdk.models.units import PercentUnit, Seconds

from grafana import variables
from grafana.boards import figures
from grafana.colours import (
    BACKLOG,
    DATA_AGE,
    NONE_IS_BEST,
    NONE_IS_WELL,
    OF_ALLOWED,
    ONE_IS_WELL,
    WAIT,
)
from grafana.layout import Panel, Section, board
from grafana.panels import figure, graph
from grafana.queries import (
    POOL,
    RULES_LOADED,
    RUNNING,
    SCOPE,
    WAITING,
    Query,
    data_age,
    firing,
    largest,
    named,
    of_allowed,
    series,
    total,
    utilisation,
    worst,
)
from grafana.tables import POOL_BOARD, Column, table_of

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Dashboard

_POOL = ("region", "project_id", "pool")
_LONGEST = "modelarts_pool_longest_pending_seconds"
_CARDS = "modelarts_pool_requested_accelerators"
_WORKLOADS = "modelarts_pool_workloads"
_FITTING = "modelarts_pool_fitting_workloads"

_TEN_POOLS = 9
"""So high that the legend shows ten."""


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
    figures_ = (
        figure("Pools", "Pools that are watched.", Query(f"count({series('modelarts_pool_up')})")),
        figures.pools_down(),
        figure(
            "Alerts",
            "Alerts that fire and want somebody to act (severity page or ticket), those on exporters too. A "
            "dash where Prometheus has not loaded the rules of deploy/prometheus.",
            Query(f"count({firing()}) or 0 * count({RULES_LOADED})"),
            steps=NONE_IS_WELL,
        ),
        figures.waiting(),
        figures.longest_wait(),
        figures.fitting(),
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
    return tuple(one.span(3) for one in figures_)


def _pools() -> Panel:
    return table_of(
        "Pools, those down first, then by longest wait",
        "One row per pool; a click on the name leads to the Pool board. Of allowed is the longest wait as a "
        "share of what alerts.pending_after allows; Fit are those that wait although there is room; Backlog "
        "is cards waited for as a share of those in use; Held is what workloads hold of the cards there are.",
        named(series("modelarts_pool_up")),
        Column("Pool", label="pool_name", width=200, link=("Open the pool", POOL_BOARD)),
        Column(
            "Up",
            expression=series("modelarts_pool_up"),
            steps=ONE_IS_WELL,
            texts={"0": "down", "1": "up"},
            width=75,
        ),
        Column("Alerts", expression=_alerts(), steps=NONE_IS_WELL, width=85),
        *_queue(),
        *_demand(),
        Column("Data age", expression=data_age(), unit=Seconds, decimals=0, steps=DATA_AGE, width=105),
        *(Column(label, label=label, width=110) for label in _POOL),
        order={"Up": False, "Longest wait": True},
        height=9,
    )


def _alerts() -> str:
    """By pool; 0 where none fires, nothing where the rules are not loaded."""
    none = f"0 * {series('modelarts_pool_up')} and on () {RULES_LOADED}"
    return f"count by ({POOL}) ({firing(*SCOPE)}) or on ({POOL}) {none}"


def _queue() -> tuple[Column, ...]:
    """Who waits, and for how long."""
    longest = series(_LONGEST)
    return (
        Column("Waiting", expression=total(series(_WORKLOADS, WAITING), *_POOL), width=95),
        Column(
            "Longest wait",
            expression=largest(longest, *_POOL),
            unit=Seconds,
            decimals=1,
            steps=WAIT,
            width=150,
        ),
        Column(
            "Of allowed",
            expression=largest(of_allowed(longest), *_POOL),
            unit=PercentUnit,
            decimals=0,
            steps=OF_ALLOWED,
            width=110,
        ),
        Column("Fit", expression=total(series(_FITTING), *_POOL), steps=NONE_IS_BEST, width=70),
    )


def _demand() -> tuple[Column, ...]:
    """What is waited for against what runs, and that against what is there."""
    waiting, running = total(series(_CARDS, WAITING), *_POOL), total(series(_CARDS, RUNNING), *_POOL)
    share = partial(Column, unit=PercentUnit, decimals=0, width=100)
    return (
        Column("Running", expression=total(series(_WORKLOADS, RUNNING), *_POOL), width=95),
        Column("Cards waited for", expression=waiting, width=150),
        Column("Cards in use", expression=running, width=120),
        share("Backlog", expression=f"{waiting} / ({running} > 0)", steps=BACKLOG),
        share("Held", expression=utilisation("accelerators", *_POOL)),
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
                height=_TEN_POOLS,
            ),
            graph(
                "Waiting workloads",
                "Workloads in status Queue or Pending, of the ten pools with most of them now.",
                Query(worst(total(series(_WORKLOADS, WAITING), *_POOL)), "{{pool_name}}"),
                height=_TEN_POOLS,
            ),
            graph(
                "Cards waited for",
                "Accelerators that waiting workloads request, of the ten pools with most of them now.",
                Query(worst(total(series(_CARDS, WAITING), *_POOL)), "{{pool_name}}"),
                height=_TEN_POOLS,
            ),
            graph(
                "Cards in use",
                "Accelerators that running workloads requested, of the ten pools with most of them now.",
                Query(worst(total(series(_CARDS, RUNNING), *_POOL)), "{{pool_name}}"),
                height=_TEN_POOLS,
            ),
            graph(
                "Cards held, of those there",
                "What workloads hold of what the pool has, as a share, of the ten pools where it is most.",
                Query(worst(utilisation("accelerators", *_POOL)), "{{pool_name}}"),
                unit=PercentUnit,
                height=_TEN_POOLS,
            ).no_value("No capacity known: see capacity.read of the exporter's configuration"),
            graph(
                "Fit, but wait",
                "Waiting workloads that would fit into what is free, of the ten pools with most of them now.",
                Query(worst(total(series(_FITTING), *_POOL)), "{{pool_name}}"),
                height=_TEN_POOLS,
            ).no_value("No capacity known: see capacity.read of the exporter's configuration"),
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
