"""How far this machine's clock is off, as far as the cloud's answers can be believed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.api.errors import date_of

if TYPE_CHECKING:
    from exporter.transport.http import Response

_TOLERATED = 60.0
"""Seconds that two clocks may differ by, and two answers may disagree by."""

_LONGEST = 86400.0
"""Seconds. Beyond a day it is no clock that is off: the `Date` of a proxy or cache, or a machine that woke in
1970. What depends on it is then unknown rather than wrong."""


@dataclass(slots=True)
class ClockSkew:
    """Holds the `Date` of answers against this machine's clock; one for each project.

    How long a workload has waited is told by the clock that says when it was created: somebody who sets this
    machine's clock, by mistake or at last, makes no workload wait longer.
    """

    _before: float | None = None

    def ahead(self, response: Response, sent: float, received: float) -> float:
        """Seconds by which this machine's clock is ahead of the cloud's; 0.0 where it is not known to be off.

        An answer that contradicts the one before it is not believed, so that among several servers behind
        one name a single one with a wrong clock is not, either; a clock that was set is believed one later.

        Args:
            response: the cloud's answer.
            sent: Unix seconds by this machine when the request was about to be sent.
            received: likewise when the answer had arrived. The cloud looked at its clock in between.
        """
        date = date_of(response)
        if date is None:
            return 0.0
        off = max(0.0, sent - date) or min(0.0, received - date)
        before, self._before = self._before, off
        agreed = before is None or abs(off - before) <= _TOLERATED
        return off if agreed and _TOLERATED < abs(off) <= _LONGEST else 0.0
