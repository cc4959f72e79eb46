"""How far this machine's clock is off, by the cloud's answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exporter.transport.http import Response

_TOLERANCE = 60.0
"""Seconds. A smaller skew is ignored, and two answers that differ by less agree."""

_MAX_SKEW = 86400.0
"""Seconds. A larger skew is ignored: the `Date` may be that of a proxy or cache, or this machine started in
1970. Values that depend on it are then dropped as implausible."""


@dataclass(slots=True)
class ClockSkew:
    """Compares the `Date` of answers with this machine's clock; one instance for each project.

    The age of a workload is measured by the cloud's clock, which also gave its creation time. So a wrong or
    adjusted clock of this machine changes no age.
    """

    _before: float | None = None

    def ahead(self, response: Response, sent: float, received: float) -> float:
        """Seconds by which this machine's clock is ahead of the cloud's; 0.0 if it is not known to be off.

        A skew that disagrees with the previous answer's is ignored. So one server with a wrong clock, among
        several behind one name, has no effect, and a clock that was set counts one answer later.

        Args:
            response: the cloud's answer.
            sent: Unix seconds by this machine before the request was sent.
            received: Unix seconds by this machine after the answer arrived.
        """
        date = response.date
        if date is None:
            return 0.0
        off = max(0.0, sent - date) or min(0.0, received - date)
        before, self._before = self._before, off
        agreed = before is None or abs(off - before) <= _TOLERANCE
        return off if agreed and _TOLERANCE < abs(off) <= _MAX_SKEW else 0.0
