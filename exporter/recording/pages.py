"""What the recorded listings of one pool tell: pages, totals, orders, positions, times."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeGuard

from exporter.snapshot.workload import FINISHED, WAITING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from exporter.recording.folder import Answer

_NEAR = 120.0
"""Seconds by which two durations may differ and still be the same."""


@dataclass(frozen=True, slots=True)
class PoolPages:
    """The good pages of one pool, in the order in which they came.

    Attributes:
        pool: its ID.
        pages: the answers, with at least one.
    """

    pool: str
    pages: Sequence[Answer]

    @property
    def workloads(self) -> dict[str, dict[str, Any]]:
        """Every workload by uid, as it was seen last."""
        return {str(item.get("uid")): item for page in self.pages for item in page.items}

    @property
    def now(self) -> float:
        """The cloud's time of the last page, Unix seconds."""
        return cloud_time(self.pages[-1])

    def lengths(self) -> str:
        """The pages: offset, items, total."""
        return "; ".join(
            f"offset {_offset(page)}: {len(page.items)} of {_total(page)}" for page in self.pages
        )

    def offsets(self) -> str:
        """Whether a page begins with the workload that stood at its offset."""
        places = dict(enumerate(str(item.get("uid")) for item in self.pages[0].items))
        fits = []
        for page in self.pages[1:]:
            first = _offset(page)
            if first in places and page.items:
                fits.append(places[first] == page.items[0].get("uid"))
            places |= {first + at: str(item.get("uid")) for at, item in enumerate(page.items)}
        if not fits:
            return "no two pages overlap, so this tells nothing"
        return (
            f"{sum(fits)} of {len(fits)} overlapping pages begin with the workload that stood at their offset"
        )

    def total(self) -> str:
        """Whether the total is there, and what it counts."""
        totals = [page.body.get("total") for page in self.pages]
        if all(total is None for total in totals):
            return "it is missing"
        last, found = totals[-1], len(self.workloads)
        verdict = "equal" if last == found else "not equal"
        there = "there" if None not in totals else "there on some pages"
        return f"{there}; the last one is {last}, {found} workloads were listed: {verdict}"

    def order(self) -> str:
        """In which order the pages list."""
        created = [
            [float(item["createTime"]) for item in page.items if _is_number(item.get("createTime"))]
            for page in self.pages
        ]
        pairs = [pair for times in created for pair in pairwise(times)]
        if not pairs:
            return "there are too few workloads to tell"
        if all(first <= second for first, second in pairs):
            return "by createTime, oldest first, as asked"
        if all(first >= second for first, second in pairs):
            return "by createTime, newest first, which is not what was asked"
        return "not by createTime"

    def ties(self) -> str:
        """How many workloads have the same creation time as another."""
        counts = Counter(str(item.get("createTime")) for item in self.workloads.values())
        tied = [count for count in counts.values() if count > 1]
        most = max(tied, default=0)
        return f"{sum(tied)} workloads share their createTime with another, at most {most} at once"

    def repeated(self) -> int:
        """How many uids occur more than once on one page."""
        return sum(
            len(page.items) - len({str(item.get("uid")) for item in page.items}) for page in self.pages
        )

    def finished(self) -> str:
        """How many finished workloads are listed, and the age of the oldest."""
        ages = [age for item in self._with(FINISHED) if (age := self._age(item)) is not None]
        if not ages:
            return "none is listed"
        return f"{len(ages)} are listed; the oldest was created {_hours(max(ages))} before"

    def deleted(self) -> str:
        """Which statuses the workloads have that are marked as deleted."""
        found = Counter(
            str(item.get("status")) for item in self.workloads.values() if _true(item.get("isDeleted"))
        )
        return ", ".join(f"{count} {status}" for status, count in found.items()) or "none is marked"

    def namespaces(self) -> str:
        """Whether the namespace is filled, and with what."""
        names = Counter(
            "is the pool's ID" if name == self.pool else "is another text" if name else "is missing"
            for name in (item.get("namespace") for item in self.workloads.values())
        )
        return "; ".join(f"of {count} workloads it {what}" for what, count in names.items()) or "no workloads"

    def positions(self) -> str:
        """Where the positions begin."""
        waiting = self._with(WAITING)
        if not waiting:
            return "nothing waits"
        positions = [item.get("pendingPosition") for item in waiting]
        known = [int(position) for position in positions if _is_number(position) and float(position) >= 0]
        rest = f"{positions.count(-1)} have -1, {positions.count(None)} have none"
        if not known:
            return f"base unknown: of {len(waiting)} waiting workloads {rest}"
        base = str(min(known)) if min(known) in {0, 1} else "unknown"
        return f"base {base}: {len(known)} positions from {min(known)} to {max(known)}; {rest}"

    def shared_positions(self) -> str:
        """Whether two waiting workloads have the same position, which tells of several queues."""
        types: dict[float, list[str]] = {}
        for item in self._with(WAITING):
            if _is_number(position := item.get("pendingPosition")) and float(position) >= 0:
                types.setdefault(float(position), []).append(str(item.get("type")))
        shared = [kinds for kinds in types.values() if len(kinds) > 1]
        if not shared:
            return f"none of {len(types)} positions occurs twice"
        across = sum(len(set(kinds)) > 1 for kinds in shared)
        return (
            f"{len(shared)} of {len(types)} positions occur twice or more, {across} of them for several types"
        )

    def pending(self) -> str:
        """What the pending durations measure."""
        waiting = [
            abs(age - float(item["pendingDuration"]))
            for item in self._with(WAITING)
            if (age := self._age(item)) is not None and _is_number(item.get("pendingDuration"))
        ]
        started = [
            abs(age - float(item["pendingDuration"]) - float(item["runningDuration"])) <= _NEAR
            for item in self._with({"Running"})
            if (age := self._age(item)) is not None
            and _is_number(item.get("pendingDuration"))
            and _is_number(item.get("runningDuration"))
        ]
        near = sum(difference <= _NEAR for difference in waiting)
        return (
            f"of {len(waiting)} waiting workloads it is the age of {near} (within two minutes); of "
            f"{len(started)} running ones it and the running duration add up to the age of {sum(started)}"
        )

    def words(self, field: str) -> Counter[str]:
        """How often each value of a field occurs."""
        return Counter(str(item.get(field)) for item in self.workloads.values())

    def resources(self) -> set[str]:
        """The keys of what the workloads request."""
        found: set[str] = set()
        for item in self.workloads.values():
            tables = item.get("resourceRequirement")
            for table in tables if isinstance(tables, list) else [tables]:
                if isinstance(table, dict):
                    found.update(table)
        return found

    def _with(self, statuses: frozenset[str] | set[str]) -> Sequence[dict[str, Any]]:
        return [item for item in self.workloads.values() if str(item.get("status")) in statuses]

    def _age(self, item: dict[str, Any]) -> float | None:
        created = item.get("createTime")
        return self.now - float(created) / 1000 if _is_number(created) else None


def pool_pages(answers: Sequence[Answer]) -> Iterator[PoolPages]:
    """The pages of every pool that was listed."""
    by_pool: dict[tuple[int, str], list[Answer]] = {}
    for answer in answers:
        if answer.endpoint == "workloads" and answer.ok and isinstance(answer.body, dict):
            by_pool.setdefault((answer.project, answer.pool), []).append(answer)
    for (_, pool), pages in by_pool.items():
        yield PoolPages(pool, pages)


def cloud_time(answer: Answer) -> float:
    """The cloud's time of an answer, Unix seconds; this machine's if it did not say."""
    date = answer.headers.get("date")
    return answer.at if date is None else parsedate_to_datetime(date).timestamp()


def _offset(page: Answer) -> int:
    offset = dict(page.query).get("offset", "0")
    return int(offset) if offset.isdigit() else 0


def _total(page: Answer) -> str:
    total = page.body.get("total")
    return "no total" if total is None else str(total)


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _true(value: Any) -> bool:
    return str(value).lower() == "true"


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h"
