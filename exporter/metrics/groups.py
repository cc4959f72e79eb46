"""The order of an exposition: sections, each a header and, of every pool, a chunk of sample lines.

Both formats want all samples of a family in one place, so a pool's text is kept in as many chunks as there
are sections. The formats differ in one family: in OpenMetrics a gauge histogram is one family, in the text
format it is a histogram and two gauges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from isal import isal_zlib

from exporter.metrics.families.base import HistogramFamily
from exporter.metrics.families.pool import FAMILIES
from exporter.metrics.format import header

if TYPE_CHECKING:
    from exporter.metrics.families.base import AnyFamily

# ISA-L compresses 60,000 samples in 12 ms, where zlib at its fastest takes 54 ms, to 2.0 MB, where zlib comes
# to 2.3; it sums the 11 MB of text up in 0.2 ms instead of 2.6.
_LEVEL = 1


@dataclass(frozen=True, slots=True)
class Chunk:
    """Ready bytes: plain, and as a piece of a deflate stream that others may stand before and behind.

    A piece ends on a byte boundary and refers to nothing before it, so pieces can be joined into one gzip
    member, which every client reads (many ignore all members but the first).
    """

    plain: bytes
    deflated: bytes

    @classmethod
    def of(cls, plain: bytes) -> Chunk:
        """Compress now, so that no scrape has to."""
        return cls(plain, deflated(plain))


def deflated(plain: bytes, *, last: bool = False) -> bytes:
    """A piece of a raw deflate stream; `last` closes the stream."""
    compressor = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, -isal_zlib.MAX_WBITS)
    return compressor.compress(plain) + compressor.flush(
        isal_zlib.Z_FINISH if last else isal_zlib.Z_SYNC_FLUSH
    )


@dataclass(frozen=True, slots=True)
class Section:
    """One place in an exposition.

    Attributes:
        key: under which a pool's chunk for this place is kept.
        header: HELP and TYPE.
        names: asking for any of these names with `name[]` selects this section.
    """

    key: str
    header: Chunk
    names: frozenset[str]


def _sections(family: AnyFamily, *, openmetrics: bool) -> list[Section]:
    name = family.name
    suffixes = family.suffixes if isinstance(family, HistogramFamily) else ()
    names = frozenset({name, name.removesuffix("_total"), *(f"{name}{suffix}" for suffix in suffixes)})
    if openmetrics or family.kind != "gaugehistogram":
        head = header(name, family.kind, family.help, openmetrics=openmetrics)
        return [Section(name, Chunk.of(head), names)]
    as_text = {
        "_bucket": (name, "histogram"),
        "_gcount": (f"{name}_gcount", "gauge"),
        "_gsum": (f"{name}_gsum", "gauge"),
    }
    return [
        Section(f"{name}{suffix}", Chunk.of(header(as_name, kind, family.help, openmetrics=False)), names)
        for suffix, (as_name, kind) in as_text.items()
    ]


SECTIONS: dict[bool, tuple[Section, ...]] = {
    openmetrics: tuple(
        section for family in FAMILIES for section in _sections(family, openmetrics=openmetrics)
    )
    for openmetrics in (False, True)
}
"""By format: whether it is OpenMetrics."""
