"""Numbers that no pool can have: no decoder is broken by them, and none of them gets into a sum."""

from __future__ import annotations

import json
from math import isfinite
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fakes import NoThread

from exporter.api.capacity import decode_runtime_metrics
from exporter.api.nodes import read_free_cards
from exporter.api.pools import decode_pools
from exporter.api.statistics import decode_statistics
from exporter.api.workloads import decode_page
from exporter.common.errors import BadResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

CARD = "nvidia.com/gpu"
PLACE = "1234567"
"""Stands in a body where an absurd number goes."""

NUMBER = int(PLACE)
HUGE = "1" + "0" * 400

absurd = st.one_of(
    st.sampled_from(
        (HUGE, f"-{HUGE}", f'"{HUGE}"', "1.7e308", "1e400", "NaN", '"NaN"', '"inf"', "-1", "true", '"1e308"')
    ),
    st.integers().map(str),
    st.integers(2**63, 10**450).map(str),
    st.floats().map(json.dumps),
    st.text().map(json.dumps),
)


async def listing(body: bytes) -> Iterator[float | None]:
    page = decode_page(body, where="GET x", now=0.0)
    amounts = (amount for one in page.workloads for amount in (one.cpu_cores, one.memory_bytes))
    cards = (amount for one in page.workloads for _, amount in one.accelerators)
    return iter((page.total, *amounts, *cards, *(one.position for one in page.workloads)))


async def pools(body: bytes) -> Iterator[float | None]:
    entries = decode_pools(body, where="GET x").pools.values()
    return iter([count for entry in entries for count in entry.nodes.values()])


async def runtime(body: bytes) -> Iterator[float | None]:
    capacities = decode_runtime_metrics(body, where="GET x").capacities.values()
    return iter([amount for one in capacities for amount in (*one.total.known.values(), *one.free.values())])


async def nodes(body: bytes) -> Iterator[float | None]:
    async def fetch(_: str) -> bytes:
        return body

    free = (await read_free_cards(fetch, pool="pool-a", worker=NoThread(), where="GET x")).free
    return iter((*free.total.values(), *free.most_on_a_node.values()))


async def statistics(body: bytes) -> Iterator[float | None]:
    return iter((decode_statistics(body, where="GET x") or {}).values())


def node(name: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "status": {"resources": {CARD: NUMBER}, "availableResources": {CARD: NUMBER}},
    }


DURATIONS = ("createTime", "pendingDuration", "pendingPosition", "runningDuration")
AMOUNTS = {"cpu": NUMBER, "memory": NUMBER, CARD: NUMBER}
BODIES: dict[Callable[[bytes], Awaitable[Iterator[float | None]]], Any] = {
    listing: {
        "kind": "WorkloadList",
        "items": [
            {"uid": "a", "resourceRequirement": [AMOUNTS, AMOUNTS]},
            {"uid": "b", **dict.fromkeys(DURATIONS, NUMBER)},
        ],
        "total": NUMBER,
    },
    pools: {
        "items": [
            {
                "metadata": {"name": "p"},
                "status": {"resources": {"available": [{"flavor": "f", "count": NUMBER}] * 2}},
            }
        ]
    },
    runtime: {
        "items": [
            {
                "metadata": {"name": "p"},
                "table": {"capacity": {"value": AMOUNTS}, "allocated": {"value": AMOUNTS}},
            }
        ]
    },
    nodes: {"items": [node("a"), node("b")]},
    statistics: {"statistics": {"items": [{"type": "train", "status": {"Queue": NUMBER}}]}},
}


@pytest.mark.parametrize("decode", BODIES, ids=lambda decode: decode.__name__)
@given(number=absurd)
async def test_absurd_numbers_break_nothing(
    decode: Callable[[bytes], Awaitable[Iterator[float | None]]], number: str
) -> None:
    """It is a bad response, or what is understood of it is finite, and never negative."""
    body = json.dumps(BODIES[decode]).replace(PLACE, number).encode()
    try:
        found = list(await decode(body))
    except BadResponse:
        return
    assert all(one is None or (isfinite(one) and one >= 0) for one in found)


def test_an_absurd_total_is_as_good_as_none() -> None:
    """The listing counts without it."""
    body = f'{{"kind": "WorkloadList", "items": [{{"uid": "a"}}], "total": {HUGE}}}'
    page = decode_page(body.encode(), where="GET x", now=0.0)
    assert (page.total, page.count) == (None, 1)


@pytest.mark.parametrize("number", [HUGE, "1.7e308", f'"{HUGE}"'], ids=["integer", "float", "text"])
def test_an_absurd_amount_is_counted_as_unparsable(number: str) -> None:
    """And what else is told of the pool is there."""
    table = f'{{"capacity": {{"value": {{"cpu": {number}, "memory": "8Gi"}}}}}}'
    body = f'{{"items": [{{"metadata": {{"name": "p"}}, "table": {table}}}]}}'
    answer = decode_runtime_metrics(body.encode(), where="GET x")
    assert answer.unparsable == {"cpu": 1}
    assert answer.capacities["p"].total.known == {"memory": 8 * 2.0**30}
