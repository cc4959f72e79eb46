"""Compares a listing with the cloud's own counts of the pool's workloads.

A listing proves that its pages join (see `exporter.api.pagination`). The proof relies on two things that the
API does not promise: `offset` counts items, and a page has the requested length. A count needs neither. There
are two:

- The runtime metrics have a count of every pool, in a request that is sent for the capacities anyway. But
  the cloud averages over a minute, so the count may describe a moment a minute before the request. It is
  enough to doubt a listing.
- The statistics count at the moment of their request, which costs one request for each pool. They are asked
  for where the runtime metrics have no count, and where their count has put listings in doubt.

Count and listing are not of the same moment, so they may differ in a healthy pool. Suppose that a workload
was counted as unfinished, and is not listed as unfinished. If nothing is missing, it has ended in between.
Then it was unfinished in the last listing before the count, or it appeared after that listing. So subtract
the workloads that ended or appeared between that listing and this one: what remains existed and was not read.

A workload that appears and is deleted between two listings is in neither, so one difference proves nothing.
It has to occur twice in a row. That is not enough for the runtime metrics: jobs of a few seconds that are
started once a minute could always be counted, and never be listed. The statistics are counted just before
the listing is read, where they hardly differ. So only the statistics call a listing short.

Finished workloads are left out, because it is not known how long they stay listed, and whether they are
counted. Types are ignored in the statistics, which document fewer types than the listing. Of the runtime
metrics only the documented types are compared: they also count tasks that no listing has.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeVar

import structlog

from exporter.api.schema import PAGE_LIMIT
from exporter.common.errors import PollError
from exporter.polling.memory import CheckRecord
from exporter.snapshot.workload import FINISHED, TYPES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from concurrent.futures import Executor

    from exporter.common.clock import Clock
    from exporter.snapshot.pool import CloudCount, CountedWorkloads, Listing, PoolKey

log = structlog.get_logger(__name__)

Compared = TypeVar("Compared")

When = Literal["paged", "always"]
CrossCheck = Literal["off"] | When
"""Where the runtime metrics have no count: which listings the statistics check. `paged`, the default: if the
previous listing had more than one page.

