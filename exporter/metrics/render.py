"""A pool's state -> the chunks of its exposition text. Pure; runs off the event loop."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING

from exporter.metrics.families import (
    LISTING_FAMILIES,
    STATE_FAMILIES,
    THROUGHPUT_FAMILIES,
    WORKLOAD_FAMILIES,
)
from exporter.metrics.family import (
    POOL_LABELS,
    WORKLOAD_LABELS,
    Family,
    GaugeHistogramFamily,
    HistogramFamily,
    Known,
    LabelledFamily,
)
from exporter.metrics.section import Chunk
from exporter.metrics.summary import Ages, Choice, Summary, summarise
from exporter.metrics.text import bound, labelling, number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from exporter.snapshot.distribution import Distribution
    from exporter.snapshot.pool import PoolKey, PoolState
    from exporter.snapshot.throughput import Throughput

Chunks = dict[str, tuple[Chunk, ...]]
"""By section key; a section without samples is missing."""

_SLICE = 2000
"""Lines of a chunk. Each holds the interpreter for about a millisecond, and scrapes come in between."""

_INFINITY = float("inf")

_of_pool = labelling(POOL_LABELS)
_of_workload = labelling(WORKLOAD_LABELS)


@dataclass(frozen=True, slots=True)
class RenderedPool:
    """A pool's state with everything that is made of it.

    Attributes:
        state: what it was made of.
        choice: which workloads were to get series of their own.
        summary: the listing's figures; None where nothing was ever read.
        state_chunks: what is known of every pool.
        stale_chunks: the same once the listing is too old.
        throughput_chunks: what got through; holds however old the listing is.
        listing_chunks: what holds while the listing is fresh.
    """

    state: PoolState
    choice: Choice
    summary: Summary | None
    state_chunks: Mapping[str, tuple[Chunk, ...]]
    stale_chunks: Mapping[str, tuple[Chunk, ...]]
    throughput_chunks: Mapping[str, tuple[Chunk, ...]]
    listing_chunks: Mapping[str, tuple[Chunk, ...]]

    def fresh(self, now: float) -> bool:
        """Whether the listing may be shown at this monotonic moment."""
        return self.summary is not None and now < self.state.fresh_until

    def chunks(self, now: float) -> Mapping[str, tuple[Chunk, ...]]:
        """What to show at this monotonic moment, by section."""
        if self.fresh(now):
            return {**self.state_chunks, **self.throughput_chunks, **self.listing_chunks}
        return {**self.stale_chunks, **self.throughput_chunks}


def render_pool(state: PoolState, choice: Choice, previous: RenderedPool | None = None) -> RenderedPool:
    """Make a pool's text.

    Args:
        state: what is known of the pool.
        choice: which workloads get series of their own.
        previous: what was made last; the text of what is still the same is taken from it.
    """
    pool = _of_pool(state.key)
    listing = state.listing
    if previous is not None and previous.state.listing is listing and previous.choice == choice:
        summary, listing_chunks = previous.summary, previous.listing_chunks
    elif listing is None:
        summary, listing_chunks = None, {}
    else:
        summary = summarise(listing, choice)
        listing_chunks = _listing_chunks(state.key, summary)
    if previous is not None and previous.state.throughput is state.throughput:
        throughput_chunks = previous.throughput_chunks
    else:
        throughput_chunks = _throughput_chunks(pool, state.throughput)
    state_chunks = _state_chunks(pool, state)
    # A poll may be stuck when its listing gets too old; then the last outcome says nothing any more.
    stale_chunks = _state_chunks(pool, replace(state, outcome=None)) if state.up else state_chunks
    return RenderedPool(state, choice, summary, state_chunks, stale_chunks, throughput_chunks, listing_chunks)


def _state_chunks(pool: str, state: PoolState) -> Chunks:
    return _compressed((family.name, _lines(family, ((pool, state),))) for family in STATE_FAMILIES)


def _throughput_chunks(pool: str, throughput: Throughput | None) -> Chunks:
    if throughput is None:
        return {}
    return _compressed(
        (
            family.name,
            _histogram_lines(family, pool, throughput)
            if isinstance(family, HistogramFamily)
            else _lines(family, ((pool, throughput),)),
        )
        for family in THROUGHPUT_FAMILIES
    )


def _listing_chunks(key: PoolKey, summary: Summary) -> Chunks:
    return _compressed(_listing_lines(_of_pool(key), summary))


def _listing_lines(pool: str, summary: Summary) -> Iterator[tuple[str, list[str]]]:
    """Sample lines by section key; one family at a time, for those of many workloads are large."""
    for family in LISTING_FAMILIES:
        if isinstance(family, GaugeHistogramFamily):
            yield from _gauge_histogram_lines(family, pool, summary).items()
        else:
            yield family.name, _lines(family, ((pool, summary),))
    workloads = [
        (f"{pool},{_of_workload((workload.uid, workload.job_name, workload.type))}", workload)
        for workload in summary.chosen
    ]
    for one in WORKLOAD_FAMILIES:
        yield one.name, _lines(one, workloads)


def _compressed(texts: Iterable[tuple[str, list[str]]]) -> Chunks:
    return {
        key: tuple(
            Chunk.of("".join(lines[start : start + _SLICE]).encode())
            for start in range(0, len(lines), _SLICE)
        )
        for key, lines in texts
        if lines
    }


def _lines(family: Family[Known] | LabelledFamily[Known], known: Iterable[tuple[str, Known]]) -> list[str]:
    """The sample lines of one family.

    Args:
        family: which.
        known: identity labels as text, and what is known of what they identify.
    """
    name = family.name
    if isinstance(family, Family):
        value_of = family.value
        return [
            f"{name}{{{identity}}} {number(value)}\n"
            for identity, one in known
            if (value := value_of(one)) is not None
        ]
    labels, samples_of = labelling(family.labels), family.samples
    return [
        f"{name}{{{identity},{labels(values)}}} {number(value)}\n"
        for identity, one in known
        for values, value in samples_of(one)
    ]


def _histogram_lines(family: HistogramFamily, pool: str, throughput: Throughput) -> list[str]:
    """The sample lines of a histogram, one distribution's lines together, as both formats want them."""
    lines: list[str] = []
    name, labels = family.name, labelling(family.labels)
    for values, distribution in family.samples(throughput):
        identity = f"{pool},{labels(values)}"
        lines += _bucket_lines(family, identity, distribution)
        lines.append(f"{name}_sum{{{identity}}} {number(distribution.total)}\n")
        lines.append(f"{name}_count{{{identity}}} {sum(distribution.buckets)}\n")
    return lines


