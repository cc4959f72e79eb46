"""The sections of an exposition: each has a header, and chunks of sample lines from every pool.

Both formats require that all samples of a family are together, so the text of a pool is stored in chunks, by
section. The formats differ for gauge histograms: OpenMetrics has one family, the text format has a histogram
and two gauges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from isal import isal_zlib

from exporter.metrics.families.base import HistogramFamily
from exporter.metrics.format import header
from exporter.metrics.groups import FAMILIES

if TYPE_CHECKING:
    from exporter.metrics.families.base import PoolFamily

# ISA-L compresses 60,000 samples (11 MB of text) to 2.0 MB in 12 ms, and computes their CRC in 0.2 ms. zlib
# at its fastest level takes 54 ms for 2.3 MB, and 2.6 ms for the CRC.
_LEVEL = 1


LARGE = 32 * 2**10
"""Bytes. A chunk of this size or more is kept plain too, and is not copied into a joined piece."""


class Chunk(msgspec.Struct, frozen=True, gc=False):
    """Sample lines, as a piece of a raw deflate stream.

    A piece ends on a byte boundary and does not refer to anything before it. So pieces can be joined into a
    single gzip member, which every client can read; many ignore all members but the first.

    Most clients take gzip, so only large chunks are kept plain too: clients that do not read share those. The
    40 small ones of an idle pool are 100 kB plain and 10 kB compressed, and are inflated at 1.2 GB/s.

    Not a dataclass, because those are subject to garbage collection, which stops the event loop. No cycle can
    go through bytes.

    Attributes:
        deflated: the piece.
        size: bytes of the plain text.
        crc: CRC-32 of the plain text.
        large: the plain text of a large chunk.
    """

    deflated: bytes
    size: int
    crc: int
    large: bytes | None

    @classmethod
    def of(cls, plain: bytes) -> Chunk:
        """Compress once here instead of in every scrape."""
        size = len(plain)
        return cls(deflated(plain), size, isal_zlib.crc32(plain), plain if size >= LARGE else None)

    @property
    def plain(self) -> bytes:
        """The text."""
        if self.large is not None:
            return self.large
        return isal_zlib.decompressobj(-isal_zlib.MAX_WBITS).decompress(self.deflated)


def deflated(plain: bytes, *, last: bool = False) -> bytes:
    """Compress into a piece of a raw deflate stream; `last` ends the stream."""
    compressor = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, -isal_zlib.MAX_WBITS)
    return compressor.compress(plain) + compressor.flush(
        isal_zlib.Z_FINISH if last else isal_zlib.Z_SYNC_FLUSH
    )


@dataclass(frozen=True, slots=True)
class FamilySection:
    """A header, and the samples below it.

    Attributes:
        key: the key of this section in the chunks of a pool.
        header: the HELP and TYPE lines.
        names: the values of `name[]` that select this section.
    """

    key: str
    header: Chunk
    names: frozenset[str]


def _sections(family: PoolFamily[Any], *, openmetrics: bool) -> list[FamilySection]:
    name = family.name
    suffixes = family.suffixes if isinstance(family, HistogramFamily) else ()
    names = frozenset({name, name.removesuffix("_total"), *(f"{name}{suffix}" for suffix in suffixes)})
    if openmetrics or family.kind != "gaugehistogram":
        head = header(name, family.kind, family.help, openmetrics=openmetrics)
        return [FamilySection(name, Chunk.of(head), names)]
    as_text = {
        "_bucket": (name, "histogram"),
        "_gcount": (f"{name}_gcount", "gauge"),
        "_gsum": (f"{name}_gsum", "gauge"),
    }
    return [
        FamilySection(
            f"{name}{suffix}", Chunk.of(header(as_name, kind, family.help, openmetrics=False)), names
        )
        for suffix, (as_name, kind) in as_text.items()
    ]


SECTIONS: dict[bool, tuple[FamilySection, ...]] = {
    openmetrics: tuple(
        section for family in FAMILIES for section in _sections(family, openmetrics=openmetrics)
    )
    for openmetrics in (False, True)
}
"""By format: True for OpenMetrics, False for the text format."""
