"""Nodes of a pool: which cards are free, and what is left open where a node does not tell."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from support.fakes import NoThread

from exporter.api.nodes import MAX_ANSWERS, CountedCards, read_free_cards
from exporter.common.errors import BadResponse, EndlessList
from exporter.snapshot.resources import FlavorNodes

if TYPE_CHECKING:
    from collections.abc import Mapping

CARD = "huawei.com/ascend-1980"


def node(name: str = "n", *, placement: Any = None, flavor: str = "8snt9", **fields: Any) -> dict[str, Any]:
    annotations = {
        "os.modelarts/npu-topology-placement": placement,
        "os.modelarts.node/drain": fields.pop("drain", None),
    }
    metadata = {"name": name, "annotations": annotations, "labels": fields.pop("labels", None)}
    if "available" in fields:
        fields["availableResources"] = fields.pop("available")
    return {"metadata": metadata, "spec": {"flavor": flavor}, "status": fields}


async def counted(*pages: list[dict[str, Any]]) -> CountedCards:
    """What is found when each answer leads to the next."""

    async def fetch(cursor: str) -> bytes:
        index = int(cursor or 0)
        more = {"continue": str(index + 1)} if index + 1 < len(pages) else {}
        return json.dumps({"kind": "NodeList", "metadata": more, "items": pages[index]}).encode()

    return await read_free_cards(fetch, pool="pool-a", worker=NoThread(), where="GET x")


def cards_of(cards: CountedCards) -> tuple[Mapping[str, float], Mapping[str, float]]:
    return cards.free.total, cards.free.most_on_a_node


@pytest.mark.parametrize(
    ("one", "free"),
    [
        (node(resources={CARD: "8"}, available={CARD: "3"}), {CARD: 3.0}),
        (node(resources={CARD: 8}, available={"huawei.com/ascend-snt9": 3}), {CARD: 3.0}),
        (node(available={CARD: "3"}, placement="0000000000000000"), {CARD: 3.0}),
        (node(resources={CARD: "8"}, placement="0000000001000001"), {CARD: 6.0}),
        (node(resources={CARD: "8"}, available={"cpu": "1"}, placement="0000000011111111"), {CARD: 0.0}),
        (node(resources={CARD: "8"}, available={CARD: "8"}, phase="Abnormal"), {CARD: 0.0}),
        (node(resources={CARD: "8"}, available={CARD: "8"}, phase="Available"), {CARD: 8.0}),
        (node(resources={CARD: "8"}), {}),
        (node(resources={CARD: "8"}, placement="xx"), {}),
        (node(resources={CARD: "8"}, placement=""), {}),
        (node(resources={CARD: "8"}, available={"cpu": "10"}), {CARD: 0.0}),
        (node(resources={CARD: "8"}, available={"cpu": "10"}, placement=""), {CARD: 0.0}),
        (node(resources={CARD: "8"}, available={"cpu": "10", CARD: "many"}), {}),
        (node(resources={CARD: "8"}, available={}), {}),
        (
            node(resources={CARD: "8", "nvidia.com/gpu": 8}, available={CARD: 3}),
            {CARD: 3.0, "nvidia.com/gpu": 0.0},
        ),
        (node(resources={"nvidia.com/gpu": "8", CARD: "8"}, placement="0000000000000001"), {}),
        (node(resources={"cpu": "8"}, available={"cpu": "8"}), {}),
        ({"metadata": {"name": "n"}, "status": "?"}, {}),
    ],
)
async def test_the_free_cards_of_a_node(one: dict[str, Any], free: dict[str, float]) -> None:
    """What is available, or else not occupied; none where the node takes no jobs; else it is not known."""
    assert cards_of(await counted([one])) == (free, free)


async def test_cards_of_all_answers_are_added_up() -> None:
    """The cursor is followed to its end; the node with most is told apart from all together."""
    pages = [[node(f"n{index}", available={CARD: index})] for index in range(4)]
    assert cards_of(await counted(*pages)) == ({CARD: 6.0}, {CARD: 3.0})


async def test_amounts_in_no_known_form_are_counted() -> None:
    """And the node is left out."""
    cards = await counted([node("a", available={CARD: "many"}), node("b", available={CARD: 2})])
    assert (cards_of(cards), cards.unparsable) == (({CARD: 2.0}, {CARD: 2.0}), {CARD: 1})


async def test_a_cursor_that_leads_in_a_circle_is_an_error() -> None:
    """It is followed no further than the first answer that brings nothing new."""
    asked = []

    async def fetch(cursor: str) -> bytes:
        asked.append(cursor)
        return json.dumps({"metadata": {"continue": "again"}, "items": [node()]}).encode()

    with pytest.raises(BadResponse, match="does not end"):
        await read_free_cards(fetch, pool="pool-a", worker=NoThread(), where="GET x")
    assert asked == ["", "again"]


@pytest.mark.parametrize(
    ("cursors", "asked"),
    [
        (["again"], ["", "again"]),
        (["a", "b", "c", "a"], ["", "a", "b", "c"]),
        (["a", "b", "b"], ["", "a", "b"]),
    ],
    ids=["to itself", "to the begin", "to the last"],
)
async def test_a_cursor_that_leads_back_is_not_followed(cursors: list[str], asked: list[str]) -> None:
    """Even if every answer has new nodes: an answer to the same question has the same cursor."""
    sent = []

    async def fetch(cursor: str) -> bytes:
        sent.append(cursor)
        following = cursors[min(len(sent), len(cursors)) - 1]
        return json.dumps({"metadata": {"continue": following}, "items": [node(f"n{len(sent)}")]}).encode()

    with pytest.raises(EndlessList, match="the cursor leads back"):
        await read_free_cards(fetch, pool="pool-a", worker=NoThread(), where="GET x")
    assert sent == asked


async def test_a_cursor_that_never_ends_costs_a_bounded_number_of_answers() -> None:
    """One new node in each answer, and always another cursor."""
    sent = []

    async def fetch(cursor: str) -> bytes:
        sent.append(cursor)
        more = {"continue": str(len(sent))}
        return json.dumps({"metadata": more, "items": [node(f"n{len(sent)}")]}).encode()

    with pytest.raises(EndlessList, match="does not end after 100 nodes in 100 answers"):
        await read_free_cards(fetch, pool="pool-a", worker=NoThread(), where="GET x")
    assert len(sent) == MAX_ANSWERS


OWNER, SPARE = "os.modelarts.node/elastic.quota", "os.modelarts.node/ha.redundant.enabled"
CABINET = "os.modelarts.node/volcano.scheduler.cabinet-exclusive"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"phase": "Abnormal"}, "abnormal"),
        ({"phase": "Creating"}, "abnormal"),
        ({"drain": "true"}, "draining"),
        ({"taints": [{"effect": "PreferNoSchedule"}, {"effect": "NoSchedule"}]}, "tainted"),
        ({"taints": [{"effect": "NoExecute"}]}, "tainted"),
        ({"labels": {SPARE: "true"}}, "reserved"),
        ({"labels": {OWNER: "pool-b"}}, "reserved"),
        ({"labels": {CABINET: "job-1"}}, "reserved"),
        ({"phase": "Abnormal", "drain": "true"}, "abnormal"),
        ({"labels": {OWNER: "pool-a"}}, None),
        ({"labels": {SPARE: "false", OWNER: "", CABINET: None}, "drain": "false", "taints": "?"}, None),
        ({"labels": [], "taints": [7, {"effect": "PreferNoSchedule"}, {"effect": ["NoSchedule"]}]}, None),
    ],
)  # fmt: skip
async def test_cards_that_cannot_be_had_are_not_free(fields: dict[str, Any], why: str | None) -> None:
    """A node that takes no workloads counts once, and its cards as not free; odd fields say nothing."""
    free = (await counted([node(resources={CARD: 8}, available={CARD: 3}, **fields)])).free
    assert free.total == {CARD: 0.0 if why else 3.0}
    assert {one for one, number in free.unschedulable.items() if number} == ({why} if why else set())
    assert free.by_flavor.keys() == (set() if why else {("8snt9", CARD)})


async def test_free_cards_are_told_by_the_flavor_of_the_node() -> None:
    """How many nodes have how many free, and the size of a node where all have the same."""
    nodes = [node(f"n{index}", resources={CARD: 8}, available={CARD: index % 2 * 4}) for index in range(4)]
    odd = node("odd", resources={CARD: 8}, available={CARD: "many"})
    other = [
        node(f"o{cards}", flavor="two", resources={CARD: cards}, available={CARD: 1}) for cards in (2, 4)
    ]
    free = (await counted([*nodes, odd, *other])).free
    assert free.by_flavor == {
        ("8snt9", CARD): FlavorNodes(8.0, {0.0: 2, 4.0: 2}),
        ("two", CARD): FlavorNodes(0.0, {1.0: 2}),
    }
    assert [free.by_flavor["8snt9", CARD].with_free(cards) for cards in (1.0, 4.0, 5.0)] == [2, 2, 0]


async def test_accelerators_have_the_names_of_requests() -> None:
    """As configured, where nodes and requests have other names for the same cards."""

    async def fetch(_cursor: str) -> bytes:
        return json.dumps({"items": [node(resources={"tnt004": 4}, available={"tnt004": 1})]}).encode()

    names = {"tnt004": "nvidia.com/gpu"}
    cards = await read_free_cards(fetch, pool="p", worker=NoThread(), where="GET x", accelerators=names)
    assert cards.free.total == {"nvidia.com/gpu": 1.0}
