"""Pages -> one complete `Listing`, though jobs come and go between the pages.

The API has no cursor and no snapshot: a job that vanishes while we read moves every later one to the left,
so with plain offsets one of them slips through the boundary. This is how none does:

The list is sorted by creation time, oldest first; new jobs append at the end. A page is a slice of the list
as it was at one moment, so it holds *every* job alive then that was created strictly between the page's first
and last creation time. Therefore two pages join without a gap when the later one starts with a job created
strictly before the last one of the earlier page. So each page is asked for with an overlap that reaches back
to the first older creation time (usually two jobs), and where the answer shows no overlap it is asked for
again from further back. Jobs are identified by uid, so the overlap counts nobody twice. The order among jobs
created in the same millisecond does not matter, unless a whole page was.

Where creation times prove nothing, because a whole page has one, or none, or the list is not in their order,
the overlap is wider, and the jobs that stand in both pages have to do: if they stand at the later one's
beginning, in the same order, then the order is one that lasts, and nobody is between them. It may be chance
all the same, so this is only believed where every answer's `total` is the number of those found: where some
vanished meanwhile, as many could be missed.

What this rests on is checked as it goes: `offset` counts items (unproven for this API), the order is the one
asked for, and `total`, where given, is reached. Where one of them fails, the listing says that it is short.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from exporter.api.schema import PAGE_LIMIT
from exporter.common.errors import AnswerError, BadResponse
from exporter.snapshot.pool import Listing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from exporter.api.workloads import Page
    from exporter.snapshot.pool import Rejection
    from exporter.snapshot.workload import Workload

MAX_REREADS = 12
"""Pages asked for again from further back, in one listing, before the list is said to move too fast."""

MOST_WORKLOADS = 200_000
"""Of one pool. An answer that goes on for ever would fill the memory; so many take 150 MB."""

MOST_PAGES = 1000
"""Of one listing; more than twice of what `MOST_WORKLOADS` take. Short ones could otherwise keep coming."""

_RUN = 16
"""Jobs that two pages share where creation times prove nothing."""

_STEP_BACK = 16
_STEP_FACTOR = 4
_BAD_REQUEST = 400


async def read_listing(fetch: Callable[[int], Awaitable[Page]], *, limit: int = PAGE_LIMIT) -> Listing:
    """Read every workload of a pool.

    Args:
        fetch: brings the page that starts at an offset.
        limit: most items of a page.

    Raises:
        PollError: a page could not be had; what was read so far is worth nothing then. Or the first page is
            empty though there should be workloads: no queue is empty on such evidence.
    """
    reading = _Reading(limit)
    while reading.offset is not None:
        try:
            page = await fetch(reading.offset)
        except AnswerError as error:
            if error.status != _BAD_REQUEST or reading.offset == 0:
                raise
            reading.stop("the API refuses an offset, which may not be an item index")
        else:
            reading.take(page)
    return reading.listing()


@dataclass(slots=True)
class _Reading:
    """A listing in the making; `offset` is what to ask for next, None at the end."""

    limit: int
    offset: int | None = 0
    _found: dict[str, Workload] = field(default_factory=dict)
    _previous: Page | None = None
    _total: int | None = None
    _rejected: Counter[Rejection] = field(default_factory=Counter)
    _unparsable: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _end: int = 0
    _pages: int = 0
    _rereads: int = 0
    _step: int = _STEP_BACK
    _ordered: bool = True
    _by_creation: bool = True
    _same_order: bool = True
    _totals: set[int | None] = field(default_factory=set)
    _shortfall: str = ""

    def stop(self, shortfall: str = "") -> None:
        self._shortfall = self._shortfall or shortfall
        self.offset = None

    def take(self, page: Page) -> None:
        """Add a page that joins what was read before, and choose the next offset."""
        assert self.offset is not None  # noqa: S101  (the caller stops there)
        self._total = page.total
        self._totals.add(page.total)
        self._pages += 1
        more = self._more_after(page)
        if page.count == 0 and more and self.offset == 0:
            raise BadResponse(
                f"the answer is empty though {page.total} workloads are said to exist",
                where="the listing",
                status=200,
                advice="the cloud contradicts itself; what was read before is kept for a while",
            )
        if page.count == 0 and more:
            self.stop(f"the page at offset {self.offset} is empty though {page.total} are said to exist")
            return
        if not self._joins(page):
            self._step_back()
            return
        before = len(self._found)
        self._found.update((workload.uid, workload) for workload in page.workloads)
        self._unparsable.update(page.unparsable)
        # What nothing identifies is told apart by its place: the overlap has been counted.
        overlap = self._end - self.offset
        self._rejected.update(reason for index, reason in page.rejected.items() if index >= overlap)
        self._end = max(self._end, self.offset + page.count)
        first, self._previous = self._previous is None, page
        self._step = _STEP_BACK
        if not more:
            self.stop()
        elif len(self._found) >= MOST_WORKLOADS or self._pages >= MOST_PAGES:
            self.stop(f"after {len(self._found):,} workloads on {self._pages:,} pages the list still goes on")
        elif not first and len(self._found) == before:
            self.stop(f"the page at offset {self.offset} brings nothing new; offset may not be an item index")
        else:
            self.offset += _overlap_start(page, ordered=self._ordered)

    def _more_after(self, page: Page) -> bool:
        """Whether the list goes on behind a page.

        A total is not promised; one that only counts the page, or less, must not end a listing.
        """
        assert self.offset is not None  # noqa: S101  (the caller stops there)
        end = self.offset + page.count
        if page.total is None or page.total == page.count or page.total < end:
            return page.count >= self.limit
        return page.total > end

    def _joins(self, page: Page) -> bool:
        """Whether no job can be hidden between the page before and this one; see the module's proof."""
        assert self.offset is not None  # noqa: S101  (the caller stops there)
        self._ordered = self._ordered and _ordered(page)
        if self._previous is None or self.offset == 0:
            return True
        if self._ordered:
            before, after = _known(self._previous), _known(page)
            if before and after and after[0] < before[-1]:
                return True
            if not _alike(self._previous):
                return False
        return self._joins_by_uid(self._previous, page)

    def _joins_by_uid(self, previous: Page, page: Page) -> bool:
        """Whether jobs stand in both pages; notes whether they do so in the same order, with none between."""
        before, after = (tuple(workload.uid for workload in one.workloads) for one in (previous, page))
        seen, again = set(before), set(after)
        common = [uid for uid in after if uid in seen]
        if len(common) < max(1, _run(previous)):
            return False
        self._by_creation = False
        lasting = common == list(after[: len(common)]) == [uid for uid in before if uid in again]
        self._same_order = self._same_order and lasting
        return True

    def _step_back(self) -> None:
        assert self.offset is not None  # noqa: S101  (the caller stops there)
        self._rereads += 1
        if self._rereads > MAX_REREADS:
            self.stop("the list changes faster than it can be read")
            return
        self.offset = max(0, self.offset - self._step)
        self._step *= _STEP_FACTOR

    def listing(self) -> Listing:
        shortfall = self._shortfall or self._missed()
        return Listing(
            tuple(self._found.values()),
            not shortfall,
            self._total,
            shortfall,
            self._rejected,
            Counter(resource for resources in self._unparsable.values() for resource in resources),
        )

    def _missed(self) -> str:
        """Why workloads may be missing though the list was read to its end; empty where none are.

        Those that vanished meanwhile were found or are not in the last total, and those that came are at the
        end: so never are fewer found than are there at last.
        """
        found = len(self._found)
        if self._rejected:
            return f"{self._rejected.total()} workloads could not be understood"
        if self._total is not None and found < self._total:
            return f"{found:,} workloads were found where there are {self._total:,}" + self._doubt()
        if not self._by_creation and not (self._same_order and self._totals == {found}):
            return "jobs may be missed between pages" + self._doubt()
        return ""

    def _doubt(self) -> str:
        if not self._ordered:
            return "; the API does not list by creation time"
        return (
            ""
            if self._by_creation
            else "; more than a page of them were created at once, or nobody knows when"
        )


def _known(page: Page) -> list[float]:
    return [created for created in page.created if created is not None]


def _ordered(page: Page) -> bool:
    known = _known(page)
    return all(earlier <= later for earlier, later in pairwise(known))


def _alike(page: Page) -> bool:
    """Whether no job but the first was created before the newest: the next page cannot be joined by that."""
    known = _known(page)
    return not any(created is not None and created < known[-1] for created in page.created[1:])


def _run(page: Page) -> int:
    """How many jobs the next page should share with this one where creation times prove nothing."""
    return min(_RUN, page.count // 2)


def _overlap_start(page: Page, *, ordered: bool) -> int:
    """Where, within this page, the next one starts: at its last job older than its newest."""
    if not ordered or _alike(page):
        return max(1, page.count - _run(page))
    known = _known(page)
    return max(
        index for index, created in enumerate(page.created) if created is not None and created < known[-1]
    )
