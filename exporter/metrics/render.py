"""A pool's state -> the chunks of its exposition text. Pure; runs off the event loop."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING

from exporter.metrics.capacity import (
    CAPACITY_FAMILIES,
    CATALOGUE_FAMILIES,
    FITTING_FAMILIES,
    FREE_CARDS_FAMILIES,
)
from exporter.metrics.families import LISTING_FAMILIES, STATE_FAMILIES, WORKLOAD_FAMILIES
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

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from exporter.snapshot.dated import Dated
    from exporter.snapshot.pool import PoolKey, PoolState

Chunks = dict[str, tuple[Chunk, ...]]
"""By section key; a section without samples is missing."""

_SLICE = 2000
"""Lines of a chunk. Each holds the interpreter for about a millisecond, and scrapes come in between."""

_INFINITY = float("inf")

_of_pool = labelling(POOL_LABELS)
_of_workload = labelling(WORKLOAD_LABELS)


@dataclass(frozen=True, slots=True)
class Part:
    """Text that is shown as long as what it was made of is fresh.

    Attributes:
        of: what it was made of; None where that is not known.
        fresh_until: the monotonic moment from which on it is not shown.
        chunks: the text.
    """

    of: object
    fresh_until: float
    chunks: Mapping[str, tuple[Chunk, ...]]


@dataclass(frozen=True, slots=True)
class RenderedPool:
    """A pool's state with everything that is made of it.

    Attributes:
        state: what it was made of.
        choice: which workloads were to get series of their own.
        summary: the listing's figures; None where nothing was ever read.
        state_chunks: what is known of every pool.
        stale_chunks: the same once the listing is too old.
        listing_chunks: what holds while the listing is fresh.
        parts: what else is known, each with its own age.
    """

    state: PoolState
    choice: Choice
    summary: Summary | None
    state_chunks: Mapping[str, tuple[Chunk, ...]]
    stale_chunks: Mapping[str, tuple[Chunk, ...]]
    listing_chunks: Mapping[str, tuple[Chunk, ...]]
    parts: tuple[Part, ...]

    def fresh(self, now: float) -> bool:
        """Whether the listing may be shown at this monotonic moment."""
        return self.summary is not None and now < self.state.fresh_until

    def chunks(self, now: float) -> Mapping[str, tuple[Chunk, ...]]:
        """What to show at this monotonic moment, by section."""
        shown = {**self.state_chunks, **self.listing_chunks} if self.fresh(now) else {**self.stale_chunks}
        for part in self.parts:
            if now < part.fresh_until:
                shown |= part.chunks
        return shown

    def fresh_until(self, now: float) -> float:
        """The monotonic moment at which the first of what is shown now gets too old."""
        moments = [part.fresh_until for part in self.parts]
        if self.summary is not None:
            moments.append(self.state.fresh_until)
        return min((moment for moment in moments if now < moment), default=_INFINITY)


def render_pool(state: PoolState, choice: Choice, previous: RenderedPool | None = None) -> RenderedPool:
    """Make a pool's text.

    Args:
        state: what is known of the pool.
        choice: which workloads get series of their own.
        previous: what was made last; the listing's text is taken from it where the listing is the same.
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
    state_chunks = _state_chunks(pool, state)
    # A poll may be stuck when its listing gets too old; then the last outcome says nothing any more.
    stale_chunks = _state_chunks(pool, replace(state, outcome=None)) if state.up else state_chunks
    parts = _parts(pool, state, previous.parts if previous else (None,) * 4)
    return RenderedPool(state, choice, summary, state_chunks, stale_chunks, listing_chunks, parts)


def _parts(pool: str, state: PoolState, before: tuple[Part | None, ...]) -> tuple[Part, ...]:
    catalogue, capacity, free_cards, fitting = before
    return (
        _part(pool, CATALOGUE_FAMILIES, state.entry, catalogue),
        _part(pool, CAPACITY_FAMILIES, state.capacity, capacity),
        _part(pool, FREE_CARDS_FAMILIES, state.free_cards, free_cards),
        _part(pool, FITTING_FAMILIES, state.fitting, fitting),
    )


def _part(
    pool: str,
    families: Iterable[Family[Known] | LabelledFamily[Known]],
    known: Dated[Known] | None,
    before: Part | None,
) -> Part:
    if known is None:
        return Part(None, 0.0, {})
    if before is not None and before.of == known.value:
        return Part(before.of, known.fresh_until, before.chunks)
    lines = ((family.name, _lines(family, ((pool, known.value),))) for family in families)
    return Part(known.value, known.fresh_until, _compressed(lines))


def _state_chunks(pool: str, state: PoolState) -> Chunks:
    return _compressed((family.name, _lines(family, ((pool, state),))) for family in STATE_FAMILIES)


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
