"""The memory of every pool, and who may touch it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from structlog.testing import capture_logs
from support.fakes import fake_context

from exporter.lifecycle.persistence import Persistence
from exporter.lifecycle.tracker import Tracker
from exporter.snapshot.pool import Listing, PoolKey
from exporter.snapshot.workload import Workload

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

A, B = PoolKey("r", "p", "pool-a"), PoolKey("r", "p", "pool-b")
EMPTY, ONE = Listing(()), Listing((Workload(uid="u", type="train", status="Queue"),))


async def test_each_pool_has_its_own_memory() -> None:
    """The same uid in two pools is two workloads; a forgotten pool begins anew."""
    tracker = Tracker(fake_context())
    for key in (A, B):
        await tracker.record(key, EMPTY, 0.0)
    assert (await tracker.record(A, ONE, 60.0)).throughput.created[("train",)] == 1
    assert (await tracker.record(B, EMPTY, 60.0)).throughput.created[("train",)] == 0
    tracker.forget(A)
    assert (set(tracker.pools), tracker.throughput(A)) == ({B}, None)
    assert (await tracker.record(A, ONE, 120.0)).throughput.created[("train",)] == 0


async def test_nothing_new_is_the_same_value() -> None:
    """So that nothing is rendered again for it."""
    tracker = Tracker(fake_context())
    _, first = await tracker.record(A, ONE, 0.0)
    _, second = await tracker.record(A, ONE, 60.0)
    assert first is second is tracker.throughput(A)


async def test_polls_of_many_pools_at_once_do_not_meet() -> None:
    """One thread counts them all, whatever comes in between, and the loop goes on."""
    tracker = Tracker(fake_context(worker=ThreadPoolExecutor(max_workers=1)))
    keys = [PoolKey("r", "p", f"pool-{index}") for index in range(20)]
    for round_, listing in enumerate((EMPTY, ONE, EMPTY, EMPTY)):
        await asyncio.gather(*(tracker.record(key, listing, 60.0 * round_) for key in keys))
    for key in keys:
        passed = tracker.throughput(key)
        assert passed is not None
        assert (passed.created[("train",)], passed.finished["train", "unknown"]) == (1, 1)


async def test_a_pool_that_cannot_be_dropped_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for it; a defect in it is one line all the same, and ends nothing."""
    tracker = Tracker(fake_context())
    with tracker.persist_in(tmp_path / "state.db"):
        await tracker.record(A, EMPTY, 0.0)
        monkeypatch.setattr(Persistence, "remove", lambda *_: 1 / 0)
        with capture_logs() as logs:
            tracker.forget(A)
    assert [(line["log_level"], line["pool"]) for line in logs] == [("error", "pool-a")]
