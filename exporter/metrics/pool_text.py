"""A pool's state -> the chunks of its exposition text. Pure; runs off the event loop."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from exporter.metrics.families.base import POOL_LABELS
from exporter.metrics.families.capacity import (
    CAPACITY_FAMILIES,
    CATALOGUE_FAMILIES,
    FITTING_FAMILIES,
    FREE_CARDS_FAMILIES,
)
from exporter.metrics.families.counters import THROUGHPUT_FAMILIES
from exporter.metrics.families.pool import (
    LISTING_FAMILIES,
    SETTING_FAMILIES,
    STATE_FAMILIES,
    WORKLOAD_FAMILIES,
)
from exporter.metrics.format import labelling, pool_lines
from exporter.metrics.groups import Chunk
from exporter.metrics.summary import Choice, Summary, summarise
from exporter.metrics.thresholds import Thresholds
from exporter.metrics.workload_cache import Block, blocks
from exporter.snapshot.pool import Expiring

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from exporter.metrics.families.base import Known, PoolFamily
    from exporter.snapshot.pool import PoolState

Chunks = dict[str, tuple[Chunk, ...]]
"""By section key; a section without samples is missing."""

_FOR_EVER = float("inf")

_of_pool = labelling(POOL_LABELS)


@dataclass(frozen=True, slots=True)
class Part:
    """Text that is shown as long as what it was made of is fresh, and kept as long as that is the same.

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
        choice: how much detail was to be shown.
        thresholds: how long workloads might wait.
        summary: the listing's figures; None where nothing was ever read.
        state_chunks: what is known of every pool.
        stale_chunks: the same once the listing is too old.
        listing_chunks: what holds while the listing is fresh.
        blocks: what the series of single workloads were made in.
        parts: what else is known, by kind; each has its own age.
    """

    state: PoolState
    choice: Choice
    thresholds: Thresholds
    summary: Summary | None
    state_chunks: Mapping[str, tuple[Chunk, ...]]
    stale_chunks: Mapping[str, tuple[Chunk, ...]]
    listing_chunks: Mapping[str, tuple[Chunk, ...]]
    blocks: tuple[Block, ...]
    parts: Mapping[str, Part]

    def fresh(self, now: float) -> bool:
        """Whether the listing may be shown at this monotonic moment."""
        return self.summary is not None and now < self.state.fresh_until

    def chunks(self, now: float) -> Mapping[str, tuple[Chunk, ...]]:
        """What to show at this monotonic moment, by section."""
        shown = {**self.state_chunks, **self.listing_chunks} if self.fresh(now) else {**self.stale_chunks}
        for part in self.parts.values():
            if now < part.fresh_until:
                shown |= part.chunks
        return shown

    def fresh_until(self, now: float) -> float:
        """The monotonic moment at which the first of what is shown now gets too old."""
        moments = [part.fresh_until for part in self.parts.values()]
        if self.summary is not None:
            moments.append(self.state.fresh_until)
        return min((moment for moment in moments if now < moment), default=_FOR_EVER)


def render_pool(
    state: PoolState,
    choice: Choice,
    previous: RenderedPool | None = None,
    thresholds: Thresholds = Thresholds(),  # noqa: B008  (it is immutable)
) -> RenderedPool:
    """Make a pool's text.

    Args:
        state: what is known of the pool.
        choice: how much detail is shown.
        previous: what was made last; text is taken from it where what it was made of is the same.
        thresholds: how long workloads may wait.
    """
    pool = _of_pool(state.key)
    state_chunks = _chunks(pool, STATE_FAMILIES, state)
    # A poll may be stuck when its listing gets too old; then the last outcome says nothing any more.
    stale_chunks = _chunks(pool, STATE_FAMILIES, replace(state, outcome=None)) if state.up else state_chunks
    if previous is not None and previous.state.listing is state.listing and previous.choice == choice:
        summary, made, listing_chunks = previous.summary, previous.blocks, previous.listing_chunks
    elif state.listing is None:
        summary, made, listing_chunks = None, (), {}
    else:
        summary = summarise(state.listing, choice)
        made = blocks(pool, summary.chosen, previous.blocks if previous else ())
        listing_chunks = {**_chunks(pool, LISTING_FAMILIES, summary), **_workload_chunks(made)}
    return RenderedPool(
        state=state,
        choice=choice,
        thresholds=thresholds,
        summary=summary,
        state_chunks=state_chunks,
        stale_chunks=stale_chunks,
        listing_chunks=listing_chunks,
        blocks=made,
        parts=_parts(pool, state, thresholds, previous.parts if previous else {}),
    )


def _parts(
    pool: str, state: PoolState, thresholds: Thresholds, before: Mapping[str, Part]
) -> Mapping[str, Part]:
    pending = Expiring(thresholds.of(state.key.pool, state.name), _FOR_EVER)
    passed = None if state.throughput is None else Expiring(state.throughput, _FOR_EVER)
    return {
        "settings": _part(pool, SETTING_FAMILIES, pending, before.get("settings")),
        "throughput": _part(pool, THROUGHPUT_FAMILIES, passed, before.get("throughput")),
        "catalogue": _part(pool, CATALOGUE_FAMILIES, state.entry, before.get("catalogue")),
        "capacity": _part(pool, CAPACITY_FAMILIES, state.capacity, before.get("capacity")),
        "free_cards": _part(pool, FREE_CARDS_FAMILIES, state.free_cards, before.get("free_cards")),
        "fitting": _part(pool, FITTING_FAMILIES, state.fitting, before.get("fitting")),
    }


def _part(
    pool: str, families: Iterable[PoolFamily[Known]], known: Expiring[Known] | None, before: Part | None
) -> Part:
    if known is None:
        return Part(None, 0.0, {})
    if before is not None and before.of == known.value:
        return Part(before.of, known.fresh_until, before.chunks)
    return Part(known.value, known.fresh_until, _chunks(pool, families, known.value))


def _chunks(pool: str, families: Iterable[PoolFamily[Known]], known: Known) -> Chunks:
    texts = (text for family in families for text in pool_lines(family, pool, known).items())
    return {key: (Chunk.of("".join(text).encode()),) for key, text in texts if text}


def _workload_chunks(made: Sequence[Block]) -> Chunks:
    by_family = (
        (family.name, tuple(block.chunks[family.name] for block in made if family.name in block.chunks))
        for family in WORKLOAD_FAMILIES
    )
    return {name: chunks for name, chunks in by_family if chunks}
