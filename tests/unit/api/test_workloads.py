"""One answer's bytes: understood, rejected in part, or refused as a whole."""

from __future__ import annotations

import json
from typing import Any

import pytest

from exporter.api.workloads import Page, decode_page
from exporter.common.errors import BadResponse

NOW = 1_729_173_183.0

# The real answer, abridged to one item of 234.
REAL = {
    "kind": "WorkloadList",
    "apiVersion": "v1",
    "metadata": {},
    "items": [
        {
            "kind": "Workload",
            "apiVersion": "v1",
            "uid": "6715ceb5-df65-456f-b185-07e047c9745c",
            "jobUUID": "c237e9e1-50e7-4c4d-97ba-f4a5e0f62f70",
            "name": "modelarts-job-c237e9e1-50e7-4c4d-97ba-f4a5e0f62f70",
            "jobName": "autotest_b82d17",
            "type": "train",
            "namespace": "pool-train-dev-cpu-public-fab2c5cf438b4f0c851fdcdf08704898",
            "status": "Queue",
            "resourceRequirement": {"cpu": "1 Cores", "memory": "6.52 GiB"},
            "priority": "0",
            "createTime": 1727254947000,
            "pendingDuration": 1918236,
            "pendingPosition": -1,
            "gvk": "batch.volcano.sh/v1alpha1, Kind=Job",
            "isDeleted": "false",
        }
    ],
    "total": 234,
}


def page(*items: Any, **others: Any) -> Page:
    body = {"kind": "WorkloadList", "items": list(items), **others}
    return decode_page(json.dumps(body).encode(), where="GET x", now=NOW)


def workload(**fields: Any) -> Any:
    [one] = page({"uid": "u1", **fields}).workloads
    return one


def test_the_real_answer_is_understood() -> None:
    """Every field of the documented example has its meaning; position -1 is unknown."""
    answer = decode_page(json.dumps(REAL).encode(), where="GET x", now=NOW)
    [one] = answer.workloads
    assert (answer.count, answer.total) == (1, 234)
    assert not answer.rejected
    assert not answer.unparsable
    assert (one.uid, one.type, one.status, one.priority) == (
        "6715ceb5-df65-456f-b185-07e047c9745c",
        "train",
        "Queue",
        "0",
    )
    assert (one.job_name, one.job_uuid) == ("autotest_b82d17", "c237e9e1-50e7-4c4d-97ba-f4a5e0f62f70")
    assert (one.created, one.pending, one.position, one.running) == (1727254947.0, 1918236.0, None, None)
    assert (one.cpu_cores, one.memory_bytes, one.accelerators) == (1.0, 6.52 * 2**30, ())
    assert (one.nodes, one.user, one.flavor) == (None, "", "")


def test_numbers_as_text_and_text_as_numbers() -> None:
    """A number may come quoted, and a text bare."""
    one = workload(
        createTime="1727254947000", pendingDuration="12", pendingPosition="3", priority=2, jobName=7
    )
    assert (one.created, one.pending, one.position) == (1727254947.0, 12.0, 3)
    assert (one.priority, one.job_name) == ("2", "7")


def test_older_accelerator_names_count_as_the_current_ones() -> None:
    """ascend-snt9 is ascend-1980, also when both are there; unknown keys are kept as they come."""
    one = workload(
        resourceRequirement={
            "huawei.com/ascend-snt9": "8",
            "huawei.com/ascend-1980": 8,
            "huawei.com/ascend-snt3": "1",
            "example.com/tpu": "4",
        }
    )
    assert dict(one.accelerators) == {
        "huawei.com/ascend-1980": 16.0,
        "huawei.com/ascend-310": 1.0,
        "example.com/tpu": 4.0,
    }


def test_requirements_may_be_an_array() -> None:
    """An array of requirements adds up."""
    one = workload(resourceRequirement=[{"cpu": "8", "memory": "1Gi"}, {"cpu": "500m"}])
    assert (one.cpu_cores, one.memory_bytes) == (8.5, 2.0**30)


