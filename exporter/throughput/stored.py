"""What got through a pool, as it stands in a state file: JSON, without the counts that are 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from exporter.snapshot.distribution import Distribution
from exporter.snapshot.throughput import Labels, Throughput

if TYPE_CHECKING:
    from collections.abc import Mapping

_LENGTH = len(Distribution().buckets)


class _Stored(msgspec.Struct):
    """A Throughput; JSON has no keys of several parts."""

    created: list[tuple[Labels, int]]
    started: list[tuple[Labels, int]]
    finished: list[tuple[Labels, int]]
    requeued: list[tuple[Labels, int]]
    waits: list[tuple[Labels, Distribution]]
    runs: list[tuple[Labels, Distribution]]


_decoder = msgspec.json.Decoder(_Stored)


def encoded(throughput: Throughput) -> bytes:
    """The JSON."""
    return msgspec.json.encode(
        _Stored(
            _counts(throughput.created),
            _counts(throughput.started),
            _counts(throughput.finished),
            _counts(throughput.requeued),
            list(throughput.waits.items()),
            list(throughput.runs.items()),
        )
    )


def decoded(stored: bytes) -> Throughput:
    """What the JSON says.

    Raises:
        msgspec.MsgspecError, ValueError: it is not what `encoded` makes.
    """
    read = _decoder.decode(stored)
    for _, distribution in (*read.waits, *read.runs):
        if len(distribution.buckets) != _LENGTH:
            raise ValueError(f"{len(distribution.buckets)} buckets instead of {_LENGTH}")
    nothing = Throughput()
    return Throughput(
        {**nothing.created, **dict(read.created)},
        {**nothing.started, **dict(read.started)},
        {**nothing.finished, **dict(read.finished)},
        {**nothing.requeued, **dict(read.requeued)},
        dict(read.waits),
        dict(read.runs),
    )


def _counts(counts: Mapping[Labels, int]) -> list[tuple[Labels, int]]:
    return [(labels, count) for labels, count in counts.items() if count]
