"""Pools that have been absent for so long that what they counted is forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Iterable

    from exporter.common.clock import Clock
    from exporter.lifecycle.tracker import Tracker
    from exporter.snapshot.pool import PoolKey

log = structlog.get_logger(__name__)

LONG = 3600.0
"""Seconds. A project's list that is empty or short by mistake is right again long before."""


class Retention:
    """Since when pools have been absent. Begins with none, so that a restart brings patience anew.

    Args:
        tracker: what forgets.
        patience: seconds of absence until then; 0 for none.
        clock: the time that passes, whatever the date is set to.
    """

    def __init__(self, tracker: Tracker, patience: float, clock: Clock) -> None:
        self._tracker = tracker
        self._patience = patience
        self._clock = clock
        self._since: dict[PoolKey, float] = {}

    def note(self, absent: Iterable[PoolKey]) -> None:
        """Forget those that no answer has shown for long.

        Args:
            absent: all that are remembered, and not there by the newest answer.
        """
        now = self._clock.monotonic()
        self._since = {key: self._since.get(key, now) for key in absent}
        for key, since in self._since.items():
            if now - since >= self._patience:
                self._tracker.forget(key)
                log.info("what got through the pool is forgotten", **key._asdict())
