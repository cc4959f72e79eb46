"""Memory that malloc keeps after a peak."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path

import pytest

from exporter.app.memory import FreeMemory

MIB = 2**20

pytestmark = pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="not glibc")


def resident() -> int:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text("ascii"))
    assert found is not None
    return int(found[1]) * 1024


def test_what_is_free_after_a_peak_goes_back_to_the_system() -> None:
    """Also from the middle of the heap, with something in use behind it; once it is little, it stays."""
    memory = FreeMemory()
    memory.give_back()
    blocks = [bytes(100_000) + b"x" for _ in range(3_000)]  # below the size for which malloc asks the system
    behind = blocks.pop()
    at_peak = resident()
    assert not memory.give_back()
    blocks.clear()
    assert memory.give_back()
    assert resident() < at_peak - 200 * MIB
    assert behind


def test_another_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Musl has neither function."""
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    assert not FreeMemory().give_back()
