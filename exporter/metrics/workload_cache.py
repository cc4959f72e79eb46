"""The series of single workloads, in blocks whose text is reused from poll to poll.

Between two polls hardly anything changes but durations. A block is a run of neighbours in the listing, which
is sorted by creation time. The uid of a workload decides whether a block ends there. So a workload that comes
or goes changes only its own block. If a block has the same workloads as before, each family with unchanged
samples reuses its text. For 10,000 workloads with all series, this saves two thirds of the rendering and
compression, and the memory of a second copy during rendering.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from exporter.metrics.families.base import WORKLOAD_LABELS
from exporter.metrics.families.workload import WORKLOADS
from exporter.metrics.format import label_formatter, same_samples, sample_lines
from exporter.metrics.sections import Chunk

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from exporter.snapshot.workload import Workload

_MIN_SIZE = 256
"""Fewest workloads in a block; the average is twice as many. Rendering 500 lines occupies the interpreter
for a quarter of a millisecond. Scrapes are served in between."""

_format_labels = label_formatter(WORKLOAD_LABELS)


@dataclass(frozen=True, slots=True)
class Block:
    """Some workloads, and their text.

    Attributes:
        workloads: neighbours in the listing.
        identities: for each, the labels that all of its series have, as text.
        chunks: by family; a family without samples is missing.
    """

    workloads: tuple[Workload, ...]
    identities: tuple[str, ...]
    chunks: Mapping[str, Chunk]


def render_blocks(pool: str, workloads: Sequence[Workload], previous: Sequence[Block]) -> tuple[Block, ...]:
    """Make the text of a pool's workloads.

    Args:
        pool: the pool's labels as text.
        workloads: those with series of their own, in the listing's order.
        previous: the blocks of the same pool from the last time.
    """
    by_first = {block.workloads[0].uid: block for block in previous}
    return tuple(
        _block(pool, tuple(workloads[start:end]), by_first.get(workloads[start].uid))
        for start, end in pairwise(_ends(workloads))
    )


def _ends(workloads: Sequence[Workload]) -> Iterator[int]:
    """0, and where each block ends. Python caches the hash of a string, so asking for it is cheap."""
    yield 0
    last = 0
    for end, workload in enumerate(workloads, 1):
        if end - last >= _MIN_SIZE and hash(workload.uid) % _MIN_SIZE == 0:
            yield end
            last = end
    if last < len(workloads):
        yield len(workloads)


def _block(pool: str, workloads: tuple[Workload, ...], previous: Block | None) -> Block:
    keys = [(workload.uid, workload.job_name, workload.type) for workload in workloads]
    if previous is not None and keys != [
        (workload.uid, workload.job_name, workload.type) for workload in previous.workloads
    ]:
        previous = None
    identities = previous.identities if previous else tuple(f"{pool},{_format_labels(key)}" for key in keys)
    chunks = {}
    for family in WORKLOADS.families:
        name = family.name
        if previous is not None and same_samples(family, previous.workloads, workloads):
            if name in previous.chunks:
                chunks[name] = previous.chunks[name]
        elif text := "".join(sample_lines(family, identities, workloads)):
            chunks[name] = Chunk.of(text.encode())
    return Block(workloads, identities, chunks)
