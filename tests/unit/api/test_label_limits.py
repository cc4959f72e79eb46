"""Texts of the cloud as label values: none too long, not too many, and each still tells what it told."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from support.fakes import NoThread

from exporter.api.capacity import decode_runtime_metrics
from exporter.api.label_limits import MAX_LABEL_BYTES, MAX_VALUES_PER_LABEL, ListingLabels, label
from exporter.api.nodes import read_free_cards
from exporter.api.pools import decode_pools
from exporter.api.workloads import Page, decode_page
from exporter.metrics.pool_text import render_pool
from exporter.metrics.summary import Detail, summarise
from exporter.snapshot.pool import Listing, PoolKey, PoolState
from exporter.snapshot.workload import STATUSES, TYPES

NOW = 1_727_260_000.0
ODD = [f"kind-{number:05}" for number in range(10_000)]


def page_of(items: list[dict[str, Any]], labels: ListingLabels | None = None) -> Page:
    body = json.dumps({"kind": "WorkloadList", "items": items}).encode()
    return decode_page(body, where="GET x", now=NOW, labels=labels)


@given(st.text(max_size=600), st.text(max_size=600))
def test_a_cut_label_is_short_stays_the_same_and_stays_apart(one: str, other: str) -> None:
    """At most so many bytes; cut twice is cut once; two texts that differ differ when they are cut."""
    one, other = (text.encode(errors="replace").decode() for text in (one, other))
    assert len(label(one).encode()) <= MAX_LABEL_BYTES
    assert label(label(one)) == label(one)
    assert (label(one) == label(other)) == (one == other)
    assert (label(one) == one) == (len(one.encode()) <= MAX_LABEL_BYTES)


def test_long_uids_that_begin_alike_are_two_workloads() -> None:
    """They are cut with a mark and told apart by a hash of the whole, and every cut is counted."""
    labels = ListingLabels()
    items = [{"uid": "u" * 5000 + end, "userName": "y" * 300, "type": "t" * 300} for end in "ab"]
    first, second = page_of(items, labels).workloads
    assert first.uid != second.uid
    assert "…" in first.uid
    assert max(len(text.encode()) for text in (first.uid, first.user, first.type)) <= MAX_LABEL_BYTES
    assert labels.limited == {"length": 6, "kinds": 0}


def test_ten_thousand_kinds_become_a_few_and_the_sums_stay_right() -> None:
    """The first kinds are shown, all further ones count as other; documented ones always as themselves."""
    labels = ListingLabels()
    items = [
        {"uid": odd, "type": odd, "status": odd, "priority": odd, "resourceRequirement": {"cpu": 1, odd: 2}}
        for odd in ODD
    ]
    items.append({"uid": "last", "type": TYPES[0], "status": STATUSES[0]})
    workloads = tuple(
        one
        for start in range(0, len(items), 500)
        for one in page_of(items[start : start + 500], labels).workloads
    )
    listing = Listing(workloads, limited=labels.limited)
    summary = summarise(listing, Detail("none", 0))
    assert sum(summary.workloads.values()) == len(items)
    assert sum(summary.accelerators.values()) == 2 * len(ODD)
    assert summary.workloads[TYPES[0], STATUSES[0]] == 1
    assert len({kind for kind, _ in summary.workloads}) == len(TYPES) + MAX_VALUES_PER_LABEL + 1
    assert summary.limited["kinds"] == 4 * (len(ODD) - MAX_VALUES_PER_LABEL)
    rendered = render_pool(PoolState(PoolKey("r", "p", "pool-a"), listing=listing), Detail("none", 0))
    lines = sum(
        chunk.plain.count(b"\n") for chunks in rendered.parts["listing"].chunks.values() for chunk in chunks
    )
    assert lines < 3000


def test_the_kinds_of_a_first_page_stay_the_same_over_pages() -> None:
    """What got in first keeps its name; so the same poll after poll, for a listing begins with the oldest."""
    labels = ListingLabels()
    page_of([{"uid": odd, "status": odd} for odd in ODD[:MAX_VALUES_PER_LABEL]], labels)
    [late, early] = page_of([{"uid": "a", "status": "new"}, {"uid": "b", "status": ODD[0]}], labels).workloads
    assert (late.status, early.status) == ("other", ODD[0])


def test_what_counts_as_other_is_not_known_to_fit() -> None:
    """Two accelerators that are both called other need not be the same card."""
    cards = [
        page_of([{"uid": "u", "resourceRequirement": dict.fromkeys(ODD[:count], 1)}]) for count in (3, 99)
    ]
    assert [page.workloads[0].sized for page in cards] == [True, False]


def test_a_request_that_is_too_long_to_be_one_is_in_no_known_form() -> None:
    """The workload counts all the same."""
    page = page_of([{"uid": "u", "resourceRequirement": dict.fromkeys(ODD, 1)}])
    assert (page.workloads[0].accelerators, dict(page.unparsable)) == ((), {"u": ("other",)})


async def test_what_a_pool_has_is_bounded_too() -> None:
    """Accelerators of capacities and nodes, flavors of nodes: a few by name, the rest together."""
    table = {"value": dict.fromkeys(ODD, 2)}
    pool = {"metadata": {"name": "p"}, "table": {"capacity": table, "allocated": table}}
    capacity = decode_runtime_metrics(json.dumps({"items": [pool]}).encode(), where="GET x").capacities["p"]
    assert len(capacity.total.accelerators) == MAX_VALUES_PER_LABEL + 1
    assert sum(cards for _, cards in capacity.total.accelerators) == 2 * len(ODD)
    assert set(capacity.free.values()) == {0.0}

    node = {"metadata": {"name": "n"}, "status": {"availableResources": dict.fromkeys(ODD, 2)}}

    async def fetch(_: str) -> bytes:
        return json.dumps({"items": [node]}).encode()

    free = (await read_free_cards(fetch, pool="pool-a", worker=NoThread(), where="GET x")).free
    assert len(free.total) == MAX_VALUES_PER_LABEL + 1
    assert sum(free.total.values()) == 2 * len(ODD)
    assert set(free.most_on_a_node.values()) == {2.0}

    groups = [{"flavor": odd, "count": 1} for odd in ODD]
    named = {"labels": {"os.modelarts/name": "n" * 999}, "name": "p"}
    body = json.dumps({"items": [{"metadata": named, "status": {"resources": {"available": groups}}}]})
    entry = decode_pools(body.encode(), where="GET x").pools["p"]
    assert len(entry.name.encode()) <= MAX_LABEL_BYTES
    assert len({flavor for flavor, _ in entry.nodes}) == MAX_VALUES_PER_LABEL + 1
    assert sum(entry.nodes.values()) == len(ODD)
