"""A pool's state -> the chunks of its exposition text. Pure; runs off the event loop."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from msgspec.structs import replace

from exporter.metrics.families.base import FOREVER, POOL_LABELS, PoolData, Source
from exporter.metrics.families.workload import WORKLOADS
from exporter.metrics.format import label_formatter, lines_by_section
from exporter.metrics.groups import POOL_GROUPS
from exporter.metrics.sections import Chunk
from exporter.metrics.summary import Detail, Summary, summarise
from exporter.metrics.thresholds import Thresholds
from exporter.metrics.workload_cache import Block, render_blocks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from exporter.metrics.families.base import Group, PoolFamily
    from exporter.metrics.thresholds import PendingThresholds
    from exporter.snapshot.pool import Expiring, PoolState
    from exporter.snapshot.waiting import Waiting
    from exporter.snapshot.workload import Workload

Chunks = dict[str, tuple[Chunk, ...]]
"""By section key; a section without samples is missing."""

_format_labels = label_formatter(POOL_LABELS)


@dataclass(frozen=True, slots=True)
class Part:
    """The text of one group of families. It is reused as long as its source is the same.

    Attributes:
        source: what the text was made from; None if that is not known.
        fresh_until: the monotonic moment from which `stale_chunks` are shown.
        chunks: the text while the source is fresh.
        stale_chunks: the text afterwards.
    """

    source: object
    fresh_until: float
    chunks: Chunks
    stale_chunks: Chunks


_NOTHING = Part(None, 0.0, {}, {})


@dataclass(frozen=True, slots=True)
class RenderedPool:
    """A pool's state, and its text.

    Attributes:
        state: what the text was made from.
        detail: how much detail was asked for.
        summary: the figures of the listing; None if the pool was never listed.
        parts: the text, by group; each part gets stale at its own time.
        workload_part: the series of single workloads.
        blocks: the blocks that `workload_part` was made from.
    """

    state: PoolState
    detail: Detail
    summary: Summary | None
    parts: Mapping[str, Part]
    workload_part: Part
    blocks: tuple[Block, ...]

    def fresh(self, now: float) -> bool:
        """Whether the listing may be shown at this monotonic moment."""
        return self.summary is not None and now < self.state.fresh_until

    def chunks(self, now: float) -> Chunks:
        """What to show at this monotonic moment."""
        shown: Chunks = {}
        for part in (*self.parts.values(), self.workload_part):
            shown |= part.chunks if now < part.fresh_until else part.stale_chunks
        return shown

    def fresh_until(self, now: float) -> float:
        """The monotonic moment at which the first part that is fresh now gets stale."""
        moments = (part.fresh_until for part in (*self.parts.values(), self.workload_part))
        return min((moment for moment in moments if now < moment), default=FOREVER)


def render_pool(
    state: PoolState,
    detail: Detail,
    previous: RenderedPool | None = None,
    thresholds: Thresholds = Thresholds(),  # noqa: B008  (it is immutable)
) -> RenderedPool:
    """Make a pool's text.

    Args:
        state: the pool's newest state.
        detail: how much detail to show.
        previous: the result for an earlier state. Text whose source has not changed is taken from it.
        thresholds: how long workloads may wait.
    """
    labels, limits = _format_labels(state.key), thresholds.of(state.key.pool, state.name)
    same_listing = (
        previous is not None and previous.state.listing is state.listing and previous.detail == detail
    )
    summary: Summary | None
    if previous is not None and same_listing:
        summary = previous.summary
    else:
        summary = summarise(state.listing, detail) if state.listing else None
    selected = _with_reasons(summary.selected, state.waiting, limits) if summary else ()
    if previous is not None and selected == tuple(chain(*(block.workloads for block in previous.blocks))):
        blocks, workload_chunks = previous.blocks, previous.workload_part.chunks
    else:
        blocks = render_blocks(labels, selected, previous.blocks if previous else ()) if selected else ()
        workload_chunks = _joined(blocks)
    data = PoolData(state, limits, summary)
    old_parts = previous.parts if previous else {}
    return RenderedPool(
        state=state,
        detail=detail,
        summary=summary,
        parts={group.name: _part(group, labels, data, old_parts.get(group.name)) for group in POOL_GROUPS},
        workload_part=Part(blocks, state.fresh_until, workload_chunks, {}) if summary else _NOTHING,
        blocks=blocks,
    )


def _with_reasons(
    workloads: Sequence[Workload], waiting: Expiring[Waiting] | None, limits: PendingThresholds
) -> tuple[Workload, ...]:
    """The workloads, those that wait with the reason and their limit, and without a start that cannot be."""
    reasons = waiting.value.reasons if waiting else {}
    never = waiting.value.never if waiting else frozenset[str]()
    return tuple(
        replace(
            workload,
            reason=reasons.get(workload.uid, ""),
            wait_limit=limits.limit(workload.type, workload.priority),
            estimated_start=None if workload.uid in never else workload.estimated_start,
        )
        if workload.waiting
        else workload
        for workload in workloads
    )


def _part(group: Group[Source], labels: str, data: PoolData, previous: Part | None) -> Part:
    found = group.source(data)
    if found is None:
        return _NOTHING
    source, fresh_until = found.value, found.fresh_until
    if previous is not None and previous.source == source:
        return Part(previous.source, fresh_until, previous.chunks, previous.stale_chunks)
    chunks, stale_chunks = _chunks(labels, group.families, source), Chunks()
    if group.when_stale is not None:
        stale = group.when_stale(source)
        stale_chunks = chunks if stale is source else _chunks(labels, group.families, stale)
    return Part(source, fresh_until, chunks, stale_chunks)


def _chunks(labels: str, families: Iterable[PoolFamily[Source]], source: Source) -> Chunks:
    texts = (text for family in families for text in lines_by_section(family, labels, source).items())
    return {key: (Chunk.of("".join(lines).encode()),) for key, lines in texts if lines}


def _joined(blocks: Sequence[Block]) -> Chunks:
    """The chunks of all blocks, by family."""
    by_family = (
        (family.name, tuple(block.chunks[family.name] for block in blocks if family.name in block.chunks))
        for family in WORKLOADS.families
    )
    return {name: chunks for name, chunks in by_family if chunks}
