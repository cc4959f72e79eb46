"""Every family: an object in, exposition text out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from support.shown import IDENTITY, JOB, KEY, PASSED, RUNNING, WAITING, exposition, state
from support.supply import CARD as NPU

from exporter.metrics.pool_text import render_pool
from exporter.metrics.summary import Detail, SeriesOf
from exporter.snapshot.pool import PoolState
from exporter.snapshot.workload import ACCELERATORS, STATUSES, TYPES, Workload


@pytest.mark.parametrize(
    "line",
    [
        f"modelarts_pool_up{{{IDENTITY}}} 1",
        f"modelarts_pool_last_success_timestamp_seconds{{{IDENTITY}}} 1700000100",
        (
            f'modelarts_pool_info{{{IDENTITY},pool_name="Team A",pool_type="Dedicate",'
            'queue_strategy="priority",parent=""} 1'
        ),
        f'modelarts_exporter_polls_total{{{IDENTITY},outcome="ok"}} 3',
        f'modelarts_exporter_polls_total{{{IDENTITY},outcome="throttled"}} 0',
        f'modelarts_pool_phase{{{IDENTITY},phase="Running"}} 1',
        f'modelarts_pool_phase{{{IDENTITY},phase="Abnormal"}} 0',
        f'modelarts_pool_nodes{{{IDENTITY},flavor="8snt9b",state="available"}} 4',
        f"modelarts_pool_capacity_cpu_cores{{{IDENTITY}}} 768",
        f"modelarts_pool_capacity_memory_bytes{{{IDENTITY}}} 6597069766656",
        f'modelarts_pool_capacity_accelerators{{{IDENTITY},accelerator="huawei.com/ascend-1980"}} 32',
        f"modelarts_pool_allocated_cpu_cores{{{IDENTITY}}} 5.5",
        f"modelarts_pool_allocated_memory_bytes{{{IDENTITY}}} 16303259648",
        f'modelarts_pool_allocated_accelerators{{{IDENTITY},accelerator="huawei.com/ascend-1980"}} 8',
        f'modelarts_pool_free_accelerators{{{IDENTITY},accelerator="{NPU}"}} 24',
        f'modelarts_pool_free_accelerators_max_per_node{{{IDENTITY},accelerator="huawei.com/ascend-1980"}} 7',
        f'modelarts_pool_fitting_workloads{{{IDENTITY},type="train"}} 2',
        f'modelarts_pool_fitting_workloads{{{IDENTITY},type="infer"}} 0',
        f"modelarts_pool_oldest_fitting_seconds{{{IDENTITY}}} 60",
        f'modelarts_pool_waiting_workloads{{{IDENTITY},type="train",reason="no_room"}} 1',
        f'modelarts_pool_waiting_workloads{{{IDENTITY},type="infer",reason="unknown"}} 0',
        f'modelarts_pool_waiting_accelerators{{{IDENTITY},accelerator="{NPU}",reason="no_room"}} 64',
        f'modelarts_pool_queue_head_requested_accelerators{{{IDENTITY},accelerator="{NPU}"}} 64',
        f'modelarts_pool_idle_accelerators{{{IDENTITY},accelerator="{NPU}"}} 24',
        f'modelarts_pool_short_accelerators{{{IDENTITY},accelerator="{NPU}"}} 40',
        f'modelarts_pool_overtaken_workloads{{{IDENTITY},type="train",priority="3"}} 1',
        f'modelarts_pool_counted_workloads{{{IDENTITY},type="train",state="queue"}} 12',
        f'modelarts_pool_unschedulable_nodes{{{IDENTITY},why="tainted"}} 2',
        f'modelarts_pool_unschedulable_nodes{{{IDENTITY},why="draining"}} 0',
        f'modelarts_pool_scheduled_events{{{IDENTITY},type="node_reboot",state="scheduled"}} 2',
        f"modelarts_pool_next_scheduled_event_timestamp_seconds{{{IDENTITY}}} 1700090000",
        f'modelarts_pool_longest_wait_ratio{{{IDENTITY},type="train",priority="3"}} 0',
        f'modelarts_pool_workloads_created_total{{{IDENTITY},type="train"}} 1',
        f'modelarts_pool_workloads_created_total{{{IDENTITY},type="infer"}} 0',
        f'modelarts_pool_workloads_started_total{{{IDENTITY},type="train",priority="2"}} 2',
        f'modelarts_pool_workloads_started_total{{{IDENTITY},type="x-infer",priority="0"}} 0',
        f'modelarts_pool_workloads_finished_total{{{IDENTITY},type="infer",status="Failed"}} 1',
        f'modelarts_pool_workloads_finished_total{{{IDENTITY},type="train",status="unknown"}} 0',
        f'modelarts_pool_workloads_requeued_total{{{IDENTITY},type="notebook"}} 1',
        f'modelarts_pool_wait_seconds_bucket{{{IDENTITY},type="train",priority="2",le="60.0"}} 0',
        f'modelarts_pool_wait_seconds_bucket{{{IDENTITY},type="train",priority="2",le="300.0"}} 1',
        f'modelarts_pool_wait_seconds_bucket{{{IDENTITY},type="train",priority="2",le="+Inf"}} 2',
        f'modelarts_pool_wait_seconds_count{{{IDENTITY},type="train",priority="2"}} 2',
        f'modelarts_pool_wait_seconds_sum{{{IDENTITY},type="train",priority="2"}} 3690',
        f'modelarts_pool_run_seconds_sum{{{IDENTITY},type="infer",status="Failed"}} 7200',
        f"modelarts_pool_listing_complete{{{IDENTITY}}} 1",
        f'modelarts_pool_workloads{{{IDENTITY},type="train",status="Queue"}} 1',
        f'modelarts_pool_workloads{{{IDENTITY},type="x-infer",status="Failed"}} 0',
        f'modelarts_pool_requested_cpu_cores{{{IDENTITY},type="infer",status="Running"}} 0.5',
        f'modelarts_pool_requested_memory_bytes{{{IDENTITY},type="train",status="Queue"}} 68719476736',
        (
            f'modelarts_pool_requested_accelerators{{{IDENTITY},type="train",status="Queue",'
            'accelerator="huawei.com/ascend-1980"} 16'
        ),
        (
            f'modelarts_pool_requested_accelerators{{{IDENTITY},type="infer",status="Running",'
            'accelerator="example.com/tpu"} 1'
        ),
        f'modelarts_pool_pending_age_seconds_bucket{{{IDENTITY},type="train",le="1800.0"}} 0',
        f'modelarts_pool_pending_age_seconds_bucket{{{IDENTITY},type="train",le="3600.0"}} 1',
        f'modelarts_pool_pending_age_seconds_bucket{{{IDENTITY},type="train",le="+Inf"}} 1',
        f'modelarts_pool_pending_age_seconds_gcount{{{IDENTITY},type="infer"}} 0',
        f'modelarts_pool_pending_age_seconds_gsum{{{IDENTITY},type="train"}} 3600',
        f'modelarts_pool_longest_pending_seconds{{{IDENTITY},type="train",priority="2"}} 3600',
        f'modelarts_pool_longest_pending_seconds{{{IDENTITY},type="infer",priority="0"}} 0',
        f"modelarts_pool_queue_head_since_timestamp_seconds{{{IDENTITY}}} 1700000000",
        f"modelarts_pool_workload_series_omitted{{{IDENTITY}}} 0",
        f'modelarts_pool_pending_threshold_seconds{{{IDENTITY},type="train",priority="other"}} 14400',
        f'modelarts_pool_shortest_running_seconds{{{IDENTITY},type="infer",priority=""}} 7200',
        f'modelarts_pool_longest_in_status_seconds{{{IDENTITY},type="train",status="Terminating"}} 0',
    ],
    ids=lambda line: line.partition("{")[0],
)
def test_a_pool_with_a_waiting_and_a_running_workload(line: str) -> None:
    """Each family's samples, as they stand in the exposition."""
    assert f"{line}\n" in exposition(replace(state(WAITING, RUNNING), throughput=PASSED))


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        (
            {
                "name": "modelarts-job-1",
                "job_uuid": "j1",
                "flavor": "modelarts.kat1.8xlarge",
                "priority": "2",
                "user": "ann",
                "gvk": "batch.volcano.sh/v1alpha1, Kind=Job",
            },
            (
                f'modelarts_workload_info{{{JOB},name="modelarts-job-1",job_uuid="j1",'
                'flavor="modelarts.kat1.8xlarge",priority="2",user="ann",'
                'gvk="batch.volcano.sh/v1alpha1, Kind=Job"} 1'
            ),
        ),
        ({"status": "Queue"}, f'modelarts_workload_status{{{JOB},status="Queue"}} 1'),
        ({"pending": 3600.0}, f"modelarts_workload_pending_duration_seconds{{{JOB}}} 3600"),
        (
            {"pending": 3600.0, "status": "Pending"},
            f"modelarts_workload_waiting_seconds{{{JOB}}} 3600",
        ),
        (
            {"pending": 3600.0, "status": "Queue", "priority": "3"},
            f"modelarts_workload_wait_ratio{{{JOB}}} 1",
        ),
        ({"status": "Queue"}, f'modelarts_workload_waiting_reason{{{JOB},reason="no_room"}} 1'),
        ({"position": 4}, f"modelarts_workload_pending_position{{{JOB}}} 4"),
        ({"estimated_start": 900.0}, f"modelarts_workload_estimated_start_seconds{{{JOB}}} 900"),
        ({"running": 7200.0}, f"modelarts_workload_running_duration_seconds{{{JOB}}} 7200"),
        (
            {"created": 1_700_000_000.5},
            f"modelarts_workload_created_timestamp_seconds{{{JOB}}} 1700000000.5",
        ),
        ({"cpu_cores": 8.0}, f"modelarts_workload_requested_cpu_cores{{{JOB}}} 8"),
        ({"memory_bytes": 2.0**36}, f"modelarts_workload_requested_memory_bytes{{{JOB}}} 68719476736"),
        (
            {"accelerators": (("huawei.com/ascend-1980", 16.0),)},
            f'modelarts_workload_requested_accelerators{{{JOB},accelerator="huawei.com/ascend-1980"}} 16',
        ),
        ({"nodes": 2}, f"modelarts_workload_nodes{{{JOB}}} 2"),
    ],
    ids=lambda value: value.partition("{")[0] if isinstance(value, str) else "",
)
def test_a_field_of_a_workload(fields: dict[str, Any], line: str) -> None:
    """Each workload family's sample, as it stands in the exposition."""
    workload = Workload(uid="u1", job_name="train llm", type="train", **fields)
    assert f"{line}\n" in exposition(state(workload))


