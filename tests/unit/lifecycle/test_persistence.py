"""What is said of a state file that cannot be written."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import TYPE_CHECKING, Any

from structlog.testing import capture_logs
from support.fakes import fake_context

from exporter.lifecycle.state_db import StateDb
from exporter.lifecycle.tracker import Tracker
from exporter.snapshot.pool import Listing, PoolKey

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

A, B = PoolKey("r", "p", "pool-a"), PoolKey("r", "p", "pool-b")


def test_failures_are_told_from_first_to_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one pool's writes fail and another's do not, nothing is said to be well, nor told anew."""
    failing: set[PoolKey] = set()

    def broken(name: str) -> None:
        """The disk fails for some pools; there is no real one that could be told to."""
        whole: Any = getattr(StateDb, name)

        def method(file: StateDb, key: PoolKey, *rest: object) -> None:
            if key in failing:
                raise sqlite3.OperationalError("disk I/O error")
            whole(file, key, *rest)

        monkeypatch.setattr(StateDb, name, method)

    broken("save")
    broken("remove")
    tracker = Tracker(context := fake_context())

    def said(*keys: PoolKey) -> list[str]:
        with capture_logs() as logs:
            for key in keys:
                asyncio.run(tracker.record(key, Listing(()), 0.0))
        return [line["log_level"] for line in logs]

    with tracker.persist_in(tmp_path / "state.db"):
        failing.add(A)
        assert said(A, B, A, B) == ["error"]
        failing.add(B)
        assert said(A, B) == []
        failing.clear()
        assert said(A) == []
        assert said(B, A, B) == ["info"]
        # One that is dropped while it fails holds up nobody.
        failing.add(A)
        assert said(A) == ["error"]
        tracker.forget(A)
        assert said(B) == ["info"]
    name = "modelarts_exporter_state_writes_total"
    assert context.self_metrics.registry.get_sample_value(name, {"outcome": "failed"}) == 6
    assert context.self_metrics.registry.get_sample_value(name, {"outcome": "ok"}) == 7
