"""Every fault of the catalogue, against the running daemon."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from faults.catalogue import CATALOGUE, Fault
from faults.watching import measured

if TYPE_CHECKING:
    from pathlib import Path

FAULTS = [fault for group in CATALOGUE.values() for fault in group]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_exporter_lives_through(fault: Fault, tmp_path: Path) -> None:
    """It says what it knows, others go on, nothing is stormed, and it comes back by itself."""
    found = measured(fault, tmp_path)
    print(found)
    assert found.outcomes == set(fault.outcomes)
    assert found.requests <= fault.most * found.usual * 1.2
    assert found.refused <= 5
