"""Rows of panels -> a dashboard, with ids and links. Grafana would number panels anew at each import."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders import bargauge, heatmap, stat, table, timeseries
from grafana_foundation_sdk.builders.dashboard import Dashboard, DashboardLink, Row
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, DashboardLinkType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grafana_foundation_sdk.models.dashboard import Dashboard as DashboardModel

    from grafana.variables import Variable

TAG = "modelarts"

Panel = bargauge.Panel | heatmap.Panel | stat.Panel | table.Panel | timeseries.Panel


@dataclass(frozen=True, slots=True)
class Section:
    """A row: its heading and its panels, from left to right; 24 grid units are a line."""

    title: str
    panels: tuple[Panel, ...]


def board(
    name: str, description: str, variables: Sequence[Variable], sections: Sequence[Section]
) -> DashboardModel:
    """A dashboard.

    Args:
        name: one word; makes title and uid.
        description: one sentence.
        variables: in the order in which they depend on each other.
        sections: from top to bottom.
    """
    dashboard = (
        Dashboard(f"ModelArts / {name}")
        .uid(f"modelarts-{name.lower()}")
        .description(description)
        .tags([TAG])
        .readonly()
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .refresh("1m")
        .time("now-6h", "now")
        .timezone("browser")
        .link(
            DashboardLink("ModelArts")
            .type(DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .include_vars(include_vars=True)
            .keep_time(keep_time=True)
        )
    )
    for variable in variables:
        dashboard.with_variable(variable)
    ids = count(1)
    for section in sections:
        dashboard.with_row(Row(section.title).id(next(ids)))
        for panel in section.panels:
            dashboard.with_panel(panel.id(next(ids)))
    return dashboard.build()