def test_unparsable_quantities_are_left_out_and_named() -> None:
    """A quantity in no known form is neither 0 nor a reason to drop the workload."""
    answer = page({"uid": "u1", "resourceRequirement": {"cpu": "lots", "memory": "1Gi", "x.com/y": "?"}})
    assert answer.unparsable == {"u1": ("cpu", "other")}
    assert (answer.workloads[0].cpu_cores, answer.workloads[0].memory_bytes) == (None, 2.0**30)
    assert not answer.workloads[0].sized
    assert workload(resourceRequirement={"cpu": "8"}).sized


@pytest.mark.parametrize(
    ("requirement", "resource"),
    [
        ({"cpu": True, "memory": "1Gi"}, "cpu"),
        ({"cpu": [1], "memory": "1Gi"}, "cpu"),
        ({"cpu": {"v": 1}, "memory": "1Gi"}, "cpu"),
        ([{"memory": "1Gi"}, {"nvidia.com/gpu": {}}], "nvidia.com/gpu"),
        ("8", "other"),
        (["8"], "other"),
        (8, "other"),
    ],
)
def test_amounts_of_odd_types_cost_nobody_the_workload(requirement: Any, resource: str) -> None:
    """What is no amount at all is left out and named, too; the job is there, and so is the rest of it."""
    [one] = page({"uid": "before", "resourceRequirement": {"cpu": 1}}).workloads
    assert one.cpu_cores == 1.0  # and true is not 1, though they are equal
    answer = page({"uid": "u1", "status": "Queue", "resourceRequirement": requirement})
    assert answer.unparsable == {"u1": (resource,)}
    [one] = answer.workloads
    assert (one.cpu_cores, one.memory_bytes) == (None, None if resource == "other" else 2.0**30)


def test_half_a_character_costs_nobody_the_page() -> None:
    """A lone surrogate in one name is spelt out; the other workloads do not notice."""
    items = rb'[{"uid": "a", "jobName": "x\ud800y"}, {"uid": "b", "jobName": "\ud83d\ude00"}]'
    body = b'{"kind": "WorkloadList", "items": ' + items + b"}"
    answer = decode_page(body, where="GET x", now=NOW)
    assert [one.job_name for one in answer.workloads] == [r"x\ud800y", "\U0001f600"]


def test_nodes_are_counted_once() -> None:
    """Hosts come joined by commas; without them the nodes array tells."""
    assert workload(hostIps="10.0.0.1,10.0.0.2, 10.0.0.1").nodes == 2
    assert workload(nodes=[{"hostIp": "10.0.0.1"}]).nodes == 1


@pytest.mark.parametrize(
    ("fields", "nodes"),
    [
        ({"nodes": {"hostIp": "10.0.0.1"}}, 1),  # one reference has an object instead of an array
        ({"nodes": "10.0.0.1"}, None),
        ({"nodes": [7, "10.0.0.1", {"hostIp": "10.0.0.2"}]}, 1),
        ({"nodes": [], "hostIps": ""}, None),
        ({"hostIps": ["10.0.0.1", "10.0.0.2", 7]}, 2),
        ({"hostIps": {"a": 1}}, None),
        ({"hostIps": 7, "nodes": [{"hostIp": "10.0.0.1"}]}, 1),
        ({"hostIp": {"a": [1]}}, None),
        ({"gvk": {"kind": "Job"}, "hostIps": "10.0.0.1"}, 1),
        ({"gvk": 7}, None),
    ],
)
def test_an_odd_extra_costs_that_field_and_never_the_workload(
    fields: dict[str, object], nodes: int | None
) -> None:
    """Nothing that is read from nodes, hosts or gvk is worth losing a workload over."""
    one = workload(status="Running", jobName="a", **fields)
    assert (one.nodes, one.gvk, one.job_name) == (nodes, "", "a")


def test_type_and_status_are_open_sets_and_may_be_missing() -> None:
    """An unknown status is kept and counts as active; a missing one is `unknown`."""
    assert workload(status="Suspended", type="warmUpTask").active
    assert (workload().type, workload().status) == ("unknown", "unknown")