def test_what_is_not_known_has_no_series() -> None:
    """A waiting job has no running duration and no nodes, a running one no position: absent, never 0."""
    text = exposition(state(WAITING, RUNNING))
    assert "modelarts_workload_running_duration_seconds{" + JOB not in text
    assert "modelarts_workload_nodes{" + JOB not in text
    assert text.count("\nmodelarts_workload_pending_position{") == 1
    assert text.count("\nmodelarts_workload_created_timestamp_seconds{") == 1


def test_an_empty_queue_is_zero_for_everything_documented() -> None:
    """An empty pool has every documented type, status and accelerator with 0, and no workload series."""
    samples = [
        sample for family in text_string_to_metric_families(exposition(state())) for sample in family.samples
    ]
    counts = [sample for sample in samples if sample.name == "modelarts_pool_workloads"]
    assert {(sample.labels["type"], sample.labels["status"]) for sample in counts} == {
        (kind, status) for kind in TYPES for status in STATUSES
    }
    accelerators = [sample for sample in samples if sample.name == "modelarts_pool_requested_accelerators"]
    assert len(accelerators) == len(TYPES) * len(STATUSES) * len(ACCELERATORS)
    assert {sample.value for sample in counts + accelerators} == {0}
    assert not [sample for sample in samples if sample.name.startswith("modelarts_workload_")]
    longest = [sample for sample in samples if sample.name == "modelarts_pool_longest_pending_seconds"]
    assert {sample.labels["type"] for sample in longest} == set(TYPES)


