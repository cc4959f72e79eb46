"""Every small list, and everything that can happen to it while it is read: no false claim of completeness."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import accumulate, groupby, permutations, product
from typing import TYPE_CHECKING, Literal

import pytest

from exporter.api.pagination import read_listing
from exporter.api.workloads import Page
from exporter.common.errors import BadResponse
from exporter.snapshot.pool import Listing
from exporter.snapshot.workload import Workload

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Order = Literal["sorted", "ties drawn anew", "undated, drawn anew", "unsorted"]
"""How the server orders its list.

sorted: by creation time; jobs of one time keep their order.
ties drawn anew: by creation time; jobs of one time come in another order in every answer.
undated, drawn anew: no creation time is told, and every answer has an order of its own.
unsorted: in an order of its own, which does not change; a new job comes anywhere in it.
"""


Counting = Literal["at once", "list first", "count first"]
"""Whether list and total of an answer are of one moment, or which of the two is of an earlier one."""


class Choices:
    """All sequences of choices, one after the other: whatever is left open asks here, and is run again."""

    def __init__(self) -> None:
        self._taken: list[list[int]] = []
        self._next = 0

    def pick(self, options: int) -> int:
        """One of so many options."""
        if self._next == len(self._taken):
            self._taken.append([0, options])
        choice, known = self._taken[self._next]
        assert known == options, "a run must depend on its choices alone"
        self._next += 1
        return choice

    def runs(self) -> Iterator[None]:
        """Once for every sequence."""
        while True:
            self._next = 0
            yield
            while self._taken and self._taken[-1][0] + 1 == self._taken[-1][1]:
                self._taken.pop()
            if not self._taken:
                return
            self._taken[-1][0] += 1


@dataclass
class Server:
    """A list that changes between any two answers, in every way that the choices allow.

    Attributes:
        times: when the first jobs were created, in the list's order.
        order: see `Order`.
        limit: most items of a page.
        vanish: how many jobs vanish at most while the list is read; none comes back.
        come: how many come.
        choices: what happens.
        counting: see `Counting`.
    """

    times: Sequence[float]
    order: Order
    limit: int
    vanish: int
    come: int
    choices: Choices
    counting: Counting = "at once"
    jobs: list[Workload] = field(init=False)
    asked: int = 0
    changed: bool = False

    def __post_init__(self) -> None:
        dated = self.order != "undated, drawn anew"
        self.jobs = [
            Workload(uid=f"job-{index}", created=time if dated else None)
            for index, time in enumerate(self.times)
        ]
        self.throughout = {job.uid for job in self.jobs}
        self._newest = max(self.times)

    async def page(self, offset: int) -> Page:
        """The answer to the next request. The rule looks at who is on a page, not at the order of ties."""
        if self.asked:
            self._change()
        self.asked += 1
        total = len(self.jobs)
        if self.counting == "count first":
            self._change()
        shown = self._shown(offset)
        if self.counting == "list first":
            self._change()
            total = len(self.jobs)
        return Page(tuple(shown), len(shown), total, created=tuple(job.created for job in shown))

    def _change(self) -> None:
        first = 0
        while self.vanish and (index := self.choices.pick(len(self.jobs) - first + 1)):
            first += index - 1
            self.throughout.discard(self.jobs.pop(first).uid)
            self.vanish -= 1
            self.changed = True
        while self.come and self.choices.pick(2):
            place, created = len(self.jobs), None
            if self.order == "unsorted":
                place = self.choices.pick(len(self.jobs) + 1)
            if self.order != "undated, drawn anew":
                created = self._newest + self.choices.pick(2)  # at the same time as another, or later
                self._newest = created
            self.jobs.insert(place, Workload(uid=f"new-{self.come}", created=created))
            self.come -= 1
            self.changed = True

    def _shown(self, offset: int) -> list[Workload]:
        if self.order in {"sorted", "unsorted"}:
            return self.jobs[offset : offset + self.limit]
        shown, place = [], 0
        for _, group in groupby(self.jobs, key=lambda job: job.created):
            tied = list(group)
            start, end = max(offset, place), min(offset + self.limit, place + len(tied))
            if start < end:
                shown += self._some(tied, end - start)
            place += len(tied)
        return shown

    def _some(self, tied: list[Workload], count: int) -> list[Workload]:
        """Any so many of them."""
        some: list[Workload] = []
        left = list(tied)
        while len(some) < count:
            index = self.choices.pick(len(left) - (count - len(some)) + 1)
            some.append(left[index])
            left = left[index + 1 :]
        return some


@dataclass
class Bounds:
    """Which lists are tried, and what may happen to them while they are read."""

    order: Order
    limit: int
    jobs: range
    vanish: int
    come: int
    counting: Counting = "at once"

    def __str__(self) -> str:
        jobs, counting = f"{self.jobs[0]}-{self.jobs[-1]} jobs", f", {self.counting}"
        counting = "" if self.counting == "at once" else counting
        return f"{self.order}, pages of {self.limit}, {jobs}, -{self.vanish} +{self.come}{counting}"

    def lists(self) -> Iterator[Sequence[float]]:
        """The creation times of each: every pattern of ties, or every order."""
        for count in self.jobs:
            match self.order:
                case "undated, drawn anew":
                    yield (0.0,) * count
                case "unsorted":
                    yield from permutations([float(index) for index in range(count)])
                case _:
                    steps = product((0.0, 1.0), repeat=count - 1)
                    yield from (tuple(accumulate(one, initial=0.0)) for one in steps)


def listing_of(server: Server) -> Listing:
    """What is read from it; nothing is waited for, so no event loop is needed."""
    reading = read_listing(server.page, limit=server.limit)
    try:
        reading.send(None)
    except StopIteration as done:
        result: Listing = done.value
        return result
    raise AssertionError


def search(bounds: Bounds) -> Counter[str]:
    """How many readings there are, how many claim to be complete, and how many do so falsely."""
    seen: Counter[str] = Counter()
    for times in bounds.lists():
        choices = Choices()
        for _ in choices.runs():
            server = Server(
                times, bounds.order, bounds.limit, bounds.vanish, bounds.come, choices, bounds.counting
            )
            try:
                listing = listing_of(server)
            except BadResponse:  # nothing is listed, but something is counted: that claims nothing
                listing = Listing((), complete=False)
            whole = server.throughout <= {workload.uid for workload in listing.workloads}
            seen["readings"] += 1
            seen["requests"] += server.asked
            seen["claimed"] += listing.complete
            seen["false"] += listing.complete and not whole
            seen["whole"] += whole
            seen["unchanged"] += not server.changed
            seen["unchanged, claimed"] += listing.complete and not server.changed
    return seen


BOUNDS = [
    Bounds("sorted", 3, range(1, 6), vanish=1, come=1),
    Bounds("sorted", 4, range(1, 7), vanish=2, come=0),
    Bounds("ties drawn anew", 2, range(1, 4), vanish=1, come=1),
    Bounds("ties drawn anew", 3, range(1, 5), vanish=1, come=1),
    Bounds("ties drawn anew", 4, range(5, 6), vanish=1, come=0),
    Bounds("undated, drawn anew", 2, range(1, 4), vanish=1, come=1),
    Bounds("undated, drawn anew", 3, range(4, 5), vanish=1, come=1),
    Bounds("unsorted", 3, range(5, 6), vanish=2, come=0),
    Bounds("unsorted", 3, range(1, 4), vanish=1, come=1),
    Bounds("unsorted", 4, range(5, 6), vanish=1, come=0),
    Bounds("sorted", 3, range(1, 6), vanish=1, come=0, counting="list first"),
    Bounds("sorted", 4, range(5, 6), vanish=2, come=0, counting="list first"),
    Bounds("sorted", 3, range(1, 5), vanish=1, come=1, counting="count first"),
    Bounds("ties drawn anew", 3, range(1, 5), vanish=1, come=0, counting="list first"),
    Bounds("undated, drawn anew", 2, range(1, 4), vanish=1, come=0, counting="list first"),
    Bounds("unsorted", 3, range(1, 4), vanish=1, come=1, counting="list first"),
]


@pytest.mark.parametrize("bounds", BOUNDS, ids=str)
def test_no_reading_claims_to_be_complete_and_is_not(bounds: Bounds) -> None:
    """Whatever vanishes and comes, and however the list is ordered; also where a total is of another moment.

    A list that does not change, in an order that lasts, is called complete always.
    """
    seen = search(bounds)
    assert seen["false"] == 0
    assert seen["claimed"] > seen["readings"] / 20
    if bounds.order in {"sorted", "unsorted"}:
        assert seen["unchanged, claimed"] == seen["unchanged"] > 0