def test_a_waiting_workload_without_duration_waits_since_its_creation() -> None:
    """PendingDuration is now - createTime for a queued job, so it is known where the API leaves it out."""
    assert workload(status="Queue", createTime=(NOW - 90) * 1000).pending == pytest.approx(90)
    assert workload(status="Running", createTime=(NOW - 90) * 1000).pending is None


def test_one_malformed_workload_is_rejected_never_the_page() -> None:
    """Items that cannot be understood are counted by reason; the others stay."""
    answer = page(
        {"uid": "good"},
        7,
        None,
        "text",
        {"jobName": "nobody"},
        {"uid": ""},
        {"uid": "a", "status": {"phase": "Queue"}},
        {"uid": "b", "pendingDuration": "soon"},
        {"uid": "also good"},
        {"uid": "good", "status": "Running"},
    )
    assert [one.uid for one in answer.workloads] == ["good", "also good"]
    assert answer.rejected == {
        **dict.fromkeys((1, 2, 3), "not_an_object"),
        **dict.fromkeys((4, 5), "no_uid"),
        **dict.fromkeys((6, 7), "malformed"),
        9: "repeated_uid",
    }
    assert (answer.count, len(answer.created)) == (10, 10)


def test_uids_that_differ_in_half_a_character_are_two() -> None:
    """What no UTF-8 can hold is spelt out, so that no workload takes the place of another."""
    items = rb'[{"uid": "\ud800"}, {"uid": "\ud801"}, {"uid": "\uDFFF"}]'
    answer = decode_page(b'{"kind": "WorkloadList", "items": ' + items + b"}", where="GET x", now=NOW)
    assert [one.uid for one in answer.workloads] == [r"\ud800", r"\ud801", r"\udfff"]


def test_a_time_beyond_all_reason_is_unknown() -> None:
    """As one below 0 is: a century's wait is none, and would be in every sum for good."""
    for nonsense in (1e308, 3.2e9, -1):
        one = workload(status="Running", pendingDuration=nonsense, runningDuration=nonsense)
        assert (one.pending, one.running) == (None, None)
    assert workload(createTime=1e308).created is None
    assert workload(createTime=1000 * (NOW + 86400)).created == NOW + 86400
    long = workload(pendingDuration=3e9, runningDuration=3e9)
    assert (long.pending, long.running) == (3e9, 3e9)


@pytest.mark.parametrize(
    "number", ["1e999", "NaN", "1" + "0" * 400], ids=["overflow", "not a number", "very long"]
)
def test_a_number_out_of_range_never_gets_through(number: str) -> None:
    """A number that no float holds is malformed in one workload, or no JSON at all; never a value."""
    body = f'{{"kind": "WorkloadList", "items": [{{"uid": "a", "createTime": {number}}}]}}'
    try:
        answer = decode_page(body.encode(), where="GET x", now=NOW)
    except BadResponse:
        return
    assert answer.rejected == {0: "malformed"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>login</body></html>",
        b'{"kind": "WorkloadList", "items": [{"uid": "a"',
        b"[]",
        b'"text"',
        b"null",
        b'{"kind": "PoolList", "items": []}',
        b'{"items": []}',
        b'{"kind": "WorkloadList"}',
        b'{"kind": "WorkloadList", "items": null}',
        b'{"kind": "WorkloadList", "items": null, "total": 5}',
        b'{"kind": "WorkloadList", "items": {}}',
        b'{"kind": "WorkloadList", "items": [], "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"[" * 1_000_000,
        b'\xff\xfe{"kind"',
        b'{"kind": "WorkloadList", "items": [{"uid": "\xff"}]} trailing',
    ],
    ids=lambda body: repr(body[:40]),
)
def test_what_is_no_listing_is_a_bad_response(body: bytes) -> None:
    """An answer that is not a WorkloadList with items is refused, never taken for an empty queue."""
    with pytest.raises(BadResponse, match="GET x: the answer"):
        decode_page(body, where="GET x", now=NOW)


def test_null_items_of_zero_workloads_are_an_empty_queue() -> None:
    """Where the API itself says that there are none, null is its way to write an empty list."""
    answer = decode_page(b'{"kind": "WorkloadList", "items": null, "total": 0}', where="GET x", now=NOW)
    assert (answer.workloads, answer.total) == ((), 0)
