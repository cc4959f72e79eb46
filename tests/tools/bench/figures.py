"""The harness's own arithmetic, and how figures are written."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil
from statistics import median as median_of
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ABSENT = "-"

_DIGITS = ((100, 0), (10, 1), (1, 2))


def median(values: Iterable[float]) -> float | None:
    """The median; None of nothing."""
    known = list(values)
    return median_of(known) if known else None


def percentile(values: Sequence[float], share: float) -> float | None:
    """The nearest-rank percentile; None of nothing.

    Args:
        values: in any order.
        share: 0.99 for p99.
    """
    ordered = sorted(values)
    return ordered[max(0, ceil(share * len(ordered)) - 1)] if ordered else None


def ratio(part: float | None, whole: float | None) -> float | None:
    """How many times `whole` goes into `part`; None where one is not known."""
    return part / whole if part is not None and whole else None


def shown(value: float | None, scale: float = 1.0, unit: str = "") -> str:
    """Three significant digits, for a cell."""
    if value is None:
        return ABSENT
    scaled = value * scale
    digits = next((digits for least, digits in _DIGITS if abs(scaled) >= least), 3)
    return f"{scaled:,.{digits}f}{unit}"


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the report.

    Attributes:
        title: above it.
        columns: of its head.
        rows: cells as text.
        note: below it.
    """

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One figure held against what is to be reached.

    Attributes:
        target: in words.
        measured: in the target's unit; None where it could not be measured.
        limit: the most that it may be.
        unit: written behind both.
    """

    target: str
    measured: float | None
    limit: float
    unit: str = ""

    @property
    def reached(self) -> str:
        """The word for the table."""
        if self.measured is None:
            return "not measured"
        return "reached" if self.measured <= self.limit else "**not reached**"


@dataclass(slots=True)
class Findings:
    """What the sections found."""

    tables: list[Table] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
