"""A token bucket, as Go's rate.Limiter, which exporter-toolkit puts before everything else.

Own code: the libraries that offer one wait for a token, this one only says whether there is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exporter.clock import Clock


class TokenBucket:
    """Full at first.

    Args:
        interval: seconds until another token comes; 0 for no limit.
        burst: tokens that it holds at most.
        clock: the time.
    """

    def __init__(self, *, interval: float, burst: int, clock: Clock) -> None:
        self._interval = interval
        self._burst = burst
        self._clock = clock
        self._full_at = clock.monotonic()

    def take(self) -> bool:
        """Take a token; False where there is none."""
        now = self._clock.monotonic()
        full_at = max(self._full_at, now) + self._interval
        if full_at - now > (self._burst + 1e-6) * self._interval:  # a little more, for what floats round off
            return False
        self._full_at = full_at
        return True
