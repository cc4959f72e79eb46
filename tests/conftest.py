"""What every test may ask for."""

from __future__ import annotations

import pytest
from fakes import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    """Time under the test's control."""
    return FakeClock()
