"""Pools are spread over the interval."""

from __future__ import annotations

import random
from itertools import islice, pairwise

from hypothesis import given
from hypothesis import strategies as st

from exporter.polling.schedule import JITTER, Schedule, phases


@given(st.integers(2, 300))
def test_phases_leave_no_large_gap(count: int) -> None:
    """However many pools there are, no two neighbours are further apart than thrice the even distance."""
    spread = sorted(islice(phases(), count))
    gaps = [later - earlier for earlier, later in pairwise([*spread, 1.0 + spread[0]])]
    assert max(gaps) < 3 / count


@given(st.floats(0, 0.999), st.floats(0, 1e6), st.integers(0, 1000))
def test_the_next_poll_comes_within_reason(phase: float, elapsed: float, seed: int) -> None:
    """Whenever the last poll ended, the next is due about half to one and a half intervals later."""
    schedule = Schedule(100.0, 60.0, phase, random.Random(seed))  # noqa: S311  (jitter, no secret)
    wait = schedule.wait(100.0 + elapsed)
    assert 30.0 - 60.0 * JITTER - 1e-6 <= wait <= 90.0 + 60.0 * JITTER + 1e-6


def test_a_pool_keeps_its_moment() -> None:
    """Jitter does not add up: after a thousand polls a pool is still polled at its phase."""
    schedule = Schedule(0.0, 60.0, 0.25, random.Random(1))  # noqa: S311  (jitter, no secret)
    now = 0.0
    for _ in range(1000):
        now += schedule.wait(now) + 1.0
    assert abs((now - 1.0) % 60.0 - 15.0) <= 60.0 * JITTER + 1e-6
