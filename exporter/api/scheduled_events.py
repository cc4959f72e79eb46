"""Decodes the scheduled events of a pool: reboots, redeployments and repairs of its nodes.

Source: Huawei's SDK 3.1.219 (ListScheduledEvents). `notBefore` is when an event is planned to begin,
`startTime` when it begins. Nothing else is documented of their meaning. So the first that is there counts.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from exporter.api.json import decode, json_object
from exporter.api.label_limits import LabelValues
from exporter.api.schema import EVENTS_LIMIT, WireEvents
from exporter.common.errors import EndlessList
from exporter.snapshot.events import AHEAD, EVENT_STATES, EVENT_TYPES, ScheduledEvents
from exporter.snapshot.workload import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from concurrent.futures import Executor

MAX_ANSWERS = 20
"""Of one pool: 2,000 events."""


async def read_scheduled_events(
    fetch: Callable[[int], Awaitable[bytes]], *, pool: str, worker: Executor, where: str
) -> ScheduledEvents:
    """Read all scheduled events of a pool, page by page.

    Args:
        fetch: returns the answer at an offset.
        pool: the pool's ID. Events that name another pool are left out.
        worker: decodes answers off the event loop.
        where: the request, for the error.

    Raises:
        PollError: a request failed.
        BadResponse: an answer is not a list of events.
        EndlessList: there are too many, or a full page has nothing new.
    """
    loop, events, offset = asyncio.get_running_loop(), _Events(pool), 0
    for _ in range(MAX_ANSWERS):
        before = len(events.seen)
        number = await loop.run_in_executor(worker, events.take, await fetch(offset), where)
        if number < EVENTS_LIMIT:
            return events.counted()
        if len(events.seen) == before:
            break
        offset += number
    raise EndlessList(
        f"the list of scheduled events does not end after {len(events.seen):,} events",
        where=where,
        status=HTTPStatus.OK,
        advice="check that the endpoint is ModelArts, and that no proxy changes its answers; "
        "this pool's events are not asked for again within an hour",
    )


@dataclass(slots=True)
class _Events:
    """The events read so far.

    Attributes:
        pool: the pool's ID.
        seen: by ID, type, state and start: pages may overlap when events come or go meanwhile.
    """

    pool: str
    seen: set[tuple[str, str, str, str]] = field(default_factory=set)
    _types: LabelValues = field(default_factory=lambda: LabelValues((*EVENT_TYPES, UNKNOWN)))
    _states: LabelValues = field(default_factory=lambda: LabelValues((*EVENT_STATES, UNKNOWN)))
    _counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    _next: float | None = None

    def take(self, body: bytes, where: str) -> int:
        """Count the new events of an answer; returns how many events it has, new or not."""
        page = decode(body, WireEvents, what="a list of scheduled events", where=where).events or []
        for raw in page[:EVENTS_LIMIT]:
            self._add(json_object(raw))
        return len(page)

    def counted(self) -> ScheduledEvents:
        """What was counted."""
        zeros = {(kind, state): 0 for kind in EVENT_TYPES for state in (*AHEAD, "executing")}
        return ScheduledEvents(zeros | self._counts, self._next)

    def _add(self, event: Mapping[str, Any]) -> None:
        start = _text(event, "notBefore") or _text(event, "startTime")
        key = _text(event, "id"), _text(event, "type"), _text(event, "state"), start
        if not any(key) or key in self.seen or _text(event, "poolName") not in {"", self.pool}:
            return
        self.seen.add(key)
        _, kind, state, _ = key
        self._counts[self._types[kind or UNKNOWN], self._states[state or UNKNOWN]] += 1
        if state in AHEAD and (begins := _moment(start)) is not None:
            self._next = begins if self._next is None else min(self._next, begins)


def _text(event: Mapping[str, Any], name: str) -> str:
    value = event.get(name)
    return value if isinstance(value, str) else ""


def _moment(text: str) -> float | None:
    """Unix time of `2025-09-15T07:02:30Z`; None if it is no time."""
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
