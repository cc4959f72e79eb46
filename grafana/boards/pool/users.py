"""Pool, row: who asks for it all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana.layout import Section
from grafana.panels import graph
from grafana.queries import ACTIVE, RUNNING, WAITING, Query, series, total
from grafana.tables import Column, table_of

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.table import Panel

_WORKLOADS = "modelarts_pool_user_workloads"
_CARDS = "modelarts_pool_user_requested_accelerators"
_MOST = 10

_OFF = "Set workloads.user_metrics: true in the exporter's configuration"
_WITH = "With workloads.user_metrics; other stands for all but those who ask for most cards."


def section() -> Section:
    """The row."""
    cards = total(series(_CARDS, ACTIVE), "user")
    at_the_end = cards.replace("}", "} @ end()")
    return Section(
        "Who asks for it all",
        (
            _table(),
            graph(
                "Cards by user",
                f"Accelerators that a user's waiting and running workloads request, of the {_MOST} users "
                f"with most of them now. {_WITH}",
                Query(f"{cards} and on (user) topk({_MOST}, {at_the_end})", "{{user}}"),
                stacked=True,
                height=10,
            ).no_value(_OFF),
        ),
    )


def _table() -> Panel:
    columns = (
        ("Cards waited for", _CARDS, WAITING, 175),
        ("Cards in use", _CARDS, RUNNING, 135),
        ("Waiting", _WORKLOADS, WAITING, 110),
        ("Running", _WORKLOADS, RUNNING, 110),
    )
    return table_of(
        "Users",
        f"Who waits for most, and who holds most. {_WITH}",
        total(series(_WORKLOADS), "user"),
        Column("User", label="user"),
        *(
            Column(title, expression=total(series(metric, status), "user"), width=width)
            for title, metric, status, width in columns
        ),
        order={"Cards waited for": True},
        width=12,
    ).no_value(_OFF)
