"""Joins the text of all pools and the self metrics into the bytes of one scrape."""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from isal import isal_zlib
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from exporter.metrics.sections import LARGE, SECTIONS, deflated

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from prometheus_client import CollectorRegistry
    from prometheus_client.registry import Collector

    from exporter.common.clock import Clock
    from exporter.metrics.pool_text import RenderedPool
    from exporter.metrics.renderer import Renderer
    from exporter.metrics.sections import Chunk, FamilySection
    from exporter.snapshot.pool import PoolKey

_SUFFIXES = ("_total", "_bucket", "_count", "_sum")
"""Suffixes of sample names. The restricted registry of prometheus_client selects by sample name only."""

_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


@dataclass(frozen=True, slots=True)
class _Joined:
    """The part of an exposition that is about pools.

    Attributes:
        pools: the pools that it was made from.
        fresh_until: the monotonic moment at which a part of it gets stale.
        pieces: plain or deflated. Large pieces are the pools' own chunks, so they are in memory only once.
        crc: CRC-32 of the plain text.
        size: bytes of the plain text.
    """

    pools: Mapping[PoolKey, RenderedPool]
    fresh_until: float
    pieces: tuple[bytes, ...]
    crc: int
    size: int


class Exposition:
    """The content of `/metrics`: the pools' text, joined once per change, and the current self metrics.

    Args:
        renderer: keeps the text of the pools.
        registry: holds the exporter's own metrics.
        clock: decides which data is stale.
    """

    def __init__(self, renderer: Renderer, registry: CollectorRegistry, *, clock: Clock) -> None:
        self._renderer = renderer
        self._registry = registry
        self._clock = clock
        self._joining = asyncio.Lock()
        self._joined: dict[tuple[bool, bool], _Joined] = {}
        renderer.on_change = self._joined.clear  # otherwise old text stays in memory until the next scrape

    async def scrape(
        self, *, openmetrics: bool = False, gzip: bool = False, names: frozenset[str] = frozenset()
    ) -> tuple[bytes, ...]:
        """Make one exposition, as pieces to send one after the other.

        Args:
            openmetrics: OpenMetrics 1.0.0 instead of text 0.0.4.
            gzip: whether to compress.
            names: names of families or samples. Only these families are shown; all of them if empty.
        """
        own = self._own(openmetrics=openmetrics, names=names)
        joined = await self._pools_part(openmetrics=openmetrics, gzip=gzip, names=names)
        if not gzip:
            return (*joined.pieces, own)
        crc, size = isal_zlib.crc32(own, joined.crc), joined.size + len(own)
        trailer = struct.pack("<II", crc, size & 0xFFFFFFFF)
        return (_GZIP_HEADER, *joined.pieces, deflated(own, last=True) + trailer)

    def _own(self, *, openmetrics: bool, names: frozenset[str]) -> bytes:
        registry: Collector = self._registry
        if names:
            sample_names = {f"{name}{suffix}" for name in names for suffix in ("", *_SUFFIXES)}
            registry = self._registry.restricted_registry(sample_names)
        return generate_openmetrics(registry) if openmetrics else generate_latest(registry)  # type: ignore[no-untyped-call]

    async def _pools_part(self, *, openmetrics: bool, gzip: bool, names: frozenset[str]) -> _Joined:
        now, pools = self._clock.monotonic(), self._renderer.pools
        sections = SECTIONS[openmetrics]
        if names:
            wanted = [section for section in sections if section.names & names]
            # Not joined: that would be one more copy in memory for each client.
            return await asyncio.to_thread(_join, pools, wanted, now, gzip=gzip, copy=False)
        form = (openmetrics, gzip)
        async with self._joining:  # several scrapes may need the same text at once
            joined = self._joined.get(form)
            if joined is None or joined.pools is not pools or now >= joined.fresh_until:
                joined = await asyncio.to_thread(_join, pools, sections, now, gzip=gzip)
                self._joined[form] = joined
        return joined


def _join(
    pools: Mapping[PoolKey, RenderedPool],
    sections: Iterable[FamilySection],
    now: float,
    *,
    gzip: bool,
    copy: bool = True,
) -> _Joined:
    shown = [pool.chunks(now) for pool in pools.values()]
    chunks: list[Chunk] = []
    for section in sections:
        found = [chunk for text in shown for chunk in text.get(section.key, ())]
        if found:
            chunks += [section.header, *found]
    crc = size = 0
    if gzip:
        for chunk in chunks:
            crc = isal_zlib.crc32_combine(crc, chunk.crc, chunk.size)
            size += chunk.size
    parts = (chunk.deflated if gzip else chunk.plain for chunk in chunks)
    pieces = tuple(_pieces(parts) if copy else parts)
    fresh_until = min((pool.fresh_until(now) for pool in pools.values()), default=float("inf"))
    return _Joined(pools, fresh_until, pieces, crc, size)


def _pieces(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Join small parts, because each piece that is sent costs an iteration of the event loop."""
    small: list[bytes] = []
    size = 0
    for part in parts:
        if len(part) < LARGE:
            small.append(part)
            size += len(part)
        if size >= LARGE or len(part) >= LARGE:
            yield from (b"".join(small),) if small else ()
            small, size = [], 0
        if len(part) >= LARGE:
            yield part
    if small:
        yield b"".join(small)
