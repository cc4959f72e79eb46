"""A PoolHistory, except for its workloads, as JSON: the form in which a state file stores it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from exporter.lifecycle.pool_history import ALL_ARE_NEW, PoolHistory
from exporter.lifecycle.queue_stats import QueueHead, Starts  # noqa: TC001  (msgspec reads the annotations)
from exporter.snapshot.counters import Distribution, Labels, Throughput

if TYPE_CHECKING:
    from collections.abc import Mapping

_BUCKETS = len(Distribution().buckets)


class _StoredHistory(msgspec.Struct):
    """The JSON object. Its keys belong to the version of the state file, and keep their names.

    Labels are stored as lists of pairs: JSON has no keys with several parts. Counts of 0 are left out.

    Attributes:
        known_from: `PoolHistory.new_after`; None for `ALL_ARE_NEW`.
        began: `PoolHistory.first_listed`.
    """

    read_at: float
    known_from: float | None
    began: float
    head: QueueHead | None
    starts: dict[str, Starts]
    created: list[tuple[Labels, int]]
    started: list[tuple[Labels, int]]
    finished: list[tuple[Labels, int]]
    requeued: list[tuple[Labels, int]]
    waits: list[tuple[Labels, Distribution]]
    runs: list[tuple[Labels, Distribution]]


_decoder = msgspec.json.Decoder(_StoredHistory)


def encode(history: PoolHistory) -> bytes:
    """The history as JSON, without its workloads."""
    throughput = history.throughput
    return msgspec.json.encode(
        _StoredHistory(
            history.read_at,
            None if history.new_after == ALL_ARE_NEW else history.new_after,
            history.first_listed,
            history.head,
            dict(history.starts),
            _counts(throughput.created),
            _counts(throughput.started),
            _counts(throughput.finished),
            _counts(throughput.requeued),
            list(throughput.waits.items()),
            list(throughput.runs.items()),
        )
    )


def decode(stored: bytes) -> PoolHistory:
    """The history from JSON, without workloads.

    Raises:
        msgspec.MsgspecError, ValueError: this is not what `encode` makes.
    """
    read = _decoder.decode(stored)
    for _, distribution in (*read.waits, *read.runs):
        if len(distribution.buckets) != _BUCKETS:
            raise ValueError(f"{len(distribution.buckets)} buckets instead of {_BUCKETS}")
    zeros = Throughput()
    throughput = Throughput(
        {**zeros.created, **dict(read.created)},
        {**zeros.started, **dict(read.started)},
        {**zeros.finished, **dict(read.finished)},
        {**zeros.requeued, **dict(read.requeued)},
        dict(read.waits),
        dict(read.runs),
    )
    return PoolHistory(
        read_at=read.read_at,
        new_after=ALL_ARE_NEW if read.known_from is None else read.known_from,
        throughput=throughput,
        first_listed=read.began,
        head=read.head,
        starts=read.starts,
    )


def _counts(counts: Mapping[Labels, int]) -> list[tuple[Labels, int]]:
    return [(labels, count) for labels, count in counts.items() if count]
