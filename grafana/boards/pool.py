"""Pool: one pool's queue, or several pools' together: how long, how old, who, and what for."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from grafana_foundation_sdk.models.units import BytesIEC, Seconds

from exporter.snapshot.distribution import AGE_BUCKETS
from grafana import variables
from grafana.boards import figures
from grafana.boards.workloads import waiting_table
from grafana.colours import DATA_AGE, DAY, DEMAND, HOUR, MINUTE, ONE_IS_WELL, PRIORITY, STATUS
from grafana.layout import Section, board
from grafana.panels import COUNT, bars, dashed, figure, graph
from grafana.queries import (
    ACTIVE,
    RUNNING,
    WAITING,
    Query,
    data_age,
    largest,
    of_status,
    series,
    total,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from grafana_foundation_sdk.builders.timeseries import Panel
    from grafana_foundation_sdk.models.dashboard import Dashboard

_WORKLOADS = "modelarts_pool_workloads"
_LONGEST = "modelarts_pool_longest_pending_seconds"
_CARDS = "modelarts_pool_requested_accelerators"
_AGES = "modelarts_pool_pending_age_seconds_bucket"

_DEMAND = (("waiting", WAITING), ("running", RUNNING))

_BANDS = {
    "under 15 m": (0, 15 * MINUTE, "green"),
    "15 m to 1 h": (15 * MINUTE, HOUR, "yellow"),
    "1 to 4 h": (HOUR, 4 * HOUR, "light-orange"),
    "4 to 12 h": (4 * HOUR, 12 * HOUR, "dark-orange"),
    "12 h to 1 d": (12 * HOUR, DAY, "red"),
    "over 1 d": (DAY, float("inf"), "dark-red"),
}
"""How long, in words -> from, to, colour; bounds are those of buckets."""


def dashboard() -> Dashboard:
    """The board."""
    return board(
        "Pool",
        "The queue of a pool, or of several together: how long it is, how old, who waits and for what.",
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
            _ages(),
            Section("Longest waits", (waiting_table("Longest waits", 50),)),
            _resources(),
            _priorities(),
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
            ),
        ),
    )


def _ages() -> Section:
    return Section(
        "How long the waiting have waited so far",
        (
            graph(
                "Waiting by age",
                "The waiting workloads, by how long they have waited so far. Red that grows is a queue whose "
                "head is stuck.",
                *(Query(_between(low, high), name) for name, (low, high, _) in _BANDS.items()),
                stacked=True,
                colours={name: colour for name, (_, _, colour) in _BANDS.items()},
                height=13,
            ),
            bars(
                "Waiting by age, now",
                "The waiting workloads in each bucket of modelarts_pool_pending_age_seconds.",
                *(Query(_between(low, high), _words(low, high)) for low, high in _buckets()),
                colours={_words(low, high): _colour(high) for low, high in _buckets()},
                width=6,
                height=13,
            ),
            graph(
                "Age quantiles",
                "Half, and nine of ten, of the waiting workloads have waited for less than this. Estimated "
                "within buckets; the longest is exact. Nothing where nobody waits.",
                Query(largest(series(_LONGEST)), "longest"),
                Query(_age_quantile(0.9), "9 of 10"),
                Query(_age_quantile(0.5), "half"),
                unit=Seconds,
                colours={"longest": "red", "9 of 10": "orange", "half": "blue"},
                width=6,
                height=13,
            ),
        ),
    )


def _resources() -> Section:
    return Section(
        "Requested, by those who wait and those who run",
        (
            graph(
                "Cards",
                "Accelerators requested by waiting and by running workloads; kinds without any are left out.",
                *(
                    Query(
                        f"{total(series(_CARDS, status), 'accelerator')} > 0", f"{{{{accelerator}}}} {name}"
                    )
                    for name, status in _DEMAND
                ),
                height=9,
            ).override_by_regexp("/waiting$/", [dashed()]),
            _demand("CPU cores", "modelarts_pool_requested_cpu_cores", COUNT),
            _demand("Memory", "modelarts_pool_requested_memory_bytes", BytesIEC),
        ),
    )


def _demand(title: str, metric: str, unit: str) -> Panel:
    return graph(
        title,
        f"{title} requested by waiting and by running workloads.",
        *(Query(total(series(metric, status)), name) for name, status in _DEMAND),
        unit=unit,
        colours=DEMAND,
        width=6,
        height=9,
    )


def _priorities() -> Section:
    by_priority = of_status("modelarts_workload_info", WAITING)
    return Section(
        "Priorities",
        (
            graph(
                "Longest wait by priority",
                "The longest wait so far, by priority; 3 is the highest, and should wait least.",
                Query(largest(series(_LONGEST), "priority"), "priority {{priority}}"),
                unit=Seconds,
                colours=PRIORITY,
            ),
            graph(
                "Waiting by priority",
                "Waiting workloads by priority, of those that have series of their own (workloads.series and "
                "workloads.limit in the exporter's configuration).",
                Query(f"count by (priority) ({by_priority})", "priority {{priority}}"),
                stacked=True,
                colours=PRIORITY,
            ),
        ),
    )


def _age_quantile(share: float) -> str:
    # No rate(): the buckets hold who waits now, and do not count up.
    return f"histogram_quantile({share}, {total(series(_AGES), 'le')}) >= 0"


def _buckets() -> Iterable[tuple[float, float]]:
    return pairwise((0, *AGE_BUCKETS, float("inf")))


def _between(low: float, high: float) -> str:
    """How many have waited for longer than `low` and at most `high` seconds."""
    up_to_high = total(series(_AGES, _bound(high)))
    return f"{up_to_high} - {total(series(_AGES, _bound(low)))}" if low else up_to_high


def _bound(seconds: float) -> str:
    return 'le="+Inf"' if seconds == float("inf") else f'le="{float(seconds)}"'


def _words(low: float, high: float) -> str:
    return f"over {_short(low)}" if high == float("inf") else f"to {_short(high)}"


def _short(seconds: float) -> str:
    size, unit = next(
        (size, unit) for size, unit in ((DAY, "d"), (HOUR, "h"), (MINUTE, "m")) if seconds >= size
    )
    return f"{seconds / size:g} {unit}"


def _colour(high: float) -> str:
    """The colour of the band in which a bucket with this upper bound lies."""
    return next(colour for _, bound, colour in _BANDS.values() if high <= bound)
