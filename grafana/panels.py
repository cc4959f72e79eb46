"""One function per kind of panel. Each asks for a title, a description and a unit: no panel goes without."""

from __future__ import annotations

from string import ascii_uppercase
from typing import TYPE_CHECKING, Literal

from grafana_foundation_sdk.builders import bargauge, heatmap, stat, timeseries
from grafana_foundation_sdk.builders.common import (
    GraphThresholdsStyleConfig,
    ReduceDataOptions,
    StackingConfig,
    VizLegendOptions,
    VizTooltipOptions,
)
from grafana_foundation_sdk.builders.dashboard import FieldColor
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    BigValueColorMode,
    BigValueGraphMode,
    BigValueTextMode,
    DataSourceRef,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DynamicConfigValue,
    FieldColorModeId,
    ValueMap,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from grafana_foundation_sdk.models.units import NoUnit, Seconds

from grafana.colours import PLAIN, Steps, thresholds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grafana.queries import Query

DATA_SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")

COUNT = NoUnit
"""The unit of workloads, pools and cards: the number as it is."""

_WIDE = 12
_POINTS = 240
"""Of a line. Grafana asks for one a pixel, which over 200 pools takes minutes and shows no more."""


def figure(
    title: str,
    description: str,
    query: Query,
    *,
    unit: str = COUNT,
    steps: Steps = PLAIN,
    decimals: int | None = None,
    texts: Mapping[str, str] | None = None,
    show: Literal["value", "name"] = "value",
) -> stat.Panel:
    """One number, now; or the text that stands for it; or what its series is called."""
    panel = (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(DATA_SOURCE)
        .height(4)
        .span(4)
        .unit(unit)
        .thresholds(thresholds(steps))
        .color_mode(BigValueColorMode.VALUE)
        .graph_mode(BigValueGraphMode.NONE)
        .text_mode(BigValueTextMode.NAME if show == "name" else BigValueTextMode.VALUE)
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))
        .no_value("–")  # noqa: RUF001  (a dash, as for anything unknown)
        .with_target(_target(query, 0).instant())
    )
    if texts:
        panel.mappings([ValueMap({value: ValueMappingResult(text=text) for value, text in texts.items()})])
    return panel if decimals is None else panel.decimals(decimals)


def graph(
    title: str,
    description: str,
    *queries: Query,
    unit: str = COUNT,
    stacked: bool = False,
    colours: Mapping[str, str] | None = None,
    limit: float | None = None,
    width: int = 12,
    height: int = 8,
) -> timeseries.Panel:
    """Lines over time, or a stack of areas.

    The legend is a table, so that long names do not run into each other: beside a wide graph, else below.

    Args:
        title: of the panel.
        description: what it shows, and what to make of it.
        queries: what is drawn.
        unit: of the values.
        stacked: what the series add up to matters.
        colours: by the series' name; others take Grafana's own.
        limit: where a red line is drawn.
        width: in grid units, of 24.
        height: in grid units.
    """
    panel = (
        _bare_graph(unit, stacked=stacked)
        .title(title)
        .description(description)
        .datasource(DATA_SOURCE)
        .height(height)
        .span(width)
        .legend(_legend(wide=width >= _WIDE))
        .targets([_target(query, place).range() for place, query in enumerate(queries)])
    )
    for name, colour in (colours or {}).items():
        panel.override_by_name(name, [fixed(colour)])
    if limit is not None:
        panel.thresholds(thresholds(((None, "transparent"), (limit, "red"))))
        panel.thresholds_style(GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED))
    return panel


def heat(title: str, description: str, query: Query, *, unit: str, height: int = 8) -> heatmap.Panel:
    """Buckets over time, over the whole width: the more in one, the darker; none where there is nothing.

    Args:
        title: of the panel.
        description: what it shows, and what to make of it.
        query: counts up to each `le`; Grafana takes the differences.
        unit: of the buckets' bounds.
        height: in grid units.
    """
    return (
        heatmap.Panel()
        .title(title)
        .description(description)
        .datasource(DATA_SOURCE)
        .height(height)
        .span(24)
        .unit(COUNT)
        .calculate(calculate=False)
        .color(heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Oranges").steps(64))
        .filter_values(heatmap.FilterValueRange().le(1e-9))
        .max_data_points(_POINTS)
        .cell_gap(1)
        .y_axis(heatmap.YAxisConfig().unit(unit).decimals(0))
        .show_legend()
        .with_target(_target(query, 0).range().format(PromQueryFormat.HEATMAP))
    )


def _bare_graph(unit: str, *, stacked: bool) -> timeseries.Panel:
    panel = (
        timeseries.Panel()
        .unit(unit)
        .min(0)
        .max_data_points(_POINTS)
        .line_width(0 if stacked else 1)  # a stack's empty areas would frame it in their colours
        .fill_opacity(70 if stacked else 0)
        .stacking(StackingConfig().mode(StackingMode.NORMAL if stacked else StackingMode.NONE))
        .show_points(VisibilityMode.NEVER)
        .color_scheme(FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC))
        .tooltip(VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
    )
    if unit == COUNT:
        panel.axis_soft_max(1)  # nothing but zeros would be drawn on a scale to 100
    return panel.decimals(1) if unit == Seconds else panel


def _legend(*, wide: bool) -> VizLegendOptions:
    return (
        VizLegendOptions()
        .display_mode(LegendDisplayMode.TABLE)
        .placement(LegendPlacement.RIGHT if wide else LegendPlacement.BOTTOM)
        .show_legend(show_legend=True)
        .calcs(["lastNotNull", "max"] if wide else ["lastNotNull"])
    )


def bars(
    title: str,
    description: str,
    *queries: Query,
    unit: str = COUNT,
    colours: Mapping[str, str],
    width: int = 12,
    height: int = 8,
) -> bargauge.Panel:
    """One bar for each series, now."""
    panel = (
        bargauge.Panel()
        .title(title)
        .description(description)
        .datasource(DATA_SOURCE)
        .height(height)
        .span(width)
        .unit(unit)
        .min(0)
        .orientation(VizOrientation.HORIZONTAL)
        .display_mode(BarGaugeDisplayMode.BASIC)
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))
        .thresholds(thresholds(PLAIN))
        .targets([_target(query, place).instant() for place, query in enumerate(queries)])
    )
    for name, colour in colours.items():
        panel.override_by_name(name, [fixed(colour)])
    return panel


def fixed(colour: str) -> DynamicConfigValue:
    """An override: this colour."""
    return DynamicConfigValue("color", {"mode": "fixed", "fixedColor": colour})


def dashed() -> DynamicConfigValue:
    """An override: a dashed line."""
    return DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [6, 4]})


def rows(query: Query, place: int) -> Dataquery:
    """A target whose answer is a table: one row per series."""
    return _target(query, place).instant().format(PromQueryFormat.TABLE)


def _target(query: Query, place: int) -> Dataquery:
    target = Dataquery().datasource(DATA_SOURCE).ref_id(ascii_uppercase[place]).expr(query.expression)
    return target.legend_format(query.legend) if query.legend else target
