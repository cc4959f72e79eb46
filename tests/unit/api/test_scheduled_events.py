"""Scheduled events: pages in, counts and the next start out; nothing odd costs more than itself."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.fakes import NoThread

from exporter.api.scheduled_events import MAX_ANSWERS, read_scheduled_events
from exporter.common.errors import BadResponse, EndlessList
from exporter.snapshot.events import EVENT_TYPES, ScheduledEvents
from exporter.snapshot.workload import OTHER, UNKNOWN

POOL = "pool-a"


def event(number: int = 0, **fields: Any) -> dict[str, Any]:
    """A reboot, as the SDK names its fields."""
    return {
        "id": f"event-{number}",
        "catalog": "hardware",
        "type": "node_reboot",
        "state": "scheduled",
        "nodeName": "os-node-created-00001",
        "poolName": POOL,
        "notBefore": "2025-09-15T07:02:30Z",
        **fields,
    }


async def read(events: list[Any]) -> tuple[ScheduledEvents, list[int]]:
    """What the events give, and the offsets that were asked for."""
    asked: list[int] = []

    async def fetch(offset: int) -> bytes:
        asked.append(offset)
        return json.dumps({"events": events[offset : offset + 100], "count": len(events)}).encode()

    return await read_scheduled_events(fetch, pool=POOL, worker=NoThread(), where="GET x"), asked


def shown(events: ScheduledEvents) -> dict[tuple[str, str], int]:
    return {key: number for key, number in events.counts.items() if number}


async def test_events_are_counted_by_type_and_state() -> None:
    """Documented types have a 0 for what is ahead or under way; what is over is there if it occurs."""
    found, asked = await read([event(0), event(1), event(2, state="completed"), event(3, type="odd")])
    assert shown(found) == {
        ("node_reboot", "scheduled"): 2,
        ("node_reboot", "completed"): 1,
        ("odd", "scheduled"): 1,
    }
    zeros = {(kind, state) for kind in EVENT_TYPES for state in ("inquiring", "scheduled", "executing")}
    assert zeros <= found.counts.keys()
    assert (found.next_start, asked) == (1_757_919_750.0, [0])


@pytest.mark.parametrize(
    ("events", "start"),
    [
        ([], None),
        ([event(notBefore=None, startTime="2025-09-15T07:02:30+00:00")], 1_757_919_750.0),
        ([event(startTime="2025-09-15T06:02:30Z")], 1_757_919_750.0),
        ([event(0), event(1, state="inquiring", notBefore="2025-09-15T06:02:30Z")], 1_757_916_150.0),
        ([event(0), event(1, state="executing", notBefore="2025-09-15T06:02:30Z")], 1_757_919_750.0),
        ([event(notBefore="2025-09-15T07:02:30")], 1_757_919_750.0),
        ([event(notBefore="")], None),
        ([event(notBefore="soon")], None),
        ([event(notBefore=17)], None),
        ([event(state="completed")], None),
    ],
)
async def test_when_the_next_one_begins(events: list[Any], start: float | None) -> None:
    """The earliest of those that have not begun; a time that cannot be read is none."""
    found, _ = await read(events)
    assert found.next_start == start


@pytest.mark.parametrize(
    ("events", "counts"),
    [
        ([None, 7, "x", [], {}], {}),
        ([event(poolName="pool-b")], {}),
        ([event(poolName="")], {("node_reboot", "scheduled"): 1}),
        ([event(), event()], {("node_reboot", "scheduled"): 1}),
        ([event(type=None, state=5)], {(UNKNOWN, UNKNOWN): 1}),
    ],
)
async def test_odd_events(events: list[Any], counts: dict[tuple[str, str], int]) -> None:
    """What is no event, is of another pool or is repeated is left out; a missing word is unknown."""
    found, _ = await read(events)
    assert shown(found) == counts


async def test_invented_types_and_states_are_limited() -> None:
    """Twenty of each are shown, the rest as other; and pages are read to the last."""
    found, asked = await read([event(index, type=f"t{index}", state=f"s{index}") for index in range(250)])
    assert asked == [0, 100, 200]
    assert found.counts[OTHER, OTHER] == 230
    assert len(shown(found)) == 21


@pytest.mark.parametrize("number", [100 * MAX_ANSWERS, 10**4])
async def test_too_many_events(number: int) -> None:
    """A list that does not end is given up."""
    with pytest.raises(EndlessList):
        await read([event(index) for index in range(number)])


async def test_pages_that_repeat_themselves() -> None:
    """An endpoint that ignores the offset is asked twice."""
    asked = []

    async def fetch(offset: int) -> bytes:
        asked.append(offset)
        return json.dumps({"events": [event(index) for index in range(100)]}).encode()

    with pytest.raises(EndlessList):
        await read_scheduled_events(fetch, pool=POOL, worker=NoThread(), where="GET x")
    assert asked == [0, 100]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"events": {}}', b'{"items": []}'])
async def test_what_is_no_list_of_events(body: bytes) -> None:
    """Another answer is refused, and not taken for no events; null is none."""

    async def fetch(_: int) -> bytes:
        return body

    with pytest.raises(BadResponse):
        await read_scheduled_events(fetch, pool=POOL, worker=NoThread(), where="GET x")
    body = b'{"events": null, "count": 0}'
    assert shown(await read_scheduled_events(fetch, pool=POOL, worker=NoThread(), where="GET x")) == {}