def test_finished_workloads_are_counted_but_request_nothing() -> None:
    """What a finished job once requested is demand no more."""
    done = Workload(uid="u3", type="train", status="Completed", cpu_cores=8.0, pending=9e6)
    text = exposition(state(done))
    assert f'modelarts_pool_workloads{{{IDENTITY},type="train",status="Completed"}} 1\n' in text
    assert f'modelarts_pool_requested_cpu_cores{{{IDENTITY},type="train",status="Completed"}} 0\n' in text
    assert f'modelarts_pool_pending_age_seconds_gcount{{{IDENTITY},type="train"}} 0\n' in text


def test_of_several_that_run_the_last_to_start_counts() -> None:
    """Per type and priority; one that does not run, or does not say how long, is none of them."""
    running = [
        ("1", "Running", 60.0),
        ("1", "Running", 30.0),
        ("2", "Running", None),
        ("1", "Completed", 1.0),
    ]
    text = exposition(
        state(
            *(
                Workload(uid=f"u{index}", type="train", priority=priority, status=status, running=seconds)
                for index, (priority, status, seconds) in enumerate(running)
            )
        )
    )
    name = "modelarts_pool_shortest_running_seconds"
    assert [line for line in text.splitlines() if line.startswith(name)] == [
        f'{name}{{{IDENTITY},type="train",priority="1"}} 30'
    ]


def test_of_several_in_a_status_that_should_pass_the_longest_counts() -> None:
    """Per type and status; who takes turns with others does not add up."""
    text = exposition(
        state(
            *(
                Workload(uid=f"u{seconds}", type="train", status="Creating", in_status=seconds)
                for seconds in (60.0, 120.0)
            )
        )
    )
    name = "modelarts_pool_longest_in_status_seconds"
    assert f'{name}{{{IDENTITY},type="train",status="Creating"}} 120\n' in text
    assert text.count(f"\n{name}{{") == 4 * 3


