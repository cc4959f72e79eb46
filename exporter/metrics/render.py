"""A pool's state -> the chunks of its exposition text. Pure; runs off the event loop."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from exporter.metrics.block import Block, blocks
from exporter.metrics.families import LISTING_FAMILIES, SETTING_FAMILIES, STATE_FAMILIES, WORKLOAD_FAMILIES
from exporter.metrics.family import POOL_LABELS
from exporter.metrics.lines import lines, summary_lines
from exporter.metrics.section import Chunk
from exporter.metrics.summary import Choice, Summary, summarise
from exporter.metrics.text import labelling
from exporter.metrics.thresholds import PendingThresholds, Thresholds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from exporter.snapshot.pool import PoolState

Chunks = dict[str, tuple[Chunk, ...]]
"""By section key; a section without samples is missing."""

_of_pool = labelling(POOL_LABELS)


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
        blocks: what the series of single workloads were made in.
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
    blocks: tuple[Block, ...]

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
    pending = thresholds.of(state.key.pool, state.name)
    if previous is not None and previous.pending == pending:
        setting_chunks = previous.setting_chunks
    else:
        setting_chunks = _setting_chunks(pool, pending)
    state_chunks = _state_chunks(pool, state)
    # A poll may be stuck when its listing gets too old; then the last outcome says nothing any more.
    stale_chunks = _state_chunks(pool, replace(state, outcome=None)) if state.up else state_chunks
    if previous is not None and previous.state.listing is state.listing and previous.choice == choice:
        summary, made, listing_chunks = previous.summary, previous.blocks, previous.listing_chunks
    elif state.listing is None:
        summary, made, listing_chunks = None, (), {}
    else:
        summary = summarise(state.listing, choice)
        made = blocks(pool, summary.chosen, previous.blocks if previous else ())
        listing_chunks = {**_summary_chunks(pool, summary), **_workload_chunks(made)}
    return RenderedPool(
        state=state,
        choice=choice,
        thresholds=thresholds,
        pending=pending,
        summary=summary,
        setting_chunks=setting_chunks,
        state_chunks={**state_chunks, **setting_chunks},
        stale_chunks={**stale_chunks, **setting_chunks},
        listing_chunks=listing_chunks,
        blocks=made,
    )


def _state_chunks(pool: str, state: PoolState) -> Chunks:
    return _compressed((family.name, lines(family, (pool,), (state,))) for family in STATE_FAMILIES)


def _setting_chunks(pool: str, pending: PendingThresholds) -> Chunks:
    return _compressed((family.name, lines(family, (pool,), (pending,))) for family in SETTING_FAMILIES)


def _summary_chunks(pool: str, summary: Summary) -> Chunks:
    return _compressed(
        text for family in LISTING_FAMILIES for text in summary_lines(family, pool, summary).items()
    )


def _workload_chunks(made: Sequence[Block]) -> Chunks:
    by_family = (
        (family.name, tuple(block.chunks[family.name] for block in made if family.name in block.chunks))
        for family in WORKLOAD_FAMILIES
    )
    return {name: chunks for name, chunks in by_family if chunks}


def _compressed(texts: Iterable[tuple[str, list[str]]]) -> Chunks:
    return {key: (Chunk.of("".join(text).encode()),) for key, text in texts if text}
