"""Which format and encoding a client is served. Pure functions over its headers.

Own code, because prometheus_client's `choose_encoder` ignores q values and answers text 1.0.0 for some, and
its aiohttp handler prefers deflate.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Format(Enum):
    """An exposition format; the value is the content type to answer with.

    Both are in the words that Prometheus 2.42 and 3 accept; Prometheus 3 refuses a scrape with any other
    type. No `escaping` parameter: every name served is a plain one, in which nothing needs to be escaped.
    """

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


_SERVED = {
    Format.TEXT: ("text", "plain", "0.0.4"),
    Format.OPENMETRICS: ("application", "openmetrics-text", "1.0.0"),
}


@dataclass(frozen=True, slots=True)
class _Range:
    """One element of an Accept or Accept-Encoding header."""

    value: str
    parameters: dict[str, str]

    @property
    def quality(self) -> float:
        """Its q value; 0, so not wanted, where it is none."""
        try:
            quality = float(self.parameters.get("q", "1"))
        except ValueError:
            return 0.0
        return quality if 0.0 <= quality <= 1.0 else 0.0


def chosen_format(accept: str) -> Format:
    """The format to answer with, given the Accept header (empty where there is none).

    OpenMetrics where it is named, in version 1.0.0 or in none, and is wanted at least as much as text.
    Everything else gets text, as from every exporter, also a client that accepts neither.
    """
    ranges = _ranges(accept)
    text, _ = _wanted(Format.TEXT, ranges)
    openmetrics, named = _wanted(Format.OPENMETRICS, ranges)
    return Format.OPENMETRICS if named and 0.0 < openmetrics >= text else Format.TEXT


def gzip_accepted(accept_encoding: str) -> bool:
    """Whether to compress, given the Accept-Encoding header (empty where there is none).

    Yes where gzip (or `*`) is accepted and an uncompressed answer is not wanted more.
    """
    qualities = {coding.value: coding.quality for coding in _ranges(accept_encoding)}
    gzip = qualities.get("gzip", qualities.get("x-gzip", qualities.get("*", 0.0)))
    return 0.0 < gzip >= qualities.get("identity", 0.0)


def _wanted(format_: Format, ranges: list[_Range]) -> tuple[float, bool]:
    """How much a format is wanted (q), and whether by its own name; the most specific range rules."""
    best, quality = -1, 0.0
    for range_ in ranges:
        specificity = _specificity(range_, *_SERVED[format_])
        if specificity is not None and specificity > best:
            best, quality = specificity, range_.quality
    return quality, best >= 2  # noqa: PLR2004  (see _specificity)


def _specificity(range_: _Range, main: str, sub: str, version: str) -> int | None:
    """How exactly a range names a format: `*/*` 0, `main/*` 1, `main/sub` 2, with version 3; None: not."""
    match range_.value.partition("/"):
        case ("*", _, "*" | ""):
            return 0
        case (first, _, "*") if first == main:
            return 1
        case (first, _, second) if (first, second) == (main, sub):
            asked = range_.parameters.get("version")
            if asked is None:
                return 2
            return 3 if asked == version else None
        case _:
            return None


def _ranges(header: str) -> list[_Range]:
    return [_range(element) for element in header.split(",") if element.strip()]


def _range(element: str) -> _Range:
    value, *parameters = element.split(";")
    pairs = (parameter.partition("=") for parameter in parameters)
    return _Range(
        value.strip().lower(), {name.strip().lower(): text.strip().strip('"') for name, _, text in pairs}
    )
