"""An answer to another request is an error, and never becomes another pool's figures."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from support.cloud import KEY, POOL, cloud_of, jobs
from support.cloud_faults import Answer, clear, plant
from support.fakes import NoThread

from exporter.api.capacity import decode_runtime_metrics
from exporter.api.mix_up import NamedPools
from exporter.api.nodes import read_free_cards
from exporter.api.pools import decode_pools
from exporter.api.workloads import Page, decode_page
from exporter.common.errors import BadResponse

if TYPE_CHECKING:
    from support.fakes import FakeClock

OTHER = "pool-other-0123456789abcdef0123456789abcdef"


def page(*namespaces: Any) -> Page:
    """An answer whose items have these namespaces; `...` for an item without one."""
    items = [
        {"uid": str(index), **({} if namespace is ... else {"namespace": namespace})}
        for index, namespace in enumerate(namespaces)
    ]
    body = json.dumps({"kind": "WorkloadList", "items": items}).encode()
    answer = decode_page(body, where="GET x", now=1_700_000_000.0)
    assert len(answer.workloads) == len(items)
    return answer


async def test_another_pools_listing_is_no_listing_of_this_pool(clock: FakeClock) -> None:
    """A gateway gives pool B the answer for pool A: the poll fails, and the next one is good again."""
    foreign = json.dumps({"kind": "WorkloadList", "items": jobs(2, namespace=OTHER), "total": 2}).encode()
    async with cloud_of(clock, jobs(3, namespace=POOL)) as cloud:
        assert len((await cloud.client.listing(POOL)).workloads) == 3
        plant(cloud.simulator, Answer(body=foreign), endpoint="workloads", times=1)
        with pytest.raises(
            BadResponse, match=f"the answer is about the pool {OTHER}; a gateway or proxy"
        ) as caught:
            await cloud.client.listing(POOL)
        assert caught.value.where == f"GET {cloud.url}/v2/{cloud.client.project_id}/pools/{POOL}/workloads"
        clear(cloud.simulator)
        assert len((await cloud.client.listing(POOL)).workloads) == 3


async def test_one_page_of_another_pool_spoils_the_listing(clock: FakeClock) -> None:
    """It would be joined with the others."""
    foreign = json.dumps(
        {"kind": "WorkloadList", "items": jobs(500, namespace=OTHER), "total": 1200}
    ).encode()
    async with cloud_of(clock, jobs(1200, namespace=POOL)) as cloud:
        plant(cloud.simulator, Answer(body=foreign), endpoint="workloads", skip=1, times=1)
        with pytest.raises(BadResponse, match="the answer is about the pool"):
            await cloud.client.listing(POOL)


@pytest.mark.parametrize(
    "answer",
    [
        page(),
        page(...),
        page(OTHER),
        page("default"),
        page(""),
        page(None),
        page(5),
        page({"name": "x"}),
        page([[[]]]),
    ],
    ids=["empty", "absent", "another", "none of ours", "blank", "null", "number", "object", "list"],
)
def test_a_pool_that_was_never_named_is_held_to_nothing(answer: Page) -> None:
    """Perhaps the API fills the field otherwise, or not for this pool; no namespace costs a workload."""
    pools = NamedPools()
    assert pools.check(answer, POOL, "GET x") is answer
    pools.check(page("pool-known"), "pool-known", "GET x")
    assert pools.check(answer, POOL, "GET x") is answer


def test_the_first_answers_of_a_pool_are_not_those_of_another_that_is_known() -> None:
    """A late duplicate may come first. A logical pool, whose workloads name its parent, is believed then."""
    pools = NamedPools()
    pools.check(page(OTHER), OTHER, "GET x")
    for _ in range(2):
        with pytest.raises(BadResponse, match=f"the answer is about the pool {OTHER}"):
            pools.check(page(OTHER), POOL, "GET x")
    shared = page(OTHER)
    assert pools.check(shared, POOL, "GET x") is shared
    own = page(POOL)
    assert pools.check(own, POOL, "GET x") is own
    with pytest.raises(BadResponse):
        pools.check(shared, POOL, "GET x")


@pytest.mark.parametrize("answer", [page(), page(...), page(""), page(5), page(POOL), page(OTHER, POOL, ...)])
def test_an_answer_that_names_the_pool_or_none_is_its_own(answer: Page) -> None:
    """Some of its workloads may be elsewhere, as those of logical pools may be."""
    pools = NamedPools()
    pools.check(page(POOL), POOL, "GET x")
    assert pools.check(answer, POOL, "GET x") is answer


def test_the_other_pools_name_is_shown_short_and_on_one_line() -> None:
    """It comes from whoever answered."""
    pools = NamedPools()
    pools.check(page(POOL), POOL, "GET x")
    with pytest.raises(BadResponse) as caught:
        pools.check(page("\n" + "x" * 10_000), POOL, "GET x")
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        {"kind": KEY.ak, "items": []},
        {"kind": "WorkloadList", "items": jobs(1, namespace=f"{KEY.ak}-{KEY.sk}"), "total": 1},
    ],
    ids=["kind", "namespace"],
)
async def test_what_is_quoted_of_an_answer_holds_no_secret(clock: FakeClock, answer: dict[str, Any]) -> None:
    """A cloud that gives back what it was sent, in an answer that is no error, gets none of it into a log."""
    async with cloud_of(clock, jobs(3, namespace=POOL)) as cloud:
        await cloud.client.listing(POOL)
        plant(cloud.simulator, Answer(body=json.dumps(answer).encode()), endpoint="workloads")
        with pytest.raises(BadResponse, match=re.escape("...")) as caught:
            await cloud.client.listing(POOL)
    assert KEY.ak[:11] not in str(caught.value)
    assert KEY.sk[:11] not in str(caught.value)


KINDS = ["PoolList", "NodeList", "PoolMetricsList", "WorkloadList"]


@pytest.mark.parametrize("kind", [*KINDS, "PoolV2List", "", None, 5])
async def test_a_list_of_another_kind_is_not_the_one_that_was_asked_for(kind: object) -> None:
    """Each has items with a name, so nodes would pass for pools. Kinds that nobody documents are accepted."""
    body = json.dumps({"kind": kind, "items": [{"metadata": {"name": "n"}}]}).encode()

    async def fetch(_: str) -> bytes:
        return body

    async def problem(own: str) -> str:
        try:
            match own:
                case "PoolList":
                    decode_pools(body, where="GET x")
                case "NodeList":
                    await read_free_cards(fetch, pool="pool-a", worker=NoThread(), where="GET x")
                case "PoolMetricsList":
                    decode_runtime_metrics(body, where="GET x")
        except BadResponse as error:
            return error.what
        return ""

    for own in KINDS[:3]:
        foreign = kind in KINDS and kind != own
        assert (await problem(own)).startswith(f"the answer is a {kind}, not a list of " if foreign else "")
        assert bool(await problem(own)) == foreign