def _bucket_lines(
    family: HistogramFamily | GaugeHistogramFamily, identity: str, counted: Distribution | Ages
) -> list[str]:
    return [
        f'{family.name}_bucket{{{identity},le="{bound(upper)}"}} {count}\n'
        for upper, count in zip((*family.buckets, _INFINITY), accumulate(counted.buckets), strict=True)
    ]


def _gauge_histogram_lines(family: GaugeHistogramFamily, pool: str, summary: Summary) -> dict[str, list[str]]:
    """The sample lines of a gauge histogram, by section key.

    OpenMetrics wants one distribution's lines together, the text format one suffix's: both are made.
    """
    lines: defaultdict[str, list[str]] = defaultdict(list)
    name, labels = family.name, labelling(family.labels)
    for values, ages in family.samples(summary):
        identity = f"{pool},{labels(values)}"
        buckets = _bucket_lines(family, identity, ages)
        count = f"{name}_gcount{{{identity}}} {sum(ages.buckets)}\n"
        total = f"{name}_gsum{{{identity}}} {number(ages.total)}\n"
        lines[f"{name}_bucket"] += buckets
        lines[f"{name}_gcount"].append(count)
        lines[f"{name}_gsum"].append(total)
        lines[name] += [*buckets, count, total]
    return lines
