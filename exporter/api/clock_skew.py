"""How far this machine's clock is off, by the cloud's answers."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from math import inf, sqrt
from statistics import median_low
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exporter.transport.http import Response

_TOLERANCE = 60.0
"""Seconds. A smaller skew is ignored, and answers that differ by less agree."""

_MAX_SKEW = 86400.0
"""Seconds. A larger skew is ignored: the `Date` may be that of a proxy or cache, or this machine started in
1970. Values that depend on it are then dropped as implausible."""

_ANSWERS = 100
"""The newest answers decide."""

_CERTAINTY = 5.0
"""Standard deviations. If half of the cloud's nodes have a wrong clock, answers are like tosses of a coin. A
side leads by so much less than once in three million times; 25 answers that all agree do, and 75 of 100."""


@dataclass(slots=True)
class ClockSkew:
    """Compares the `Date` of answers with this machine's clock; one instance for each project.

    The age of a workload is measured by the cloud's clock, which also gave its creation time. So a wrong or
    adjusted clock of this machine changes no age.

    Each answer tells how far the cloud's clock is from this machine's monotonic clock, which nobody can set.
    What most of the newest answers agree on is believed. Until a clear majority agrees on something else, it
    stays, so nothing jumps: neither by servers with a wrong clock among several behind one name, nor when
    this machine's clock is set.

    Attributes:
        spacing: seconds between two answers that count. Answers on one connection come from one node, so
            hundreds within a minute say no more than one.
    """

    spacing: float = 30.0
    _offsets: deque[float] = field(default_factory=lambda: deque(maxlen=_ANSWERS))
    """Unix seconds by the cloud's clock, minus monotonic seconds, by each answer."""
    _offset: float | None = None
    """What is believed."""
    _next: float = -inf
    """The monotonic moment from which an answer counts again."""
    _off: bool = False

    def ahead(self, response: Response, *, took: float, wall: float, monotonic: float) -> float:
        """Seconds by which this machine's clock is ahead of the cloud's; 0.0 if it is not known to be off.

        Args:
            response: the cloud's answer.
            took: seconds from before the request was sent until the answer had arrived.
            wall: Unix seconds by this machine when it had arrived.
            monotonic: the same moment by the monotonic clock.
        """
        date = response.date
        if date is not None and monotonic >= self._next:
            # The date is of some moment in between; the one that makes the clocks agree best is assumed.
            ahead = max(0.0, wall - took - date) or min(0.0, wall - date)
            if abs(ahead) <= _MAX_SKEW:
                self._next = monotonic + self.spacing
                self._add(wall - ahead - monotonic)
        return 0.0 if self._offset is None else self._significant(wall - monotonic - self._offset)

    def _add(self, offset: float) -> None:
        self._offsets.append(offset)
        middle = median_low(self._offsets)
        agreeing = [other for other in self._offsets if abs(other - middle) <= _TOLERANCE]
        lead = 2 * len(agreeing) - len(self._offsets)
        if lead >= _CERTAINTY * sqrt(len(self._offsets)):
            self._offset = median_low(agreeing)

    def _significant(self, ahead: float) -> float:
        """The skew, or 0.0 if it is small. Once it counts, it counts until it is half as much."""
        self._off = (_TOLERANCE / 2 if self._off else _TOLERANCE) < abs(ahead) <= _MAX_SKEW
        return ahead if self._off else 0.0