A listing of one page has no pages to join. A listing of several pages relies on what is not promised, and the
check adds only one request to several. `always` also finds a cloud that cuts its pages short and gives no
total. It doubles the requests for a pool of one page.
"""

POLLS_SKIPPED = 10
"""Polls without a check after failed statistics. The listing waits for them, so do not try each time."""

AVERAGED = 60.0
"""Seconds over which the cloud averages its runtime metrics."""

USABLE = 300.0
"""Seconds after its request for which a count of the runtime metrics is used. Too much changes meanwhile."""

DOUBTS = 2
"""Counts in a row that are higher than the listing, from which on the statistics are asked for."""


def changes(previous: Listing, listing: Listing) -> int:
    """How many workloads have appeared, ended, started, or wait again, between two listings.

    Each of them may be in one more of the cloud's counts than in the later listing: queue and allocated may
    be averages, or of two moments.
    """
    before = {workload.uid: workload for workload in previous.workloads}
    active = {workload.uid for workload in listing.workloads if workload.active}
    ended = sum(workload.active and uid not in active for uid, workload in before.items())
    return ended + sum(
        workload.uid not in before or (workload.active and before[workload.uid].waiting != workload.waiting)
        for workload in listing.workloads
    )


def missing(counts: Mapping[tuple[str, str], int], changed: int, listing: Listing) -> int:
    """How many workloads certainly existed and were not read.

    Args:
        counts: the statistics by (type, status), taken after the listing before this one.
        changed: see `changes`, since that listing.
        listing: the one that is checked.
    """
    counted = sum(count for (_, status), count in counts.items() if status not in FINISHED)
    return max(0, counted - sum(workload.active for workload in listing.workloads) - changed)


def doubtful(counts: CountedWorkloads, changed: int, listing: Listing) -> bool:
    """Whether the runtime metrics count more workloads than can be explained.

    Args:
        counts: by (type, state).
        changed: see `changes`, since the last listing before the moment that the count describes.
        listing: the one that is checked.
    """
    states = {state for _, state in counts}
    counted = sum(count for (kind, _), count in counts.items() if kind in TYPES)
    listed = sum(workload.active and workload.type in TYPES for workload in listing.workloads)
    return states == {"queue", "allocated"} and counted > listed + changed


@dataclass(slots=True, kw_only=True)
class CheckedReader:
    """Reads one pool's listing, and marks it as incomplete if the cloud counts more workloads.

    Attributes:
        key: the pool.
        listing: reads the listing.
        counts: reads the statistics; returns None if the answer has no counts.
        cloud_count: returns the count of the runtime metrics; None if there is none.
        previous: returns the listing before; None if there is none.
        clock: measures how old a count is.
        when: which listings the statistics check.
        worker: compares off the event loop, because 10,000 workloads take 20 ms.
        record: what earlier checks have shown, also before a reload.
    """

    key: PoolKey
    listing: Callable[[], Awaitable[Listing]]
    counts: Callable[[], Awaitable[Mapping[tuple[str, str], int] | None]]
    cloud_count: Callable[[], CloudCount | None]
    previous: Callable[[], Listing | None]
    clock: Clock
    when: When
    worker: Executor
    record: CheckRecord = field(default_factory=CheckRecord)

    async def read(self) -> Listing:
        """Read the listing.

        Raises:
            PollError: the listing could not be read. If only the statistics fail, they check nothing.
        """
        previous, cloud_count = self.previous(), self._usable_count()
        counts = None
        if previous is not None and self._wanted(previous, cloud_count):
            counts = await self._counts()
        listing = await self.listing()
        if counts is None:
            self.record.was_short = False
        if previous is None or (counts is None and cloud_count is None):
            self._begin_anew()
            return listing
        changed = await self._on_worker(partial(changes, previous, listing))
        await self._compare(cloud_count, changed, listing)
        if counts is None:
            return listing
        short = await self._on_worker(partial(missing, counts, changed, listing))
        twice, self.record.was_short = self.record.was_short and short > 0, short > 0
        if not twice or not listing.complete:
            return listing
        return replace(
            listing,
            complete=False,
            shortfall=f"the cloud counts {short} more unfinished workloads than it lists, twice in a row",
        )

    def _usable_count(self) -> CloudCount | None:
        count = self.cloud_count()
        return count if count and self.clock.monotonic() - count.asked_at < USABLE else None

    def _wanted(self, previous: Listing, cloud_count: CloudCount | None) -> bool:
        """Whether to ask for the statistics."""
        if cloud_count is not None:
            return self.record.doubts >= DOUBTS
        return self.when == "always" or len(previous.workloads) > PAGE_LIMIT

    def _begin_anew(self) -> None:
        """Nothing is known of what happened before the listing that has just been read."""
        self.record.changes.clear()
        self.record.changes.append((self.clock.monotonic(), 0))
        self.record.doubts, self.record.doubted_at = 0, None

    async def _compare(self, cloud_count: CloudCount | None, changed: int, listing: Listing) -> None:
        """Hold the listing against the runtime metrics."""
        record, now = self.record, self.clock.monotonic()
        record.changes.append((now, changed))
        while len(record.changes) > 1 and record.changes[1][0] <= now - USABLE - AVERAGED:
            record.changes.popleft()
        doubted = False
        if cloud_count is not None and listing.complete:
            earliest = cloud_count.asked_at - AVERAGED
            if record.changes[0][0] > earliest:
                return  # there may be no listing from before the moment that the count describes
            since = sum(number for moment, number in record.changes if moment > earliest)
            doubted = await self._on_worker(partial(doubtful, cloud_count.workloads, since, listing))
        if cloud_count is None or not doubted:
            record.doubts, record.doubted_at = 0, None
        elif cloud_count.asked_at != record.doubted_at:
            record.doubts, record.doubted_at = record.doubts + 1, cloud_count.asked_at

    async def _on_worker(self, work: Callable[[], Compared]) -> Compared:
        return await asyncio.get_running_loop().run_in_executor(self.worker, work)

    async def _counts(self) -> Mapping[tuple[str, str], int] | None:
        if self.record.skip:
            self.record.skip -= 1
            return None
        report = log.bind(**self.key._asdict())
        try:
            counts = await self.counts()
        except PollError as error:
            if not self.record.failing:
                report.warning(
                    "the cloud's own count cannot be read; listings are not checked", reason=str(error)
                )
            self.record.failing, self.record.skip = True, POLLS_SKIPPED
            return None
        if self.record.failing:
            report.info("listings are checked against the cloud's own count again")
        self.record.failing = False
        return counts
