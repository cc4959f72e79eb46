"""Target: lists of pools, their metrics, nodes and events, and statistics."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from math import isclose, isfinite
from typing import TYPE_CHECKING, Any

from support.fakes import NoThread

from exporter.api.capacity import decode_runtime_metrics
from exporter.api.nodes import read_free_cards
from exporter.api.pools import decode_pools
from exporter.api.scheduled_events import read_scheduled_events
from exporter.api.statistics import decode_statistics
from exporter.common.errors import BadResponse, EndlessList
from tools.fuzz import reference

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from fractions import Fraction

FEW = 20
"""As many undocumented names of a pool are shown as they are."""


def lists(data: bytes) -> None:
    """Understood, with finite amounts, or a BadResponse; each value is what the plain reference reads."""
    for decode in (_catalogue, _capacities, _nodes, _statistics, _events):
        with suppress(BadResponse, EndlessList):
            decode(data)


def _catalogue(data: bytes) -> None:
    pools, items = decode_pools(data, where="pools").pools, _items(data)
    for pool, entry in pools.items():
        assert pool
        assert entry.name
        _finite(entry.nodes.values())
        if (status := _table(items, pool, "status")) is None:
            continue
        expected = reference.counted_nodes(status.get("resources"))
        if _plain({flavor for flavor, _ in expected}):
            assert entry.nodes == expected


def _capacities(data: bytes) -> None:
    pools, items = decode_runtime_metrics(data, where="capacities").capacities, _items(data)
    for pool, capacity in pools.items():
        total, held = capacity.total.known, capacity.allocated.known
        for amounts in (total, held, capacity.free):
            _finite(amounts.values())
        if (table := _table(items, pool, "table")) is None:
            continue
        expected, _ = reference.requested(table["capacity"]["value"])
        match table.get("allocated"):
            case {"value": dict(value)}:
                given, whole = reference.requested(value)
            case _:
                given, whole = {}, False
        if not _plain({*expected, *given}):
            continue
        _equal(total, expected)
        _equal({name: held[name] for name in held if name in given}, given)
        filled = held.keys() - given.keys()
        assert filled == expected.keys() - given.keys() if whole else filled <= expected.keys()
        assert not any(held[name] for name in filled)


def _nodes(data: bytes) -> None:
    async def fetch(_cursor: str) -> bytes:
        return data

    free = asyncio.run(read_free_cards(fetch, pool="pool-a", worker=NoThread(), where="nodes")).free
    items = _items(data)
    _finite(free.total.values())
    _finite(free.most_on_a_node.values())
    # Bytes that are not UTF-8 cost only the part that has them. Python's json reads nothing then.
    if not items or any(item is None for item in items.values()):
        return
    cards = [reference.free_cards(item) for item in items.values()]
    names = {name for one in cards for name in one}
    if _plain(names):
        _equal(free.total, {name: sum(one.get(name, 0) for one in cards) for name in names})
        _equal(free.most_on_a_node, {name: max(one.get(name, 0) for one in cards) for name in names})


def _statistics(data: bytes) -> None:
    counts = decode_statistics(data, where="statistics")
    _finite((counts or {}).values())
    try:
        answer = reference.parsed(data)
    except (ValueError, ArithmeticError, RecursionError):
        return
    items = (answer.get("statistics") or answer.get("statics")).get("items")
    if items is None or any(item.get("status") is None for item in items):
        assert counts is None
        return
    expected: dict[tuple[str, str], int] = {}
    for item in items:
        given = {status: int(count) for status, count in item["status"].items() if count is not None}
        expected |= {(item["type"], status): count for status, count in given.items() if count}
    assert counts == expected


def _events(data: bytes) -> None:
    async def fetch(_: int) -> bytes:
        return data

    events = asyncio.run(read_scheduled_events(fetch, pool="pool", worker=NoThread(), where="events"))
    _finite(events.counts.values())
    _finite([] if events.next_start is None else [events.next_start])
    try:
        given = reference.parsed(data)["events"] or []
    except (ValueError, ArithmeticError, RecursionError):
        return
    assert sum(events.counts.values()) <= len(given)


def _items(data: bytes) -> dict[str, Any]:
    """What Python's json reads, by name; None for a name that comes twice. Empty where it reads nothing."""
    try:
        items = reference.parsed(data)["items"]
    except (ValueError, ArithmeticError, RecursionError):
        return {}
    found: dict[str, Any] = {}
    for item in items:
        metadata = item.get("metadata") if isinstance(item, dict) else None
        name = metadata.get("name") if isinstance(metadata, dict) else None
        if isinstance(name, str) and reference.is_name(name):
            found[name] = None if name in found else item
    return found


def _table(items: Mapping[str, Any], pool: str, part: str) -> dict[str, Any] | None:
    table = (items.get(pool) or {}).get(part)
    return table if isinstance(table, dict) else None


def _plain(names: Collection[str]) -> bool:
    return len(names) <= FEW and all(len(name) <= reference.LONGEST for name in names)


def _equal(found: Mapping[str, float], expected: Mapping[str, Fraction | int]) -> None:
    assert found.keys() == expected.keys()
    assert all(isclose(found[name], float(value), rel_tol=1e-9) for name, value in expected.items())


def _finite(numbers: Iterable[float]) -> None:
    assert all(isfinite(number) and number >= 0 for number in numbers)
