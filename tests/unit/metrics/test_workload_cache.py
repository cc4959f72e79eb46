"""Text that is kept from poll to poll says what text made anew would say."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from unittest.mock import patch

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from exporter.metrics import workload_cache as block
from exporter.metrics.pool_text import render_pool
from exporter.metrics.summary import Detail
from exporter.snapshot.pool import Listing, PoolKey, PoolState
from exporter.snapshot.workload import Workload

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.metrics.sections import Chunk

ALL = Detail("all", 10_000)

WORKLOADS = st.lists(
    st.builds(
        Workload,
        uid=st.sampled_from([f"u{number}" for number in range(40)]),
        job_name=st.sampled_from(["a", "b"]),
        type=st.sampled_from(["train", "infer"]),
        status=st.sampled_from(["Queue", "Running", "Failed"]),
        flavor=st.sampled_from(["", "large"]),
        pending=st.sampled_from([None, 0.0, 60.0]),
        position=st.sampled_from([None, 0, 1]),
        cpu_cores=st.sampled_from([None, 8.0]),
        accelerators=st.sampled_from([(), (("nvidia.com/gpu", 8.0),), (("a", 1.0), ("b", 2.0))]),
    ),
    unique_by=lambda workload: workload.uid,
)


def state(workloads: list[Workload]) -> PoolState:
    """A pool that was just read."""
    return PoolState(
        PoolKey("cn-north-4", "project", "pool"),
        outcome="ok",
        listing=Listing(tuple(workloads)),
        fresh_until=100.0,
    )


def texts(chunks: Mapping[str, tuple[Chunk, ...]]) -> dict[str, bytes]:
    """By section, the whole text."""
    return {key: b"".join(chunk.plain for chunk in some) for key, some in chunks.items()}


@given(st.lists(WORKLOADS, min_size=2, max_size=5), st.booleans())
def test_kept_text_is_what_new_text_would_be(history: list[list[Workload]], ordered: bool) -> None:
    """Whatever comes, goes, moves or changes between two polls, in blocks of a few workloads."""
    with patch.object(block, "_MIN_SIZE", 3):
        previous = None
        for workloads in history:
            if ordered:
                workloads.sort(key=lambda workload: workload.uid)
            rendered = render_pool(state(workloads), ALL, previous)
            assert texts(rendered.chunks(0.0)) == texts(render_pool(state(workloads), ALL).chunks(0.0))
            previous = rendered


def test_only_what_changed_is_made_anew() -> None:
    """A job that grows older costs its durations; one that starts costs its block; others keep their text."""
    before = [
        Workload(uid=f"u{number}", status="Queue", pending=60.0, cpu_cores=8.0) for number in range(5000)
    ]
    first = render_pool(state(before), ALL)
    assert len(first.blocks) > 1
    older = [msgspec.structs.replace(workload, pending=120.0) for workload in before]
    older[0] = msgspec.structs.replace(older[0], status="Running")
    second = render_pool(state(older), ALL, first)

    kept = {
        name: [new is old for new, old in zip(chunks, first.workload_part.chunks[name], strict=True)]
        for name, chunks in second.workload_part.chunks.items()
        if name.startswith("modelarts_workload_")
    }
    others = [True] * (len(first.blocks) - 1)
    assert kept["modelarts_workload_pending_duration_seconds"] == [False, *(False for _ in others)]
    assert kept["modelarts_workload_status"] == [False, *others]
    assert kept["modelarts_workload_requested_cpu_cores"] == [True, *others]


def test_a_job_that_goes_moves_no_block_but_its_own() -> None:
    """Where blocks end is told by the workloads, not by counting them."""
    before = [Workload(uid=f"u{number}", status="Queue") for number in range(10_000)]
    first = render_pool(state(before), ALL)
    second = render_pool(replace(state(before), listing=Listing(tuple(before[1:]))), ALL, first)
    assert len(first.blocks) > 2
    kept = {id(made.chunks["modelarts_workload_status"]) for made in second.blocks}
    again = [id(made.chunks["modelarts_workload_status"]) in kept for made in first.blocks]
    assert again.count(False) <= 2  # where the first one ends may move, and with it the start of the next
