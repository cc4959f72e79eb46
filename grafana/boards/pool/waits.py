"""Pool, row: waits against what is allowed, and whether priorities are kept to."""

from __future__ import annotations

from grafana_foundation_sdk.builders.common import ScaleDistributionConfig
from grafana_foundation_sdk.models.common import ScaleDistribution
from grafana_foundation_sdk.models.units import PercentUnit, Seconds

from grafana.colours import PRIORITY, TYPE
from grafana.layout import Section
from grafana.panels import dashed, graph
from grafana.queries import WAITING, Query, allowed, largest, of_allowed, of_status, series

_LONGEST = "modelarts_pool_longest_pending_seconds"
_ALLOWED = "allowed"


def section() -> Section:
    """The row."""
    longest = series(_LONGEST)
    least_allowed = f"min by (priority) ({allowed(f'({longest} > 0)')})"
    by_priority = of_status("modelarts_workload_info", WAITING)
    return Section(
        "Waits and priorities",
        (
            graph(
                "Longest wait by priority",
                "The longest wait so far; 3 is the highest priority, and should wait least. Dashed is what "
                "alerts.pending_after allows: of the types that wait, the least.",
                Query(largest(longest, "priority"), "priority {{priority}}"),
                Query(least_allowed, f"priority {{{{priority}}}}, {_ALLOWED}"),
                unit=Seconds,
                colours=PRIORITY | {f"{name}, {_ALLOWED}": colour for name, colour in PRIORITY.items()},
            ).override_by_regexp(f"/{_ALLOWED}$/", [dashed()]),
            graph(
                "Longest wait, of what is allowed",
                "The longest wait by type, as a share of what alerts.pending_after allows to its type and "
                "priority; each line is ten times the one below. Above the red line an alert fires.",
                Query(f"{largest(of_allowed(longest), 'type')} > 0", "{{type}}"),
                unit=PercentUnit,
                colours=TYPE,
                limit=1,
            )
            .min(0.01)
            .scale_distribution(ScaleDistributionConfig().type(ScaleDistribution.LOG).log(10)),
            graph(
                "Waiting by priority",
                "Waiting workloads by priority, of those that have series of their own (workloads.series and "
                "workloads.limit in the exporter's configuration).",
                Query(f"count by (priority) ({by_priority})", "priority {{priority}}"),
                stacked=True,
                colours=PRIORITY,
            ),
            graph(
                "Last start by priority",
                "How long ago the running workload started that started last. Low for a low priority while a "
                "higher one waits: it was overtaken. It jumps when that workload ends.",
                Query(
                    f"min by (priority) ({series('modelarts_pool_shortest_running_seconds')})",
                    "priority {{priority}}",
                ),
                unit=Seconds,
                colours=PRIORITY,
            ),
        ),
    )
