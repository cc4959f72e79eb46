"""What every test may ask for."""

from __future__ import annotations

import pytest
from hypothesis import settings
from support.fakes import FakeClock

# Machines are slow and busy; no test is about how long it takes.
settings.register_profile("untimed", deadline=None)
settings.register_profile("fuzz", parent=settings.get_profile("untimed"), max_examples=2_000)  # `make fuzz`
settings.load_profile("untimed")


@pytest.fixture
def clock() -> FakeClock:
    """Time under the test's control."""
    return FakeClock()
