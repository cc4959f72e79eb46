"""Reads the pages of a pool's workload list and joins them into one `Listing`.

The API has no cursor and no snapshot. A workload that vanishes between two requests moves every later one to
the left, so plain offsets would skip one at a page boundary. A listing is called complete only if one of
three proofs holds. Complete means: every workload that existed during the whole reading is in the listing.

What all proofs assume: an answer shows the list as it is at one moment, and a uid that has gone stays gone.
Its `total` may be of another moment. So a full page is never taken for the last one because of its total: if
a workload vanished between the list and its count, another one would be left behind the page.

Proof by one answer. A page at offset 0 that reaches the end of the list is the whole list.

Proof by creation time. It also assumes that the list is sorted by creation time, as requested. The order
among equal creation times may differ in every answer. A workload without creation time must keep its place
among the others. If one moves and is never on a page, nothing shows it, and the listing is called complete.
1. Claim: after each page, every workload created before the page's last one has been found.
2. It holds for the first page, because that page starts at the beginning of the list.
3. The next page is accepted only if it starts with a workload created before the last one of the page before.
   By the claim, everything older than its start has been found.
4. The page is one unbroken piece of a sorted list. So it holds everything created between its first and its
   last workload, and the claim holds again.
5. The last page reaches the end of the list, so nothing is missing behind it.
So each page overlaps the one before, usually by two workloads. A page that does not join is requested again
from further back. The proof is dropped as soon as a page contradicts it: workloads out of order, or one that
should have been found by the claim and was not. It is also dropped where it cannot work: a workload without
creation time, or a page on which all but the first were created in the same millisecond.

Proof by a second look, where creation times prove nothing. The order may be any, and differ in every answer.
It also assumes that `total` counts the workloads that exist at the moment of its answer.
1. A workload seen in one answer and again in a later one existed at every moment in between.
2. So for every answer we know workloads that certainly existed at its moment: those first seen in it or
   before, and last seen in it or after.
3. If they are as many as that answer's `total`, they are all that existed at its moment. Whatever existed
   during the whole reading is one of them, so it has been found.
4. If they are more than `total`, then `total` is wrong, and no answer proves anything.
After the first look the pages are read once more, from the beginning, until one answer proves it. That is
about twice the requests. No second look is made where it cannot succeed: without a usable `total`, or where
fewer workloads than `total` were found. Numbers that do not change prove nothing without step 1: as many
workloads may have come as have gone.

Where no proof holds, the listing has what was read, and says why it may be short.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import accumulate, pairwise
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
"""Pages requested again from further back, in one listing, before it is given up."""

MOST_WORKLOADS = 200_000
"""Of one pool. An answer that goes on for ever would fill the memory; this many take 150 MB."""

MOST_PAGES = 1000
"""Of one listing; more than twice what `MOST_WORKLOADS` take. Short pages could otherwise keep coming."""

_OVERLAP = 16
"""Items that two pages share where creation times prove nothing. As many may vanish between them unharmed."""

_STEP_BACK = 16
_STEP_FACTOR = 4

_UNSORTED = "the API does not list by creation time"
_UNDATED = "some of them have no creation time"
_SAME_UID = "two of them have the same uid"
_TIED = "more than a page of them were created at once"


async def read_listing(fetch: Callable[[int], Awaitable[Page]], *, limit: int = PAGE_LIMIT) -> Listing:
    """Read every workload of a pool.

    Args:
        fetch: returns the page that starts at an offset.
        limit: most items of a page.

    Raises:
        PollError: a page could not be read; what was read before is discarded. Or the first page is empty
            though there should be workloads: that is no evidence of an empty queue.
    """
    reading = _Reading(limit)
    while reading.offset is not None:
        try:
            page = await fetch(reading.offset)
        except AnswerError as error:
            if error.status != HTTPStatus.BAD_REQUEST or reading.offset == 0:
                raise
            reading.stop("the API refuses an offset, which may not be an item index")
        else:
            reading.take(page)
    return reading.listing()


@dataclass(slots=True)
class _Sightings:
    """The proof by a second look: how many workloads certainly existed at the moment of each answer."""

    _last_seen: dict[str, int] = field(default_factory=dict)
    _totals: list[int | None] = field(default_factory=list)
    _steps: list[int] = field(default_factory=lambda: [0])
    """By how much the number of those that certainly existed grows from one answer to the next."""
    contradicted: bool = False
    """Whether a total was less than its own page shows. Then it counts something else."""

    def add(self, page: Page, offset: int, full: int) -> None:
        """Add the next answer. `full` is the number of items of a full page."""
        answer = len(self._totals)
        self._totals.append(_usable_total(page, offset, full))
        self.contradicted |= page.count > 0 and page.total is not None and page.total < offset + page.count
        self._steps.append(0)
        # One that was seen before has existed ever since; any other is only known to exist now.
        for last, count in Counter(
            self._last_seen.get(workload.uid, answer - 1) for workload in page.workloads
        ).items():
            self._steps[last + 1] += count
            self._steps[answer + 1] -= count
        self._last_seen.update((workload.uid, answer) for workload in page.workloads)

    def proven_total(self) -> int | None:
        """The `total` of an answer that proves that all it counts were seen; None if no answer proves it."""
        existed = accumulate(self._steps)
        pairs = [
            (total, sure) for total, sure in zip(self._totals, existed, strict=False) if total is not None
        ]
        if self.contradicted or any(sure > total for total, sure in pairs):
            return None
        return next((total for total, sure in pairs if sure == total), None)


@dataclass(slots=True)
class _Reading:
    """A listing being read; `offset` is what to request next, None at the end."""

    limit: int
    offset: int | None = 0
    _found: dict[str, Workload] = field(default_factory=dict)
    _sightings: _Sightings = field(default_factory=_Sightings)
    _previous: Page | None = None
    _total: int | None = None
    _rejected: Counter[Rejection] = field(default_factory=Counter)
    _most_rejected: Counter[Rejection] = field(default_factory=Counter)
    _unparsable: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _end: int = 0
    _most: int = 0
    """Items of the longest page so far."""
    _pages: int = 0
    _rereads: int = 0
    _step: int = _STEP_BACK
    _second_look: bool = False
    _doubt: str = ""
    """Why creation times prove nothing; empty as long as a proof holds."""
    _shortfall: str = ""

    def stop(self, shortfall: str = "") -> None:
        """End the reading."""
        self._shortfall = self._shortfall or shortfall
        self.offset = None

    def take(self, page: Page) -> None:
        """Add a page if it joins those before, and choose the next offset."""
        assert self.offset is not None  # noqa: S101  (the caller stops there)
        offset = self.offset
        self._total = page.total
        self._pages += 1
        more = self._more_after(page, offset)
        self._most = min(self.limit, max(self._most, page.count))
        if page.count == 0 and more:
            self._stop_at_nothing(page, offset)
            return
        self._doubt = self._doubt or self._contradiction(page)
        if not (offset == 0 or self._doubt or self._joins(page)):
            self._step_back(offset)
            return
        news = self._add(page, offset)
        if offset == 0 and not more:
            self._doubt = ""  # one answer is the whole list, in whatever order
            self.stop()
        elif not more:
            self._end_look()
        elif len(self._found) >= MOST_WORKLOADS or self._pages >= MOST_PAGES:
            self.stop(f"after {len(self._found):,} workloads on {self._pages:,} pages the list still goes on")
        elif not news and not self._second_look:
            self.stop(f"the page at offset {offset} brings nothing new; offset may not be an item index")
        elif not (self._second_look and self._proven()):
            self.offset = offset + self._next_start(page)

    def _more_after(self, page: Page, offset: int) -> bool:
        """Whether the list goes on behind a page: as its total says, else if the page is full."""
        total = _usable_total(page, offset, self._full(offset))
        return page.count >= self._full(offset) if total is None else total > offset + page.count

    def _full(self, offset: int) -> int:
        """The number of items of a full page: the API may give less than `limit`."""
        return self._most if offset else self.limit

    def _stop_at_nothing(self, page: Page, offset: int) -> None:
        if offset == 0:
            raise BadResponse(
                f"the answer is empty, but its total is {page.total}",
                where="the listing",
                status=HTTPStatus.OK,
                advice="the cloud contradicts itself; the last good listing is shown until it is stale",
            )
        self.stop(f"the page at offset {offset} is empty, but its total is {page.total}")

    def _contradiction(self, page: Page) -> str:
        """Why creation times prove nothing from this page on; empty if they may."""
        created = [workload.created for workload in page.workloads if workload.created is not None]
        if len(created) < len(page.workloads) or (page.count and not created):
            return _UNDATED
        if any(earlier > later for earlier, later in pairwise(created)):
            return _UNSORTED
        before = _newest(self._previous)
        for workload in page.workloads:
            found = self._found.get(workload.uid)
            if found is not None and found.created != workload.created:
                return _SAME_UID
            if found is None and before is not None and (workload.created or 0.0) < before:
                return _UNSORTED
        return ""

    def _joins(self, page: Page) -> bool:
        """Step 3 of the proof by creation time."""
        before, first = _newest(self._previous), page.workloads[0].created if page.workloads else None
        return before is not None and first is not None and first < before

    def _add(self, page: Page, offset: int) -> bool:
        """Add a page's workloads; whether any of them is new."""
        known = len(self._found)
        self._found.update((workload.uid, workload) for workload in page.workloads)
        self._sightings.add(page, offset, self._full(offset))
        self._unparsable.update(page.unparsable)
        # Rejected items have no uid. They are counted by place, so that an overlap counts once. The item at a
        # place may have changed, but there are at least as many as on a single page.
        self._rejected.update(
            reason for index, reason in page.rejected.items() if offset + index >= self._end
        )
        self._most_rejected = max(self._most_rejected, Counter(page.rejected.values()), key=Counter.total)
        self._end = max(self._end, offset + page.count)
        self._previous = page
        self._step = _STEP_BACK
        return len(self._found) > known

    def _next_start(self, page: Page) -> int:
        """Where, within this page, the next one starts."""
        start = None if self._doubt else _last_older(page)
        if start is not None:
            return start
        self._doubt = self._doubt or _TIED
        return page.count - min(_OVERLAP, page.count // 4)

    def _step_back(self, offset: int) -> None:
        self._rereads += 1
        if self._rereads > MAX_REREADS:
            self.stop("the list changes faster than it can be read")
            return
        self.offset = max(0, offset - self._step)
        self._step *= _STEP_FACTOR

    def _end_look(self) -> None:
        """At the end of the list: stop, or look a second time where that can prove something."""
        if self._doubt and not self._proven() and self._worth_a_second_look():
            self._second_look = True
            self.offset = 0
        else:
            self.stop()

    def _worth_a_second_look(self) -> bool:
        countable = self._total is not None and not self._sightings.contradicted and not self._most_rejected
        return countable and not self._second_look and self._reaches_total()

    def _proven(self) -> bool:
        """Whether the second look proves the listing complete. If so, end the reading."""
        total = self._sightings.proven_total()
        if total is None:
            return False
        self._total, self._doubt = total, ""
        self.stop()
        return True

    def _reaches_total(self) -> bool:
        return self._total is None or len(self._found) >= self._total

    def listing(self) -> Listing:
        """What was read."""
        shortfall = self._shortfall or self._missed()
        return Listing(
            tuple(self._found.values()),
            not shortfall,
            self._total,
            shortfall,
            self._all_rejected(),
            Counter(resource for resources in self._unparsable.values() for resource in resources),
        )

    def _all_rejected(self) -> Counter[Rejection]:
        return max(self._rejected, self._most_rejected, key=Counter.total)

    def _missed(self) -> str:
        """Why workloads may be missing although the list was read to its end; empty if none are.

        Workloads that have gone were found, or are not in the last total; those that came are at the end. So
        a complete listing never has fewer workloads than the last total says.
        """
        doubt = f"; {self._doubt}" if self._doubt else ""
        if rejected := self._all_rejected():
            return f"{rejected.total()} workloads could not be understood"
        if not self._reaches_total():
            return f"{len(self._found):,} workloads were found, but the total is {self._total:,}{doubt}"
        return f"workloads may be missed between pages{doubt}" if doubt else ""


def _usable_total(page: Page, offset: int, full: int) -> int | None:
    """The total, unless the page leaves open what it counts.

    If it counts no more than the page, it may count only that. If a full page ends where the list does by its
    total, the total may be of a later moment.
    """
    end = offset + page.count
    if page.total is None or page.total == page.count or page.total < end:
        return None
    return None if page.total == end and page.count >= full else page.total


def _newest(page: Page | None) -> float | None:
    return page.workloads[-1].created if page is not None and page.workloads else None


def _last_older(page: Page) -> int | None:
    """Where the last item stands that is older than the page's newest; None if only the first is, or none."""
    newest = _newest(page)
    for index in range(len(page.created) - 1, 0, -1):
        created = page.created[index]
        if created is not None and newest is not None and created < newest:
            return index
    return None
