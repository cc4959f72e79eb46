"""Compares a listing with the cloud's own count of the pool's workloads.

A listing proves that its pages join (see `exporter.api.pagination`). The proof relies on two things that the
API does not promise: `offset` counts items, and a page has the requested length. The statistics endpoint
needs neither: it counts in one request, without pages.

Count and listing are not of the same moment, so they may differ in a healthy pool. The count is taken first,
then the listing is read. Suppose that a workload was counted as unfinished, and is not listed as unfinished.
If nothing is missing, it has ended in between. Then it was unfinished in the listing before, or it appeared
after that listing. So subtract the workloads that ended or appeared between the two listings: what remains
existed and was not read. A workload that appears and is deleted between two listings is in neither, so one
difference proves nothing. It has to occur twice in a row.

Finished workloads are left out, because it is not known how long they stay listed, and whether the statistics
count them. Types are ignored, because the statistics document fewer types than the listing.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Literal

import structlog

from exporter.api.schema import PAGE_LIMIT
from exporter.common.errors import PollError
from exporter.polling.memory import CheckRecord
from exporter.snapshot.workload import FINISHED

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from concurrent.futures import Executor

    from exporter.snapshot.pool import Listing, PoolKey

log = structlog.get_logger(__name__)

When = Literal["paged", "always"]
CrossCheck = Literal["off"] | When
"""Which listings are checked. `paged`, the default: if the previous listing had more than one page.

A listing of one page has no pages to join. A listing of several pages relies on what is not promised, and the
check adds only one request to several. `always` also finds a cloud that cuts its pages short and gives no
total. It doubles the requests for a pool of one page.
"""

POLLS_SKIPPED = 10
"""Polls without a check after a failed count. The listing waits for the count, so do not try each time."""


def missing(counts: Mapping[tuple[str, str], int], previous: Listing, listing: Listing) -> int:
    """How many workloads certainly existed and were not read.

    Args:
        counts: by (type, status), taken after `previous` and before `listing`.
        previous: the listing before.
        listing: the one that is checked.
    """
    counted = sum(count for (_, status), count in counts.items() if status not in FINISHED)
    unfinished = {workload.uid for workload in listing.workloads if workload.active}
    unfinished_before = {workload.uid for workload in previous.workloads if workload.active}
    known_before = {workload.uid for workload in previous.workloads}
    appeared = sum(workload.uid not in known_before for workload in listing.workloads)
    ended = len(unfinished_before - unfinished)
    return max(0, counted - len(unfinished) - appeared - ended)


@dataclass(slots=True, kw_only=True)
class CheckedReader:
    """Reads one pool's listing, and marks it as incomplete if the cloud counts more workloads.

    Attributes:
        key: the pool.
        listing: reads the listing.
        counts: reads the cloud's count; returns None if the answer has none.
        previous: returns the listing before; None if there is none.
        when: which listings are checked.
        worker: compares off the event loop, because 10,000 workloads take 20 ms.
        record: what earlier checks have shown, also before a reload.
    """

    key: PoolKey
    listing: Callable[[], Awaitable[Listing]]
    counts: Callable[[], Awaitable[Mapping[tuple[str, str], int] | None]]
    previous: Callable[[], Listing | None]
    when: When
    worker: Executor
    record: CheckRecord = field(default_factory=CheckRecord)

    async def read(self) -> Listing:
        """Read the listing.

        Raises:
            PollError: the listing could not be read. If only the count fails, the check is skipped.
        """
        previous = self.previous()
        counts = None if previous is None or not self._wanted(previous) else await self._counts()
        listing = await self.listing()
        if previous is None or counts is None:
            self.record.was_short = False
            return listing
        work = partial(missing, counts, previous, listing)
        short = await asyncio.get_running_loop().run_in_executor(self.worker, work)
        twice, self.record.was_short = self.record.was_short and short > 0, short > 0
        if not twice or not listing.complete:
            return listing
        return replace(
            listing,
            complete=False,
            shortfall=f"the cloud counts {short} more unfinished workloads than it lists, twice in a row",
        )

    def _wanted(self, previous: Listing) -> bool:
        return self.when == "always" or len(previous.workloads) > PAGE_LIMIT

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
