"""Answers without end or reason: each costs little, and says that it is not to be believed."""

from __future__ import annotations

import json
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from support.fakes import NoThread

from exporter.api.capacity import decode_runtime_metrics
from exporter.api.errors import error_for
from exporter.api.json import MAX_ITEMS, MAX_VALUES
from exporter.api.nodes import MAX_NODES, read_free_cards
from exporter.api.pagination import MOST_PAGES, MOST_WORKLOADS, read_listing
from exporter.api.pools import decode_pools
from exporter.api.statistics import decode_statistics
from exporter.api.workloads import Page, decode_page
from exporter.common.errors import BadResponse
from exporter.snapshot.workload import Workload
from exporter.transport.http import Response

if TYPE_CHECKING:
    from collections.abc import Callable

DEEP = 200_000

DECODERS: dict[str, Callable[[bytes], Any]] = {
    "listing": lambda body: decode_page(body, where="GET x", now=0.0),
    "pools": lambda body: decode_pools(body, where="GET x"),
    "runtime": lambda body: decode_runtime_metrics(body, where="GET x"),
    "statistics": lambda body: decode_statistics(body, where="GET x"),
}


@pytest.mark.parametrize("decode", DECODERS.values(), ids=DECODERS)
@pytest.mark.parametrize(
    "body",
    [
        b"[" * DEEP + b"]" * DEEP,
        b'{"kind": "WorkloadList", "items": ' + b"[" * DEEP + b"]" * DEEP + b"}",
        b'{"kind": "WorkloadList", "items": [{"metadata": {"name": "p"}, "x": ' + b'{"a":' * DEEP + b"1",
        b'{"kind": "WorkloadList", "items": [' + b"{}," * (MAX_VALUES // 2) + b"{}]}",
        b'{"items": [], "kind": "WorkloadList", "x": [' + b"1," * MAX_VALUES + b"1]}",
        b'{"kind": "WorkloadList", "items": []} {}',
        b'{"kind": "WorkloadList", "items": []}garbage',
        b'\xef\xbb\xbf{"kind": "WorkloadList", "items": []}',
        '{"kind": "WorkloadList", "items": []}'.encode("utf-16"),
        b"\xff\xfe",
        b"\x00" * 1000,
    ],
    ids=[
        *("arrays", "arrays as items", "objects in an item", "million objects", "million numbers"),
        *("two documents", "garbage behind", "byte order mark", "utf-16", "no utf-8", "nul"),
    ],
)
def test_a_body_that_is_no_answer_is_a_bad_response(decode: Callable[[bytes], Any], body: bytes) -> None:
    """Whatever was asked: nested to the stack's end, more than memory bears, or not one JSON in UTF-8."""
    with pytest.raises(BadResponse):
        decode(body)


@pytest.mark.parametrize("which", ["pools", "runtime"])
def test_more_pools_than_anybody_has_are_a_bad_response(which: str) -> None:
    """What was watched before goes on; the alternative is a loop for each of them."""
    for number, bad in ((MAX_ITEMS, False), (MAX_ITEMS + 1, True)):
        items = [{"metadata": {"name": f"pool-{index}"}} for index in range(number)]
        body = json.dumps({"items": items}).encode()
        if bad:
            with pytest.raises(BadResponse, match="10,001 items"):
                DECODERS[which](body)
        else:
            DECODERS[which](body)


@pytest.mark.parametrize("name", ["../../v3/users", "a/b", "a b", "", "é", "x" * 254, "a\n", "-a", "a%2F"])
def test_a_name_that_is_none_is_left_out(name: str) -> None:
    """It would become a part of addresses that are signed; the pools beside it are there."""
    items = [{"metadata": {"name": one}} for one in (name, "pool-good")]
    assert [*decode_pools(json.dumps({"items": items}).encode(), where="GET x").pools] == ["pool-good"]


def test_a_part_that_cannot_be_read_costs_no_pool_its_place() -> None:
    """A pool with 1e400 nodes is still a pool: discovery goes on to watch it."""
    body = b'{"items": [{"metadata": {"name": "p", "labels": 7}, "spec": [], "status": {"phase": 1e400}}]}'
    entry = decode_pools(body, where="GET x").pools["p"]
    assert (entry.name, entry.phase, dict(entry.nodes)) == ("p", "", {})


def page(start: int, size: int, total: int | None = None) -> Page:
    workloads = tuple(Workload(uid=f"u{index}", created=float(index)) for index in range(start, start + size))
    return Page(workloads, size, total, created=tuple(one.created for one in workloads))


@pytest.mark.parametrize("size", [3, 20_000], ids=["many short pages", "many workloads"])
async def test_a_listing_without_end_ends(size: int) -> None:
    """With what was read, and as one that is known to be short."""
    asked: list[int] = []

    async def fetch(offset: int) -> Page:
        asked.append(offset)
        return page(offset, size, 10**12)

    listing = await read_listing(fetch, limit=size)
    assert not listing.complete
    assert "the list still goes on" in listing.shortfall
    assert len(asked) <= MOST_PAGES
    assert len(listing.workloads) <= MOST_WORKLOADS + size


async def test_nodes_without_end_are_a_bad_response() -> None:
    """A cursor may lead on to new nodes for ever, or be longer than any address."""
    numbers = count()

    async def fetch(_: str) -> bytes:
        nodes = [{"metadata": {"name": f"n{next(numbers)}"}} for _ in range(5000)]
        return json.dumps({"items": nodes, "metadata": {"continue": "more"}}).encode()

    with pytest.raises(BadResponse, match="does not end"):
        await read_free_cards(fetch, pool="pool-a", worker=NoThread(), where="GET x")
    assert next(numbers) <= MAX_NODES + 5001

    async def far(_: str) -> bytes:
        return json.dumps({"items": [], "metadata": {"continue": "c" * 5000}}).encode()

    with pytest.raises(BadResponse, match="cursor of 5,000"):
        await read_free_cards(far, pool="pool-a", worker=NoThread(), where="GET x")


@pytest.mark.parametrize("body", [b"[" * DEEP, b'{"error_code": "a", "error_msg": "' + b"x" * 2**20 + b'"}'])
def test_a_refusal_in_a_large_or_deep_body_is_a_refusal(body: bytes) -> None:
    """Its status tells enough."""
    error = error_for(Response(403, {}, body), where="GET x", source="s", now=0.0)
    assert (error.outcome, error.what) == ("forbidden", "HTTP 403")


def test_what_the_cloud_says_is_one_short_line() -> None:
    """No line end, escape sequence or right-to-left mark of a refusal reaches a log, a page or a terminal."""
    message = "no\x1b[31m\x00 \u202epool\r\n2026 level=error" + "x" * 9999
    body = json.dumps({"error_code": "A\x07", "error_msg": message}).encode()
    error = error_for(Response(400, {}, body), where="GET x", source="s", now=0.0)
    assert str(error).isprintable()
    assert r"\x1b[31m\x00 \u202epool" in error.explanation
    assert len(error.what) < 500
