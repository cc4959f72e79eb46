"""A pool's state -> the chunks of its exposition text. Pure; runs off the event loop."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING

from exporter.metrics.families import LISTING_FAMILIES, SETTING_FAMILIES, STATE_FAMILIES, WORKLOAD_FAMILIES
from exporter.metrics.family import (
    POOL_LABELS,
    WORKLOAD_LABELS,
    Family,
    GaugeHistogramFamily,
    Known,
    LabelledFamily,
)
from exporter.metrics.section import Chunk
from exporter.metrics.summary import Choice, Summary, summarise
from exporter.metrics.text import bound, labelling, number
from exporter.metrics.thresholds import PendingThresholds, Thresholds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from exporter.snapshot.pool import PoolKey, PoolState

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
        thresholds: how long workloads might wait, in whatever pool...
        pending: ...and in this one.
        summary: the listing's figures; None where nothing was ever read.
        setting_chunks: what is configured.
        state_chunks: what is known of every pool, and what is configured.
        stale_chunks: the same once the listing is too old.
        listing_chunks: what holds while the listing is fresh.
    """

    state: PoolState
    choice: Choice
    thresholds: Thresholds
    pending: PendingThresholds
    summary: Summary | None
    setting_chunks: Mapping[str, tuple[Chunk, ...]]
    state_chunks: Mapping[str, tuple[Chunk, ...]]
    stale_chunks: Mapping[str, tuple[Chunk, ...]]
    listing_chunks: Mapping[str, tuple[Chunk, ...]]

    def fresh(self, now: float) -> bool:
        """Whether the listing may be shown at this monotonic moment."""
        return self.summary is not None and now < self.state.fresh_until

    def chunks(self, now: float) -> Mapping[str, tuple[Chunk, ...]]:
        """What to show at this monotonic moment, by section."""
        return {**self.state_chunks, **self.listing_chunks} if self.fresh(now) else self.stale_chunks


def render_pool(
    state: PoolState,
    choice: Choice,
    previous: RenderedPool | None = None,
    thresholds: Thresholds = Thresholds(),  # noqa: B008  (it is immutable)
) -> RenderedPool:
    """Make a pool's text.

    Args:
        state: what is known of the pool.
        choice: which workloads get series of their own.
        previous: what was made last; text is taken from it where what it was made of is the same.
        thresholds: how long workloads may wait.
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
    pending = thresholds.of(state.key.pool, state.name)
    if previous is not None and previous.pending == pending:
        setting_chunks = previous.setting_chunks
    else:
        setting_chunks = _setting_chunks(pool, pending)
    state_chunks = {**_state_chunks(pool, state), **setting_chunks}
    # A poll may be stuck when its listing gets too old; then the last outcome says nothing any more.
    stale_chunks = (
        {**_state_chunks(pool, replace(state, outcome=None)), **setting_chunks} if state.up else state_chunks
    )
    return RenderedPool(
        state=state,
        choice=choice,
        thresholds=thresholds,
        pending=pending,
        summary=summary,
        setting_chunks=setting_chunks,
        state_chunks=state_chunks,
        stale_chunks=stale_chunks,
        listing_chunks=listing_chunks,
    )


def _state_chunks(pool: str, state: PoolState) -> Chunks:
    return _compressed((family.name, _lines(family, ((pool, state),))) for family in STATE_FAMILIES)


def _setting_chunks(pool: str, pending: PendingThresholds) -> Chunks:
    return _compressed((family.name, _lines(family, ((pool, pending),))) for family in SETTING_FAMILIES)


def _listing_chunks(key: PoolKey, summary: Summary) -> Chunks:
    return _compressed(_listing_lines(_of_pool(key), summary))


def _listing_lines(pool: str, summary: Summary) -> Iterator[tuple[str, list[str]]]:
    """Sample lines by section key; one family at a time, for those of many workloads are large."""
    for family in LISTING_FAMILIES:
        if isinstance(family, GaugeHistogramFamily):
            yield from _histogram_lines(family, pool, summary).items()
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


def _histogram_lines(family: GaugeHistogramFamily, pool: str, summary: Summary) -> dict[str, list[str]]:
    """The sample lines of a gauge histogram, by section key.

    OpenMetrics wants one distribution's lines together, the text format one suffix's: both are made.
    """
    lines: defaultdict[str, list[str]] = defaultdict(list)
    name, labels = family.name, labelling(family.labels)
    for values, ages in family.samples(summary):
        identity = f"{pool},{labels(values)}"
        cumulative = list(accumulate(ages.buckets))
        buckets = [
            f'{name}_bucket{{{identity},le="{bound(upper)}"}} {count}\n'
            for upper, count in zip((*family.buckets, _INFINITY), cumulative, strict=True)
        ]
        count = f"{name}_gcount{{{identity}}} {cumulative[-1]}\n"
        total = f"{name}_gsum{{{identity}}} {number(ages.total)}\n"
        lines[f"{name}_bucket"] += buckets
        lines[f"{name}_gcount"].append(count)
        lines[f"{name}_gsum"].append(total)
        lines[name] += [*buckets, count, total]
    return lines
