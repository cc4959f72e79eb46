"""What is remembered of a pool, but for its workloads, as it stands in a state file: JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from exporter.lifecycle.pool_history import NEVER, PoolHistory
from exporter.lifecycle.queue_stats import Head, Starts  # noqa: TC001  (msgspec reads the annotations)
from exporter.snapshot.counters import Distribution, Labels, Throughput

if TYPE_CHECKING:
    from collections.abc import Mapping

_LENGTH = len(Distribution().buckets)


class _Stored(msgspec.Struct):
    """A Memory. Labels are no keys, for JSON has none of several parts; counts that are 0 are left out."""

    read_at: float
    known_from: float | None
    began: float
    head: Head | None
    starts: dict[str, Starts]
    created: list[tuple[Labels, int]]
    started: list[tuple[Labels, int]]
    finished: list[tuple[Labels, int]]
    requeued: list[tuple[Labels, int]]
    waits: list[tuple[Labels, Distribution]]
    runs: list[tuple[Labels, Distribution]]


_decoder = msgspec.json.Decoder(_Stored)


def encoded(memory: PoolHistory) -> bytes:
    """The JSON."""
    passed = memory.throughput
    return msgspec.json.encode(
        _Stored(
            memory.read_at,
            None if memory.known_from == NEVER else memory.known_from,
            memory.began,
            memory.head,
            dict(memory.starts),
            _counts(passed.created),
            _counts(passed.started),
            _counts(passed.finished),
            _counts(passed.requeued),
            list(passed.waits.items()),
            list(passed.runs.items()),
        )
    )


def decoded(stored: bytes) -> PoolHistory:
    """What the JSON says; without workloads.

    Raises:
        msgspec.MsgspecError, ValueError: it is not what `encoded` makes.
    """
    read = _decoder.decode(stored)
    for _, distribution in (*read.waits, *read.runs):
        if len(distribution.buckets) != _LENGTH:
            raise ValueError(f"{len(distribution.buckets)} buckets instead of {_LENGTH}")
    nothing = Throughput()
    throughput = Throughput(
        {**nothing.created, **dict(read.created)},
        {**nothing.started, **dict(read.started)},
        {**nothing.finished, **dict(read.finished)},
        {**nothing.requeued, **dict(read.requeued)},
        dict(read.waits),
        dict(read.runs),
    )
    return PoolHistory(
        read_at=read.read_at,
        known_from=NEVER if read.known_from is None else read.known_from,
        throughput=throughput,
        began=read.began,
        head=read.head,
        starts=read.starts,
    )


def _counts(counts: Mapping[Labels, int]) -> list[tuple[Labels, int]]:
    return [(labels, count) for labels, count in counts.items() if count]
