"""Runtime metrics of pools: documented forms, odd ones, and what is never read as 0."""

from __future__ import annotations

import json
from typing import Any

import pytest

from exporter.api.capacity import decode_capacities
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
    return dict(decode_capacities(body, where="GET x").pools)


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
    answer = decode_capacities(body, where="GET x")
    assert answer.unparsable == {"cpu": 1, "memory": 1}
    assert answer.pools["pool-a"] == PoolCapacity(Amounts(None, 8 * GIB), Amounts(1.0, None))
    assert answer.pools["pool-a"].free == {}


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
        decode_capacities(body, where="GET x")
