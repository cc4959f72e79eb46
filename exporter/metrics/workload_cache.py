"""The series of single workloads, in blocks whose text lasts from poll to poll.

Hardly anything but durations changes between two polls. A block is a run of neighbours in the listing, which
is sorted by creation; where one ends is told by a workload's uid, so that a workload that comes or goes
changes the block it is in and moves no other. In a block that has the same workloads as before, a family with
the same samples keeps its text. Of 10,000 workloads with all series that saves two thirds of rendering and
compressing, and the memory of a second copy while they are made.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from exporter.metrics.families.base import WORKLOAD_LABELS
from exporter.metrics.families.pool import WORKLOAD_FAMILIES
from exporter.metrics.format import labelling, lines, unchanged
from exporter.metrics.groups import Chunk

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from exporter.snapshot.workload import Workload

_LEAST = 256
"""Workloads of a block; there are twice as many on average. Rendering 500 lines holds the interpreter for a
quarter of a millisecond, and scrapes come in between."""

_of_workload = labelling(WORKLOAD_LABELS)


@dataclass(frozen=True, slots=True)
class Block:
    """Some workloads, and their text.

    Attributes:
        workloads: neighbours in the listing.
        identities: the labels of each that all its series carry, as text.
        chunks: by family; one without samples is missing.
    """

    workloads: tuple[Workload, ...]
    identities: tuple[str, ...]
    chunks: Mapping[str, Chunk]


def blocks(pool: str, workloads: Sequence[Workload], previous: Sequence[Block]) -> tuple[Block, ...]:
    """The text of a pool's chosen workloads.

    Args:
        pool: the pool's labels as text.
        workloads: in the listing's order.
        previous: what was made last of the same pool.
    """
    by_first = {block.workloads[0].uid: block for block in previous}
    return tuple(
        _block(pool, tuple(workloads[start:end]), by_first.get(workloads[start].uid))
        for start, end in pairwise(_ends(workloads))
    )


def _ends(workloads: Sequence[Workload]) -> Iterator[int]:
    """Where blocks end, after 0. Python keeps a text's own hash, so to ask for it costs next to nothing."""
    yield 0
    last = 0
    for end, workload in enumerate(workloads, 1):
        if end - last >= _LEAST and hash(workload.uid) % _LEAST == 0:
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
    identities = previous.identities if previous else tuple(f"{pool},{_of_workload(key)}" for key in keys)
    chunks = {}
    for family in WORKLOAD_FAMILIES:
        name = family.name
        if previous is not None and unchanged(family, previous.workloads, workloads):
            if name in previous.chunks:
                chunks[name] = previous.chunks[name]
        elif text := "".join(lines(family, identities, workloads)):
            chunks[name] = Chunk.of(text.encode())
    return Block(workloads, identities, chunks)
