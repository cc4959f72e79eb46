"""Polls one pool: the listing or the error becomes the pool's new state."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import structlog

from exporter.common.clock import wall_and_monotonic
from exporter.common.errors import NotFound, PollError
from exporter.common.suggest import similar
from exporter.common.text import escape_unprintable
from exporter.snapshot.pool import PoolState
from exporter.waiting.room import cards_per_node

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Mapping

    from exporter.common.errors import Outcome
    from exporter.context import Context
    from exporter.lifecycle.tracker import Tracker
    from exporter.polling.publish import Publisher
    from exporter.polling.schedule import IntervalMonitor, Schedule
    from exporter.snapshot.counters import Throughput
    from exporter.snapshot.pool import Listing, PoolKey

_SUGGESTIONS = 3
"""Pool names that are suggested at most."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolPoller:
    """Polls one pool.

    Attributes:
        key: the pool.
        read: reads its listing, or raises a PollError.
        names: returns the display names of the project's pools by ID, as far as known.
        context: clock, worker, self metrics, snapshot store and random generator.
        publisher: publishes the pools' states.
        tracker: compares its listings.
        stale_after: seconds that a listing may be shown after the last success.
        estimates: whether to estimate when waiting workloads start.
        under_way: limits the polls of the project that are under way at the same time.
    """

    key: PoolKey
    read: Callable[[], Awaitable[Listing]]
    names: Callable[[], Mapping[str, str]]
    context: Context
    publisher: Publisher
    tracker: Tracker
    stale_after: float
    estimates: bool
    under_way: asyncio.Semaphore

    def register(self) -> None:
        """Put the pool into the store before its first poll."""
        if self.key not in self.context.store.states:
            name, throughput = self.names().get(self.key.pool), self.tracker.throughput(self.key)
            self.context.store.publish(PoolState(self.key, name=name, throughput=throughput))

    async def run(self, schedule: Schedule, monitor: IntervalMonitor) -> None:
        """Poll forever on schedule. The monitor gets the time between two successful polls."""
        before = self.context.store.states[self.key]
        if before.attempted_at is not None:
            # Polled before a reload: a reload does not make a pool due.
            elapsed = self.context.clock.monotonic() - before.attempted_at
            await self.context.clock.sleep(max(0.0, schedule.interval - elapsed))
        last: float | None = None
        while True:
            async with self.under_way:
                state = await self.poll()
            succeeded = self.context.clock.monotonic() if state.up else None
            if succeeded is not None and last is not None:
                monitor.observe(succeeded - last)
            last = succeeded
            await self.context.clock.sleep(schedule.wait(self.context.clock.monotonic()))

    async def poll(self) -> PoolState:
        """Poll the pool once, publish its new state, and return it."""
        self.register()
        last = self.context.store.states[self.key]
        started = self.context.clock.monotonic()
        listing, outcome, explanation = await self._read()
        throughput = None
        if listing is not None:
            wall, monotonic = wall_and_monotonic(self.context.clock)
            listing, throughput = await self.tracker.record(
                self.key,
                listing,
                wall - listing.clock_ahead,
                monotonic=monotonic,
                estimates=self.estimates,
                node_cards=cards_per_node(last, monotonic),
            )
        self.context.self_metrics.poll_duration.observe(self.context.clock.monotonic() - started)
        change = partial(self._new_state, started, outcome, explanation, listing, throughput)
        state = await self.publisher.publish(self.key, change)
        log.debug(
            "pool was polled", **self.key._asdict(), outcome=outcome, seconds=round(state.duration or 0, 3)
        )
        self._report(last, state)
        if listing is not None:
            self._report_limits(last.listing, listing)
        return state

    def _new_state(
        self,
        started: float,
        outcome: Outcome,
        explanation: str,
        listing: Listing | None,
        throughput: Throughput | None,
        before: PoolState,
    ) -> PoolState:
        """The state after this poll. `before` also has what others published during the poll."""
        wall, now = wall_and_monotonic(self.context.clock)
        state = replace(
            before,
            name=self.names().get(self.key.pool, before.name),
            outcome=outcome,
            explanation=explanation,
            attempted_at=now,
            duration=now - started,
            polls=before.counted(outcome),
        )
        if listing is not None:
            state = replace(
                state,
                succeeded_at=wall - listing.clock_ahead,
                listing=listing,
                read_at=now,
                fresh_until=now + self.stale_after,
                throughput=throughput,
            )
        return state

    async def _read(self) -> tuple[Listing | None, Outcome, str]:
        try:
            listing = await self.read()
        except PollError as error:
            return None, error.outcome, self._explained(error)
        return listing, "ok" if listing.complete else "incomplete", listing.shortfall

    def _explained(self, error: PollError) -> str:
        # Only a 404 of ModelArts itself is about the pool. A 404 of a gateway is about the endpoint.
        missing = isinstance(error, NotFound) and error.code.startswith("ModelArts.")
        if missing and (suggestions := similar_pools(self.key.pool, self.names())):
            return f"{error.explanation}; did you mean {suggestions}?"
        return error.explanation

    def _report(self, before: PoolState, after: PoolState) -> None:
        """Log once when the outcome changes."""
        if before.outcome == after.outcome:
            return
        report = log.bind(**self.key._asdict(), outcome=after.outcome)
        if after.outcome == "ok":
            report.info("pool is read", workloads=len(after.listing.workloads) if after.listing else None)
        elif after.outcome == "incomplete":
            report.warning("pool is read, but its listing is incomplete", reason=after.explanation)
        else:
            report.error("pool cannot be read", reason=after.explanation)

    def _report_limits(self, before: Listing | None, after: Listing) -> None:
        """Log once when the API begins to send label values that cannot be shown as they are."""
        limited, was = any(after.limited.values()), before is not None and any(before.limited.values())
        if limited and not was:
            log.warning(
                "some label values are too long or too many; they are cut, or counted as other",
                **self.key._asdict(),
                too_long=after.limited.get("length"),
                too_many=after.limited.get("kinds"),
            )


def similar_pools(pool: str, names: Mapping[str, str]) -> str:
    """Pools with an ID or display name like this one, as text; empty if there are none.

    Args:
        pool: the configured ID, which may be a display name or mistyped.
        names: display names by ID. If the pool is among them, it existed until now and is not mistyped.
    """
    if pool in names:
        return ""
    ids = {name.casefold(): other for other, name in names.items()} | {other: other for other in names}
    matches = similar(pool.casefold(), ids, limit=_SUGGESTIONS, cutoff=0.7)
    close = dict.fromkeys(ids[match] for match in matches)
    return " or ".join(
        f"{other} ({escape_unprintable(names[other])})" if names[other] != other else other for other in close
    )
