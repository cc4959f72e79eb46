"""Nodes of a pool: which cards are free, and what is left open where a node does not tell."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.fakes import NoThread

from exporter.api.nodes import MAX_ANSWERS, CountedCards, read_free_cards
from exporter.common.errors import BadResponse, EndlessList
from exporter.snapshot.resources import FreeCards

CARD = "huawei.com/ascend-1980"


def node(
    name: str = "n", *, placement: Any = None, resources: Any = None, available: Any = None, phase: Any = ...
) -> dict[str, Any]:
    status = {"resources": resources, "availableResources": available}
    return {
        "metadata": {"name": name, "annotations": {"os.modelarts/npu-topology-placement": placement}},
        "status": status if phase is ... else {**status, "phase": phase},
    }


async def counted(*pages: list[dict[str, Any]]) -> CountedCards:
    """What is found when each answer leads to the next."""

    async def fetch(cursor: str) -> bytes:
        index = int(cursor or 0)
        more = {"continue": str(index + 1)} if index + 1 < len(pages) else {}
        return json.dumps({"kind": "NodeList", "metadata": more, "items": pages[index]}).encode()

    return await read_free_cards(fetch, worker=NoThread(), where="GET x")


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
    assert (await counted([one])).free == FreeCards(free, free)


async def test_cards_of_all_answers_are_added_up() -> None:
    """The cursor is followed to its end; the node with most is told apart from all together."""
    pages = [[node(f"n{index}", available={CARD: index})] for index in range(4)]
    assert (await counted(*pages)).free == FreeCards({CARD: 6.0}, {CARD: 3.0})


async def test_amounts_in_no_known_form_are_counted() -> None:
    """And the node is left out."""
    cards = await counted([node("a", available={CARD: "many"}), node("b", available={CARD: 2})])
    assert cards == CountedCards(FreeCards({CARD: 2.0}, {CARD: 2.0}), {CARD: 1})


async def test_a_cursor_that_leads_in_a_circle_is_an_error() -> None:
    """It is followed no further than the first answer that brings nothing new."""
    asked = []

    async def fetch(cursor: str) -> bytes:
        asked.append(cursor)
        return json.dumps({"metadata": {"continue": "again"}, "items": [node()]}).encode()

    with pytest.raises(BadResponse, match="does not end"):
        await read_free_cards(fetch, worker=NoThread(), where="GET x")
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
        await read_free_cards(fetch, worker=NoThread(), where="GET x")
    assert sent == asked


async def test_a_cursor_that_never_ends_costs_a_bounded_number_of_answers() -> None:
    """One new node in each answer, and always another cursor."""
    sent = []

    async def fetch(cursor: str) -> bytes:
        sent.append(cursor)
        more = {"continue": str(len(sent))}
        return json.dumps({"metadata": more, "items": [node(f"n{len(sent)}")]}).encode()

    with pytest.raises(EndlessList, match="does not end after 100 nodes in 100 answers"):
        await read_free_cards(fetch, worker=NoThread(), where="GET x")
    assert len(sent) == MAX_ANSWERS
