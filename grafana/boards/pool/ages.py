"""Pool, row: how long the waiting have waited so far."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from grafana_foundation_sdk.models.units import Seconds

from exporter.snapshot.counters import AGE_BUCKETS
from grafana.colours import DAY, HOUR, MINUTE
from grafana.layout import Section
from grafana.panels import bars, graph, heat
from grafana.queries import Query, largest, series, total

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST = "modelarts_pool_longest_pending_seconds"
_AGES = "modelarts_pool_pending_age_seconds_bucket"

_BANDS = {
    "under 15 m": (0, 15 * MINUTE, "green"),
    "15 m to 1 h": (15 * MINUTE, HOUR, "yellow"),
    "1 to 4 h": (HOUR, 4 * HOUR, "light-orange"),
    "4 to 12 h": (4 * HOUR, 12 * HOUR, "dark-orange"),
    "12 h to 1 d": (12 * HOUR, DAY, "red"),
    "over 1 d": (DAY, float("inf"), "dark-red"),
}
"""How long, in words -> from, to, colour; bounds are those of buckets."""


def section() -> Section:
    """The row."""
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
            heat(
                "Heat map of ages",
                "How many wait in each bucket of age. A wave that climbs from left to right is a batch that "
                "does not get in; a line at the top is a workload that everybody passes.",
                Query(total(series(_AGES), "le"), "{{le}}"),
                unit=Seconds,
            ),
        ),
    )


def _age_quantile(share: float) -> str:
    # No rate(): the buckets hold who waits now, and do not count up. The last one that is not empty reaches
    # further than anybody has waited.
    estimated = f"histogram_quantile({share}, {total(series(_AGES), 'le')})"
    return f"clamp_max({estimated}, scalar({largest(series(_LONGEST))})) >= 0"


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
