"""The format and encoding of a response, from the Accept and Accept-Encoding headers.

Own code, because prometheus_client's `choose_encoder` ignores q values and answers text 1.0.0 for some, and
its aiohttp handler prefers deflate.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Format(Enum):
    """An exposition format; the value is the content type of the response.

    Prometheus 2.42 and 3 accept both; Prometheus 3 refuses a scrape with any other type. There is no
    `escaping` parameter, because no metric name needs escaping.
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
        """The q value; 0 (not acceptable) if it is invalid."""
        try:
            quality = float(self.parameters.get("q", "1"))
        except ValueError:
            return 0.0
        return quality if 0.0 <= quality <= 1.0 else 0.0


def chosen_format(accept: str) -> Format:
    """The format of the response, for an Accept header (empty if there is none).

    OpenMetrics if the header names it, with version 1.0.0 or without one, and prefers it or ranks it equal
    to text. Otherwise text, also for a client that accepts neither.
    """
    ranges = _ranges(accept)
    text, _ = _wanted(Format.TEXT, ranges)
    openmetrics, named = _wanted(Format.OPENMETRICS, ranges)
    return Format.OPENMETRICS if named and 0.0 < openmetrics >= text else Format.TEXT


def gzip_accepted(accept_encoding: str) -> bool:
    """Whether to compress, for an Accept-Encoding header (empty if there is none).

    True if gzip (or `*`) is accepted and an uncompressed response is not preferred.
    """
    qualities = {coding.value: coding.quality for coding in _ranges(accept_encoding)}
    gzip = qualities.get("gzip", qualities.get("x-gzip", qualities.get("*", 0.0)))
    return 0.0 < gzip >= qualities.get("identity", 0.0)


def _wanted(format_: Format, ranges: list[_Range]) -> tuple[float, bool]:
    """The q value of a format, from the most specific range, and whether that range names the format."""
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
