"""What has not changed is not rendered again."""

from __future__ import annotations

import re
from dataclasses import replace

from support.shown import ALL, PASSED, RUNNING, THRESHOLDS, WAITING, state

from exporter.metrics.pool_text import render_pool
from exporter.metrics.summary import Detail
from exporter.metrics.thresholds import Rule, Thresholds
from exporter.snapshot.counters import Throughput


def test_the_listing_is_rendered_once_however_often_its_state_changes() -> None:
    """A failed poll keeps the listing; its text is taken over, not made again."""
    first = render_pool(state(WAITING), ALL)
    failed = replace(first.state, outcome="timeout")
    second = render_pool(failed, ALL, first)
    assert second.workload_part.chunks is first.workload_part.chunks
    assert second.parts["listing"].chunks is first.parts["listing"].chunks
    other = render_pool(failed, Detail("none", 0), first)
    assert other.workload_part.chunks is not first.workload_part.chunks
    assert other.parts["listing"].chunks is not first.parts["listing"].chunks
    assert second.parts["state"].chunks["modelarts_pool_up"][0].plain.endswith(b" 0\n")


def test_thresholds_are_rendered_only_when_they_change() -> None:
    """A poll takes their text over; another name or configuration makes it anew where it differs."""
    key = "modelarts_pool_pending_threshold_seconds"
    first = render_pool(state(WAITING), ALL, None, THRESHOLDS)
    for same in (THRESHOLDS, Thresholds(THRESHOLDS.rules)):
        assert render_pool(state(), ALL, first, same).chunks(0.0)[key] is first.chunks(0.0)[key]
    changed = Thresholds((Rule(re.compile("^Team A$"), {("train", "3"): 60.0}), *THRESHOLDS.rules))
    second = render_pool(first.state, ALL, first, changed)
    assert b'priority="3"} 60\n' in second.chunks(0.0)[key][0].plain
    assert second.parts["listing"].chunks is first.parts["listing"].chunks
    assert second.workload_part.chunks is first.workload_part.chunks
    stricter = Thresholds((Rule(None, {("train", "default"): 60.0}), *THRESHOLDS.rules))
    before, after = (
        first.workload_part.chunks,
        render_pool(first.state, ALL, first, stricter).workload_part.chunks,
    )
    assert {name for name in after if after[name] != before[name]} == {"modelarts_workload_wait_ratio"}
    renamed = render_pool(replace(second.state, name="Team B"), ALL, second, changed)
    assert b'priority="3"} 3600\n' in renamed.chunks(1e9)[key][0].plain


def test_what_got_through_is_rendered_only_when_it_has_changed() -> None:
    """Its text, hundreds of lines for every pool, is taken over while the value is the same."""
    key = "modelarts_pool_workloads_created_total"
    first = render_pool(replace(state(WAITING), throughput=PASSED), ALL)
    second = render_pool(replace(state(WAITING, RUNNING), throughput=PASSED), ALL, first)
    assert second.chunks(0.0)[key] is first.chunks(0.0)[key]
    third = render_pool(replace(state(WAITING), throughput=Throughput()), ALL, second)
    assert b'type="train"} 0' in third.chunks(0.0)[key][0].plain
