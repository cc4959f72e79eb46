"""Tables: one row per pool or workload. A column is a query's value or a label that the queries share."""

from __future__ import annotations

from dataclasses import dataclass
from string import ascii_uppercase
from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.builders.common import TableFooterOptions, TableSortByFieldState
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, DynamicConfigValue

from grafana.colours import Steps, thresholds
from grafana.panels import COUNT, DATA_SOURCE, rows
from grafana.queries import Query

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

POOL_BOARD = (
    "/d/modelarts-pool?${datasource:queryparam}&var-region=${__data.fields.region}"
    "&var-project=${__data.fields.project_id}&var-pool=${__data.fields.pool}&${__url_time_range}"
)
"""The Pool board of a row's pool. Its table has the columns region, project_id and pool under these names."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        title: its heading.
        label: the label it shows; or
        expression: the query whose value it shows, one series per row.
        unit: of the value.
        decimals: of the value; left to Grafana if None.
        steps: colours by value.
        texts: value -> text shown instead of it.
        width: in pixels; left to Grafana if None.
        link: (title, address) where a click leads.
    """

    title: str
    label: str = ""
    expression: str = ""
    unit: str = COUNT
    decimals: int | None = None
    steps: Steps = ()
    texts: Mapping[str, str] | None = None
    width: int | None = None
    link: tuple[str, str] | None = None


def table_of(
    title: str,
    description: str,
    of: str,
    *columns: Column,
    order: Mapping[str, bool],
    width: int = 24,
    height: int = 10,
) -> table.Panel:
    """A table.

    Args:
        title: of the panel.
        description: what it shows, and what to make of it.
        of: a query with a series, and all labels that are shown, for each row; its values are not shown.
        columns: in their order. The labels of their queries are among those of `of`, or add to them.
        order: the columns by which it is sorted -> whether the highest come first.
        width: in grid units, of 24.
        height: in grid units; the rest is on further pages.
    """
    queries = (of, *(column.expression for column in columns if column.expression))
    panel = (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(DATA_SOURCE)
        .height(height)
        .span(width)
        .unit(COUNT)
        .filterable(filterable=True)
        .footer(TableFooterOptions().enable_pagination(enable_pagination=True))
        .sort_by([TableSortByFieldState().display_name(name).desc(desc) for name, desc in order.items()])
        .targets([rows(Query(query), place) for place, query in enumerate(queries)])
        .with_transformation(DataTransformerConfig("merge", options={}))
        .with_transformation(DataTransformerConfig("organize", options=_arrangement(columns)))
    )
    for column in columns:
        panel.override_by_name(column.title, list(_properties(column)))
    return panel


def _arrangement(columns: Sequence[Column]) -> dict[str, object]:
    """Order and headings. Grafana calls the values after their queries, of which the first is not shown."""
    letters = iter(ascii_uppercase[1:])
    names = [f"Value #{next(letters)}" if column.expression else column.label for column in columns]
    return {
        "excludeByName": {"Time": True, "Value #A": True},
        "indexByName": {name: place for place, name in enumerate(names)},
        "renameByName": {name: column.title for name, column in zip(names, columns, strict=True)},
    }


def _properties(column: Column) -> list[DynamicConfigValue]:
    found: dict[str, object] = {}
    if column.expression:
        found["unit"] = column.unit
    if column.decimals is not None:
        found["decimals"] = column.decimals
    if column.steps:
        found["thresholds"] = thresholds(column.steps).build()
        found["color"] = {"mode": "thresholds"}
        found["custom.cellOptions"] = {"type": "color-text"}
    if column.texts:
        found["mappings"] = [
            {"type": "value", "options": {value: {"text": text} for value, text in column.texts.items()}}
        ]
    if column.width:
        found["custom.width"] = column.width
    if column.link:
        found["links"] = [{"title": column.link[0], "url": column.link[1]}]
    return [DynamicConfigValue(name, value) for name, value in found.items()]
