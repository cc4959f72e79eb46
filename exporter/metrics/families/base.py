"""What a metric family is: a name, its documentation, and a function from what is known to samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

from exporter.metrics.summary import Summary
from exporter.metrics.thresholds import PendingThresholds
from exporter.snapshot.counters import Throughput
from exporter.snapshot.pool import Fitting, PoolDescription, PoolState
from exporter.snapshot.resources import Capacity, FreeCards
from exporter.snapshot.workload import Workload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from exporter.snapshot.counters import Distribution

Kind = Literal["gauge", "counter", "histogram", "gaugehistogram"]

POOL_LABELS = ("region", "project_id", "pool")
"""On every series; added where samples are rendered, so that no family can forget them."""

WORKLOAD_LABELS = ("uid", "job_name", "type")
"""On every series of a single workload; added likewise."""

Known = TypeVar(
    "Known",
    PoolState,
    PendingThresholds,
    Throughput,
    PoolDescription,
    Capacity,
    FreeCards,
    Fitting,
    Summary,
    Workload,
)


@dataclass(frozen=True, slots=True)
class Family(Generic[Known]):
    """A family with one sample for each thing that is known; its entry is its documentation.

    Attributes:
        name: as it stands in the exposition; a counter's ends in `_total`.
        help: one sentence, with the unit where the name does not say it.
        value: what is known -> the sample's value; None, and then no sample, where it cannot be known.
        labels: none besides those of `POOL_LABELS` and, for a workload's family, `WORKLOAD_LABELS`.
        kind: its type.
    """

    name: str
    help: str
    value: Callable[[Known], float | None]
    labels: tuple[()] = ()
    kind: Kind = "gauge"


@dataclass(frozen=True, slots=True)
class InfoFamily(Generic[Known]):
    """A family with one sample of value 1 for each thing that is known: what it says stands in its labels.

    Attributes:
        name, help, kind: as for `Family`.
        labels: as for `LabelledFamily`.
        texts: what is known -> the labels' values.
    """

    name: str
    help: str
    labels: tuple[str, ...]
    texts: Callable[[Known], tuple[str, ...]]
    kind: Kind = "gauge"


@dataclass(frozen=True, slots=True)
class LabelledFamily(Generic[Known]):
    """A family with any number of samples for each thing that is known, told apart by labels of its own.

    Attributes:
        name, help, kind: as for `Family`.
        labels: besides those of `POOL_LABELS` and, for a workload's family, `WORKLOAD_LABELS`.
        samples: what is known -> (label values, value) of each sample; none where it cannot be known.
    """

    name: str
    help: str
    labels: tuple[str, ...]
    samples: Callable[[Known], Iterable[tuple[tuple[str, ...], float]]]
    kind: Kind = "gauge"


@dataclass(frozen=True, slots=True)
class HistogramFamily(Generic[Known]):
    """A family whose samples are whole distributions.

    Attributes:
        name: without suffix; the series are `_bucket`, `_sum` and `_count`, of a gauge histogram `_bucket`,
            `_gsum` and `_gcount`.
        help: one sentence.
        labels: besides `POOL_LABELS` and `le`.
        samples: what is known -> (label values, distribution).
        buckets: upper bounds.
        kind: histogram, where distributions only grow, or gaugehistogram.
    """

    name: str
    help: str
    labels: tuple[str, ...]
    samples: Callable[[Known], Iterable[tuple[tuple[str, ...], Distribution]]]
    buckets: tuple[float, ...]
    kind: Kind = "histogram"

    @property
    def suffixes(self) -> tuple[str, str, str]:
        """Of the buckets', the counts' and the sums' series."""
        return (
            ("_bucket", "_gcount", "_gsum")
            if self.kind == "gaugehistogram"
            else ("_bucket", "_count", "_sum")
        )


SampleFamily = Family[Known] | InfoFamily[Known] | LabelledFamily[Known]
"""Of kinds that have single samples."""

PoolFamily = SampleFamily[Known] | HistogramFamily[Known]
"""Of any kind."""

StateFamily = Family[PoolState] | LabelledFamily[PoolState]
SettingFamily = Family[PendingThresholds] | LabelledFamily[PendingThresholds]
ThroughputFamily = LabelledFamily[Throughput] | HistogramFamily[Throughput]
CatalogueFamily = Family[PoolDescription] | LabelledFamily[PoolDescription]
CapacityFamily = Family[Capacity] | LabelledFamily[Capacity]
FreeCardsFamily = Family[FreeCards] | LabelledFamily[FreeCards]
FittingFamily = Family[Fitting] | LabelledFamily[Fitting]
ListingFamily = Family[Summary] | LabelledFamily[Summary] | HistogramFamily[Summary]
WorkloadFamily = Family[Workload] | InfoFamily[Workload] | LabelledFamily[Workload]
AnyFamily = (
    StateFamily
    | SettingFamily
    | ThroughputFamily
    | CatalogueFamily
    | CapacityFamily
    | FreeCardsFamily
    | FittingFamily
    | ListingFamily
    | WorkloadFamily
)
