"""One poll of one pool: its listing, or why there is none, becomes the pool's new state."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import structlog

from exporter.common.errors import NotFound, PollError
from exporter.common.suggest import similar
from exporter.common.text import printable
from exporter.polling.publish import published
from exporter.snapshot.pool import PoolState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from exporter.common.errors import Outcome
    from exporter.context import Context
    from exporter.lifecycle.tracker import Tracker
    from exporter.polling.schedule import Pace, Schedule
    from exporter.snapshot.counters import Throughput
    from exporter.snapshot.pool import Listing, PoolKey

_SUGGESTIONS = 3
"""Pool names that are suggested at most."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolPoller:
    """Polls one pool.

    Attributes:
        key: which pool.
        read: brings its listing, or raises a PollError.
        names: gives the display names of the project's pools by ID, as far as known.
        context: clock, worker, self metrics, snapshot store and random generator.
        tracker: compares its listings.
        stale_after: seconds that a listing may be shown after the last success.
        estimates: whether to estimate when waiting workloads start.
    """

    key: PoolKey
    read: Callable[[], Awaitable[Listing]]
    names: Callable[[], Mapping[str, str]]
    context: Context
    tracker: Tracker
    stale_after: float
    estimates: bool

    def watch(self) -> None:
        """Make the pool known before its first poll."""
        if self.key not in self.context.store.states:
            name, throughput = self.names().get(self.key.pool), self.tracker.throughput(self.key)
            self.context.store.publish(PoolState(self.key, name=name, throughput=throughput))

    async def keep_polling(self, schedule: Schedule, pace: Pace) -> None:
        """Poll for ever, at the schedule's moments, and tell how far they were apart."""
        before = self.context.store.states[self.key]
        if before.attempted_at is not None:
            # Watched before a reload: not due again just because the configuration was read.
            elapsed = self.context.clock.monotonic() - before.attempted_at
            await self.context.clock.sleep(max(0.0, schedule.interval - elapsed))
        last: float | None = None
        while True:
            state = await self.poll()
            read = self.context.clock.monotonic() if state.up else None
            if read is not None and last is not None:
                pace.note(read - last)
            last = read
            await self.context.clock.sleep(schedule.wait(self.context.clock.monotonic()))

    async def poll(self) -> PoolState:
        """Read the pool once and publish its new state, which is returned too."""
        self.watch()
        last = self.context.store.states[self.key]
        started = self.context.clock.monotonic()
        listing, outcome, explanation = await self._read()
        throughput = None
        if listing is not None:
            wall = self.context.clock.wall() - listing.clock_ahead
            listing, throughput = await self.tracker.record(
                self.key, listing, wall, moment=self.context.clock.monotonic(), estimates=self.estimates
            )
        self.context.self_metrics.poll_duration.observe(self.context.clock.monotonic() - started)
        ended = partial(self._ended, started, outcome, explanation, listing, throughput)
        state = await published(self.context, self.key, ended)
        self._report(last, state)
        if listing is not None:
            self._report_limits(last.listing, listing)
        return state

    def _ended(
        self,
        started: float,
        outcome: Outcome,
        explanation: str,
        listing: Listing | None,
        throughput: Throughput | None,
        before: PoolState,
    ) -> PoolState:
        """What a poll makes of the state before its end: what others published meanwhile is in there."""
        now = self.context.clock.monotonic()
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
                succeeded_at=self.context.clock.wall() - listing.clock_ahead,
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
        # Only ModelArts itself knows that the pool is missing; a gateway's 404 is about the endpoint.
        missing = isinstance(error, NotFound) and error.code.startswith("ModelArts.")
        if missing and (near := similar_pools(self.key.pool, self.names())):
            return f"{error.explanation}; did you mean {near}?"
        return error.explanation

    def _report(self, before: PoolState, after: PoolState) -> None:
        """One line when a pool changes, none while it stays as it is."""
        if before.outcome == after.outcome:
            return
        report = log.bind(**self.key._asdict(), outcome=after.outcome)
        if after.outcome == "ok":
            report.info("pool is read", workloads=len(after.listing.workloads) if after.listing else None)
        elif after.outcome == "incomplete":
            report.warning("pool is read, but its listing is known to be short", reason=after.explanation)
        else:
            report.error("pool cannot be read", reason=after.explanation)

    def _report_limits(self, before: Listing | None, after: Listing) -> None:
        """One line when the API begins to send label values that cannot be shown as they are."""
        limited, was = any(after.limited.values()), before is not None and any(before.limited.values())
        if limited and not was:
            log.warning(
                "label values are too long or of too many kinds; they are cut, or count as other",
                **self.key._asdict(),
                too_long=after.limited.get("length"),
                too_many=after.limited.get("kinds"),
            )


def similar_pools(pool: str, names: Mapping[str, str]) -> str:
    """Pools whose ID or display name is close to this one, as text; empty where none is.

    Args:
        pool: what was configured, perhaps a display name or a mistyped ID.
        names: display names by ID; where the pool is one of them it is not mistyped, but was there until now.
    """
    if pool in names:
        return ""
    ids = {name.casefold(): other for other, name in names.items()} | {other: other for other in names}
    matches = similar(pool.casefold(), ids, limit=_SUGGESTIONS, cutoff=0.7)
    close = dict.fromkeys(ids[match] for match in matches)
    return " or ".join(
        f"{other} ({printable(names[other])})" if names[other] != other else other for other in close
    )
