"""The building blocks of the table of metrics: families, and groups of families that share a source.

A family is a name, its documentation, and a function from a source to samples. A group says where that
source comes from and until when it may be shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Literal, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from exporter.metrics.summary import Summary
    from exporter.metrics.thresholds import PendingThresholds
    from exporter.snapshot.counters import Distribution
    from exporter.snapshot.pool import Expiring, PoolState
    from exporter.snapshot.workload import Workload

Kind = Literal["gauge", "counter", "histogram", "gaugehistogram"]

POOL_LABELS = ("region", "project_id", "pool")
"""Labels of every series. Rendering adds them, so no family has to."""

WORKLOAD_LABELS = ("uid", "job_name", "type")
"""Labels of every series of a single workload. Rendering adds them too."""

Source = TypeVar("Source")
"""What the samples of a family are read from, such as a `PoolCapacity` or a `Workload`."""


@dataclass(frozen=True, slots=True)
class Family(Generic[Source]):
    """A family with at most one sample for each source.

    Attributes:
        name: as in the exposition; a counter's ends in `_total`.
        help: one sentence, with the unit where the name does not say it.
        value: source -> the sample's value; None if it is not known, then there is no sample.
        labels: always empty: the sample only has the labels of its group.
        kind: its type.
    """

    name: str
    help: str
    value: Callable[[Source], float | None]
    labels: tuple[()] = ()
    kind: Kind = "gauge"


@dataclass(frozen=True, slots=True)
class InfoFamily(Generic[Source]):
    """A family with one sample of value 1 for each source; the information is in its labels.

    Attributes:
        name, help, kind: as for `Family`.
        labels: as for `LabelledFamily`.
        texts: source -> the values of `labels`.
    """

    name: str
    help: str
    labels: tuple[str, ...]
    texts: Callable[[Source], tuple[str, ...]]
    kind: Kind = "gauge"


@dataclass(frozen=True, slots=True)
class LabelledFamily(Generic[Source]):
    """A family with any number of samples for each source, which differ in labels of its own.

    Attributes:
        name, help, kind: as for `Family`.
        labels: besides the labels of its group.
        samples: source -> (label values, value) of each sample; none if nothing is known.
    """

    name: str
    help: str
    labels: tuple[str, ...]
    samples: Callable[[Source], Iterable[tuple[tuple[str, ...], float]]]
    kind: Kind = "gauge"


@dataclass(frozen=True, slots=True)
class HistogramFamily(Generic[Source]):
    """A family whose samples are distributions.

    Attributes:
        name: without suffix. The series of a histogram end in `_bucket`, `_sum` and `_count`, those of a
            gauge histogram in `_bucket`, `_gsum` and `_gcount`.
        help: one sentence.
        labels: besides the labels of its group and `le`.
        samples: source -> (label values, distribution).
        buckets: upper bounds.
        kind: histogram if the distributions only grow, else gaugehistogram.
    """

    name: str
    help: str
    labels: tuple[str, ...]
    samples: Callable[[Source], Iterable[tuple[tuple[str, ...], Distribution]]]
    buckets: tuple[float, ...]
    kind: Kind = "histogram"

    @property
    def suffixes(self) -> tuple[str, str, str]:
        """Of the series with the buckets, the counts and the sums."""
        return (
            ("_bucket", "_gcount", "_gsum")
            if self.kind == "gaugehistogram"
            else ("_bucket", "_count", "_sum")
        )


SampleFamily = Family[Source] | InfoFamily[Source] | LabelledFamily[Source]
"""A family of single samples."""

PoolFamily = SampleFamily[Source] | HistogramFamily[Source]
"""A family of any kind."""


class PoolData(NamedTuple):
    """Everything that a pool's text is made from.

    Attributes:
        state: the newest snapshot.
        thresholds: how long its workloads may wait.
        summary: the figures of its listing; None if it was never listed.
    """

    state: PoolState
    thresholds: PendingThresholds
    summary: Summary | None


FOREVER = float("inf")
"""For what never gets stale."""


@dataclass(frozen=True, slots=True)
class Group(Generic[Source]):
    """Families of a pool that share a source: they appear, expire and are rendered together.

    Attributes:
        name: unique among the groups.
        title: heading of its section in docs/metrics.md.
        text: what the section says before its table, in Markdown.
        source: returns the source of the families, and until when it is shown; None if it is not known.
        families: in the order of the exposition.
        when_stale: source -> the source to show after it has expired; None shows nothing then.
    """

    name: str
    title: str
    text: str
    source: Callable[[PoolData], Expiring[Source] | None]
    families: tuple[PoolFamily[Source], ...]
    when_stale: Callable[[Source], Source] | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """On every series of the group."""
        return POOL_LABELS


@dataclass(frozen=True, slots=True)
class WorkloadGroup:
    """The families of single workloads. They expire with the listing.

    Attributes:
        title, text: as for `Group`.
        families: in the order of the exposition.
    """

    title: str
    text: str
    families: tuple[SampleFamily[Workload], ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """On every series of the group."""
        return (*POOL_LABELS, *WORKLOAD_LABELS)