def test_a_time_in_a_status_that_nobody_knows_is_not_0() -> None:
    """At the first look: no figure for the status that a workload is in, and 0 for the others."""
    text = exposition(state(Workload(uid="u", type="train", status="Creating")))
    name = "modelarts_pool_longest_in_status_seconds"
    assert f'{name}{{{IDENTITY},type="train",status="Creating"}}' not in text
    assert f'{name}{{{IDENTITY},type="train",status="Abnormal"}} 0\n' in text


def test_a_wait_of_unknown_length_is_not_0() -> None:
    """Somebody waits, and the API does not say since when: there is no longest wait, and it is not 0."""
    text = exposition(state(Workload(uid="u5", type="train", status="Queue", priority="2")))
    assert f'modelarts_pool_longest_pending_seconds{{{IDENTITY},type="train",priority="2"}}' not in text
    assert f'modelarts_pool_longest_pending_seconds{{{IDENTITY},type="train",priority="1"}} 0\n' in text


def test_undocumented_types_and_statuses_come_as_they_are() -> None:
    """Open sets: nothing is dropped for being new."""
    text = exposition(state(Workload(uid="u4", type="warmUpTask", status="Suspended", cpu_cores=1.0)))
    assert f'modelarts_pool_workloads{{{IDENTITY},type="warmUpTask",status="Suspended"}} 1\n' in text
    assert (
        f'modelarts_pool_requested_cpu_cores{{{IDENTITY},type="warmUpTask",status="Suspended"}} 1\n' in text
    )


@pytest.mark.parametrize(
    ("series", "uids"),
    [
        ("none", []),
        ("waiting", ["w9", "w1"]),
        ("active", ["w9", "w1", "r9", "r1"]),
        ("all", ["w9", "w1", "r9", "r1", "f2", "f1"]),
    ],
)
def test_which_workloads_get_series(series: SeriesOf, uids: list[str]) -> None:
    """Longest waiting first, then longest running, then the newest of the finished; the rest is omitted.

    Those that are shown stand in the listing's order, which moves less than their importance.
    """
    order = ["f1", "r1", "w1", "r9", "w9", "f2"]
    pool = state(
        Workload(uid="f1", status="Failed", created=1.0),
        Workload(uid="r1", status="Running", running=1.0),
        Workload(uid="w1", status="Pending", pending=1.0),
        Workload(uid="r9", status="Creating", running=9.0),
        Workload(uid="w9", status="Queue", pending=9.0),
        Workload(uid="f2", status="Completed", created=2.0),
    )
    for limit in range(len(uids) + 1):
        rendered = render_pool(pool, Detail(series, limit))
        assert rendered.summary is not None
        assert [workload.uid for workload in rendered.summary.selected] == sorted(
            uids[:limit], key=order.index
        )
        assert rendered.summary.omitted == len(uids) - limit


def test_a_short_listing_says_so_and_counts_as_up() -> None:
    """What was read is shown, marked as not complete."""
    text = exposition(state(WAITING, complete=False))
    assert f"modelarts_pool_listing_complete{{{IDENTITY}}} 0\n" in text
    assert f"modelarts_pool_up{{{IDENTITY}}} 1\n" in text


def test_a_stale_pool_keeps_only_what_is_still_true() -> None:
    """Once too old, everything from the listing is gone; up is 0, the last success stays."""
    text = exposition(replace(state(WAITING), throughput=PASSED), now=100.0)
    assert f"modelarts_pool_up{{{IDENTITY}}} 0\n" in text
    assert "modelarts_pool_last_success_timestamp_seconds" in text
    assert "modelarts_exporter_polls_total" in text
    assert "modelarts_pool_pending_threshold_seconds" in text
    assert "modelarts_pool_workloads{" not in text
    assert "modelarts_workload_" not in text
    assert "modelarts_pool_listing_complete" not in text
    assert "modelarts_pool_workloads_created_total" in text


def test_a_pool_never_read_is_down_and_nothing_else() -> None:
    """Before the first poll a pool is there, with 0 for up and without any figure."""
    text = exposition(PoolState(KEY))
    assert f"modelarts_pool_up{{{IDENTITY}}} 0\n" in text
    assert "modelarts_pool_workloads" not in text
    assert "modelarts_pool_last_success_timestamp_seconds" not in text
    assert 'pool_name="pool-a",pool_type="",queue_strategy="",parent=""} 1' in text
    assert f'modelarts_pool_pending_threshold_seconds{{{IDENTITY},type="train",priority="3"}} 3600\n' in text


@given(st.text(), st.text())
def test_any_text_survives_as_a_label_value(job_name: str, user: str) -> None:
    """Quotes, backslashes, newlines and every script read back as they were."""
    workload = Workload(uid="u", job_name=job_name, user=user, status="Queue")
    [info] = [
        sample
        for family in text_string_to_metric_families(exposition(state(workload)))
        for sample in family.samples
        if sample.name == "modelarts_workload_info"
    ]
    assert (info.labels["job_name"], info.labels["user"]) == (job_name, user)
