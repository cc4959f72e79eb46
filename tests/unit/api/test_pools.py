"""The project's list of pools: names, phases, nodes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from exporter.api.pools import ListedPools, decode_pools
from exporter.common.errors import BadResponse
from exporter.snapshot.pool import PoolDescription


def decoded(**parts: Any) -> PoolDescription:
    item = {"metadata": {"name": "pool-a"}, **parts}
    return decode_pools(json.dumps({"items": [item]}).encode(), where="GET x").pools["pool-a"]


def nodes(**states: Any) -> Any:
    return decoded(status={"resources": states}).nodes


def test_everything_that_is_told_of_a_pool() -> None:
    """Display name, phase, type, the queue's strategy and nodes by flavor and state."""
    entry = decoded(
        metadata={
            "name": "pool-a",
            "labels": {"os.modelarts/name": "Team A"},
            "annotations": {"os.modelarts.pool/scheduler.queue.strategy": "priority"},
        },
        spec={"type": "Dedicate"},
        status={"phase": "Running", "resources": {"available": [{"flavor": "f", "count": 3, "azs": []}]}},
    )
    counts = {("f", "creating"): 0.0, ("f", "available"): 3.0, ("f", "abnormal"): 0.0, ("f", "deleting"): 0.0}
    assert entry == PoolDescription("Team A", "Running", "Dedicate", "priority", nodes=counts)


def test_a_pool_of_which_nothing_is_told() -> None:
    """Its ID is its name; whatever is missing or odd is not known."""
    assert decoded() == PoolDescription("pool-a")
    assert decoded(spec=7, status=[], metadata={"name": "pool-a", "labels": "x"}) == PoolDescription("pool-a")


def test_groups_of_one_flavor_are_added_up() -> None:
    """Several node pools may have the same flavor; the SDK's single object is taken as well."""
    counts = nodes(
        available=[{"flavor": "f", "count": 3, "nodePool": "a"}, {"flavor": "f", "count": "2"}],
        abnormal={"flavor": "f", "count": 1},
        creating=None,
    )
    assert (counts["f", "available"], counts["f", "abnormal"], counts["f", "creating"]) == (5.0, 1.0, 0.0)


@pytest.mark.parametrize(
    "group", [None, "f", {"flavor": "f"}, {"count": 1}, {"flavor": "f", "count": "?"}], ids=str
)
def test_a_group_that_is_not_understood_leaves_all_unknown(group: Any) -> None:
    """A count that leaves something out would read as nodes that are not there."""
    assert nodes(available=[{"flavor": "f", "count": 3}, group]) == {}


@pytest.mark.parametrize("body", [b"", b'{"items": null}', b'{"kind": "PoolList"}'], ids=str)
def test_what_is_no_list_of_pools_is_an_error(body: bytes) -> None:
    """No pool is gone on such evidence."""
    with pytest.raises(BadResponse, match="is not a list of pools in JSON"):
        decode_pools(body, where="GET x")


def test_a_list_none_of_whose_items_has_a_name_is_no_empty_list() -> None:
    """It would say that every pool is gone; one that is odd among others is only left out."""
    nameless = [{"kind": "?"}, 7, None, {"metadata": {"name": "../../v3/users"}}]
    with pytest.raises(BadResponse, match="none of the 4 items"):
        decode_pools(json.dumps({"items": nameless}).encode(), where="GET x")
    some = json.dumps({"items": [*nameless, {"metadata": {"name": "pool-a"}}]}).encode()
    assert decode_pools(some, where="GET x").pools.keys() == {"pool-a"}
    assert decode_pools(b'{"items": []}', where="GET x") == ListedPools({})


def test_half_a_character_in_a_name_costs_nobody_his_place() -> None:
    """A lone surrogate is spelt out; the other pools do not notice."""
    items = rb'[{"metadata": {"name": "pool-a", "labels": {"os.modelarts/name": "x\ud800y"}}},'
    pools = decode_pools(b'{"items": %s {"metadata": {"name": "pool-b"}}]}' % items, where="GET x").pools
    assert {pool: entry.name for pool, entry in pools.items()} == {"pool-a": r"x\ud800y", "pool-b": "pool-b"}


@pytest.mark.parametrize(
    ("count", "parents"),
    [("2", ("pool-a",)), (1, ("pool-a",)), ("0", ()), (None, ()), ("many", ()), ([1], ())],
)
def test_which_pools_have_shares(count: object, parents: tuple[str, ...]) -> None:
    """An annotation has their number."""
    annotations = {"os.modelarts.pool/subpools.count": count}
    item = {"metadata": {"name": "pool-a", "annotations": annotations}}
    assert decode_pools(json.dumps({"items": [item]}).encode(), where="GET x").parents == parents


def test_a_list_that_ignores_the_parent_changes_nothing() -> None:
    """What the list itself says of a pool counts, and a pool is a share only if it says so."""
    pools = ListedPools({"a": PoolDescription("A")}, parents=("a",))
    assert pools.with_shares(ListedPools({"a": PoolDescription("?")}, whole=False)) == ListedPools(
        {"a": PoolDescription("A")}, whole=False, parents=("a",)
    )
