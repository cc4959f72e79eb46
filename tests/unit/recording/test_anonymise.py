"""What is kept of an answer, place by place, and what is not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from exporter.api.schema import RENAMED_ACCELERATORS
from exporter.recording.anonymise import Anonymiser
from exporter.recording.stand_ins import StandIns
from exporter.recording.tap import Exchange
from exporter.snapshot.events import EVENT_STATES, EVENT_TYPES
from exporter.snapshot.pool import LOGICAL, PHASES
from exporter.snapshot.workload import RESOURCES, STATUSES, TYPES
from exporter.transport.http import Response

KEPT: list[dict[str, Any]] = [
    {"status": "Running", "type": "x-infer", "phase": "CreationFailed", "kind": "WorkloadList"},
    {"status": {"Pending": 0, "Queue": 234, "Preempted": 3}},
    {"priority": "3", "pendingPosition": -1, "pendingDuration": 86400, "runningDuration": 1.5, "total": 234},
    {"createTime": 1718240000000, "timestamp": "2022-03-30T07:09:10Z", "creationTimestamp": 1718240000},
    {"resourceRequirement": {"cpu": "8000m", "memory": "6.52 GiB", "nvidia.com/gpu": "8", "tnt004": "1073m"}},
    {"resourceRequirement": [{"cpu": "1 Cores", "memory": "68719476736", "huawei.com/ascend-1980": 32}]},
    {"table": {"workload": {"queue": {"train": 3, "warmUpTask": 0, "sum": 3}, "window": "1m"}}},
    {
        "flavor": "modelarts.bm.npu.arm.8snt9b",
        "gvk": "batch.volcano.sh/v1alpha1, Kind=Job",
        "apiVersion": "v1",
    },
    {"npuTopologyPlacement": "0000000011111111", "isDeleted": "false", "scope": ["Train", "Infer"]},
    {"annotations": {"os.modelarts.pool/scheduler.queue.strategy": "first_in_first_out"}},
    {"error_code": "ModelArts.50015001", "items": [], "metadata": {}, "parent": "", "root": None},
]

REPLACED: list[dict[str, Any]] = [
    {"status": "Bob's", "type": "10.20.30.40", "phase": "8", "kind": "li.wei"},
    {"priority": "13800138000", "pendingPosition": 918273640000, "total": "one"},
    {"createTime": "yesterday", "timestamp": "2022-03-30 in Bonn", "creationTimestamp": 12},
    {"resourceRequirement": {"cpu": "8 of Bob", "memory": "918273640000000000000", "nvidia.com/gpu": "li"}},
    {"flavor": "bob", "gvk": "bob", "apiVersion": "10.20.30.40"},
    {"npuTopologyPlacement": "0123456789012345", "isDeleted": "maybe", "scope": ["Bob"]},
    {"annotations": {"os.modelarts.pool/scheduler.queue.strategy": "bobs_strategy"}},
    {"uid": "Running", "name": "train", "userName": "12345", "jobName": "8Gi", "hostIps": 167772161},
    {"error_code": "Bob.1", "value": "13800138000", "memory": {"x": "y"}},
]


def anonymised(body: Any, url: str = "https://host/v2/p/pools/q/workloads") -> Any:
    exchange = Exchange(0, url, 0.0, Response(200, {}, json.dumps(body).encode()))
    return Anonymiser(StandIns(b"key")).answer(exchange).body


def leaves(value: Any) -> list[Any]:
    match value:
        case dict():
            return [leaf for item in value.values() for leaf in leaves(item)]
        case list():
            return [leaf for item in value for leaf in leaves(item)]
        case _:
            return [value]


@pytest.mark.parametrize("body", KEPT, ids=str)
def test_documented_values_are_kept(body: dict[str, Any]) -> None:
    """To the letter."""
    assert anonymised(body) == body


@pytest.mark.parametrize("body", REPLACED, ids=str)
def test_everything_else_is_replaced(body: dict[str, Any]) -> None:
    """Also what looks like something else that is harmless, in the wrong place."""
    for before, after in zip(leaves(body), leaves(anonymised(body)), strict=True):
        assert before != after
        assert type(before) is type(after)


@pytest.mark.parametrize("word", [*PHASES, *STATUSES, *TYPES, *EVENT_TYPES, *EVENT_STATES, LOGICAL])
def test_documented_words_are_kept(word: str) -> None:
    """All that the exporter knows."""
    assert anonymised({"type": word}) == {"type": word}


@pytest.mark.parametrize(
    "resource", [*RESOURCES, *RENAMED_ACCELERATORS, "huawei.com/Ascend910B", "nvidia.com/t4"]
)
def test_documented_resources_are_kept(resource: str) -> None:
    """With their amounts."""
    assert anonymised({"value": {resource: 8}}) == {"value": {resource: 8}}


def test_below_an_unknown_key_nothing_is_kept() -> None:
    """Neither words nor numbers; only the shape, true and false."""
    made = anonymised({"owner": {"status": "Running", "total": 234, "name": ["x", True, None]}, "items": []})
    assert made.pop("items") == []
    [(key, below)] = made.items()
    assert key.startswith("key-")
    assert below.keys() == {"status", "total", "name"}
    assert below["status"] != "Running"
    assert 100 <= below["total"] <= 999
    assert below["total"] != 234
    assert below["name"][1:] == [True, None]


def test_a_rate_limit_in_an_error_is_kept() -> None:
    """Without the sentence around it."""
    made = anonymised({"error_msg": "policy user over ratelimit,limit:200,time:5 minute of Bob"})["error_msg"]
    assert made.endswith(" limit:200,time:5 minute")
    assert made.startswith("anon-")


def test_a_request_is_kept_as_far_as_it_is_documented() -> None:
    """The path's words, the listing's query; not the host."""
    url = "https://host.example/v2/0d3f8a61c92b4e57a1f6c8e25b7d9042/pools/bob/workloads?limit=500&offset=12&bob=bob"
    answer = Anonymiser(StandIns(b"key")).answer(Exchange(0, url, 0.0, None, "timeout"))
    assert answer.path.startswith("/v2/")
    assert answer.path.endswith("/workloads")
    assert answer.query[:2] == [("limit", "500"), ("offset", "12")]
    assert (answer.endpoint, answer.outcome, answer.status) == ("workloads", "timeout", 0)
    assert "bob" not in answer.path + str(answer.query)
    assert "host" not in repr(answer)
