"""Runtime metrics of pools: documented forms, odd ones, and what is never read as 0."""

from __future__ import annotations

import json
from typing import Any

import pytest

from exporter.api.capacity import decode_runtime_metrics
from exporter.common.errors import BadResponse
from exporter.snapshot.resources import Amounts, PoolCapacity

GIB = 2.0**30
# The documented example, but for the pool's ID.
EXAMPLE = {
    "metadata": {"name": "pool-a"},
    "table": {
        "capacity": {
            "value": {"cpu": 768, "memory": "6144Gi", "huawei.com/ascend-1980": 32},
            "maxValue": {"cpu": 768, "memory": "6144Gi", "huawei.com/ascend-1980": 32},
            "timestamp": "2022-03-30T07:09:10Z",
            "window": "1m",
        },
        "allocated": {
            "value": {"cpu": 5, "memory": "15548Mi"},
            "timestamp": "2022-03-30T07:09:10Z",
            "window": "1m",
        },
    },
}


def decoded(*items: Any) -> dict[str, PoolCapacity]:
    body = json.dumps({"kind": "PoolMetricsList", "items": items}).encode()
    return dict(decode_runtime_metrics(body, where="GET x").capacities)


def item(capacity: Any, allocated: Any = None) -> dict[str, Any]:
    table = {"capacity": {"value": capacity}} | ({"allocated": {"value": allocated}} if allocated else {})
    return {"metadata": {"name": "pool-a"}, "table": table}


def test_the_documented_example() -> None:
    """Numbers and text are mixed; an accelerator that is missing among allocated amounts is held by none."""
    cards = "huawei.com/ascend-1980"
    assert decoded(EXAMPLE) == {
        "pool-a": PoolCapacity(
            Amounts(768.0, 6144 * GIB, ((cards, 32.0),)),
            Amounts(5.0, 15548 * 2.0**20, ((cards, 0.0),)),
            maximum=Amounts(768.0, 6144 * GIB, ((cards, 32.0),)),
        )
    }
    assert decoded(EXAMPLE)["pool-a"].free["cpu"] == 763.0


def test_accelerators_are_an_open_set_and_older_names_count_as_the_current_ones() -> None:
    """ascend-snt9 here and ascend-1980 there are the same cards; what is new comes as it is."""
    pool = decoded(
        item({"huawei.com/ascend-snt9": "16", "example.com/tpu": 4}, {"huawei.com/ascend-1980": 6}),
    )["pool-a"]
    assert pool.free == {"huawei.com/ascend-1980": 10.0, "example.com/tpu": 4.0}


def test_what_is_not_given_is_not_known() -> None:
    """Without allocated amounts nothing is known to be held, and so nothing to be free."""
    pool = decoded(item({"cpu": 8}))["pool-a"]
    assert (pool.total, pool.allocated, pool.free) == (Amounts(8.0), Amounts(), {})


def test_a_quantity_in_no_known_form_is_counted_and_not_read_as_0() -> None:
    """Neither of the capacity, nor of what is held of it."""
    body = json.dumps(
        {"items": [item({"cpu": "many", "memory": "8Gi"}, {"memory": [], "cpu": "1"})]}
    ).encode()
    answer = decode_runtime_metrics(body, where="GET x")
    assert answer.unparsable == {"cpu": 1, "memory": 1}
    assert answer.capacities["pool-a"] == PoolCapacity(Amounts(None, 8 * GIB), Amounts(1.0, None))
    assert answer.capacities["pool-a"].free == {}


@pytest.mark.parametrize(
    "odd", [None, 7, {}, {"metadata": {}}, {"metadata": {"name": "b"}, "table": []}, {"metadata": 1}], ids=str
)
def test_an_odd_pool_costs_nobody_else_his_capacity(odd: Any) -> None:
    """Only that one has none."""
    assert decoded(odd, EXAMPLE).keys() == {"pool-a"}


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"items": null}', b'{"items": {}}'], ids=str)
def test_what_is_no_list_is_an_error(body: bytes) -> None:
    """Nobody's capacity vanishes because of a login page."""
    with pytest.raises(BadResponse, match="is not a list of"):
        decode_runtime_metrics(body, where="GET x")


def test_what_is_available_wins_over_what_is_not_allocated() -> None:
    """Capacity minus allocated includes nodes that take no workloads; what is available does not."""
    table = item({"cpu": 8, "memory": "8Gi"}, {"cpu": 2, "memory": "1Gi"})
    table["table"]["available"] = {"value": {"cpu": "4"}}
    assert decoded(table)["pool-a"].free == {"cpu": 4.0, "memory": 7 * GIB}


def test_a_share_of_a_pool_has_what_it_may_borrow_at_most() -> None:
    """Of 0 guaranteed, 32 at most and 16 in use, 16 are free once it is known to be a logical pool."""
    table = item({"nvidia.com/gpu": 0}, {"nvidia.com/gpu": 16})
    table["table"]["capacity"]["maxValue"] = {"nvidia.com/gpu": 32, "odd": []}
    pool = decoded(table)["pool-a"]
    assert (pool.most, pool.free) == ({"nvidia.com/gpu": 32.0}, {"nvidia.com/gpu": 0.0})
    whole = pool.with_borrowed()
    assert (whole.total.known, whole.free) == ({"nvidia.com/gpu": 32.0}, {"nvidia.com/gpu": 16.0})
    assert whole.guaranteed.known == {"nvidia.com/gpu": 0.0}


def test_accelerators_have_the_names_of_requests() -> None:
    """As configured, where capacities and requests have other names for the same cards."""
    body = json.dumps({"items": [item({"tnt004": "1500m", "nvidia.com/t4": 2}, {"tnt004": "500m"})]}).encode()
    names = {"tnt004": "nvidia.com/gpu", "nvidia.com/t4": "nvidia.com/gpu"}
    pool = decode_runtime_metrics(body, where="GET x", accelerators=names).capacities["pool-a"]
    assert pool.total.known == {"nvidia.com/gpu": 3.5}
    assert pool.free == {"nvidia.com/gpu": 3.0}


@pytest.mark.parametrize(
    ("workload", "counts"),
    [
        (
            {"queue": {"train": 12, "notebook": "3", "x-infer": 0, "infer": None, "sum": 15}},
            {("train", "queue"): 12, ("notebook", "queue"): 3},
        ),
        (
            {"allocated": {"train": 1, "warmUpTask": 2, "sum": 3}, "queue": None, "window": "1m"},
            {("train", "allocated"): 1, ("warmUpTask", "allocated"): 2},
        ),
        (
            {"queue": {"train": 1}, "allocated": {"train": 2.0}},
            {("train", "queue"): 1, ("train", "allocated"): 2},
        ),
        ({"queue": {"train": 1, "infer": "many"}}, {}),
        ({"queue": {"train": -1}}, {}),
        ({"queue": {"train": 0.5}}, {}),
        ({"queue": {"train": True}}, {}),
        ({"queue": [1]}, {}),
        ("?", {}),
        ({}, {}),
    ],
)  # fmt: skip
def test_the_cloud_counts_workloads_in_the_same_answer(workload: Any, counts: Any) -> None:
    """By type and state, also of a pool without a capacity; one odd count spoils the others of its pool."""
    body = json.dumps({"items": [{"metadata": {"name": "pool-a"}, "table": {"workload": workload}}]}).encode()
    counted = decode_runtime_metrics(body, where="GET x").counted
    found = counted.get("pool-a", {})
    assert {key: number for key, number in found.items() if number} == counts
    assert {state for _, state in found} == {state for _, state in counts}
    assert bool(found) == ("pool-a" in counted)
