"""Filter, order and page of the listing endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from random import Random

Item = object
"""A workload as the API lists it: a JSON object, or whatever a test puts in its place."""

LARGEST_PAGE = 500
_LARGEST_OFFSET = 2**31 - 1


class BadQuery(ValueError):
    """The query is not a documented one."""


@dataclass(frozen=True, slots=True)
class Query:
    """What the listing endpoint is asked for.

    Attributes:
        type: only this type; empty for all.
        status: only this status; empty for all.
        hosts: only what runs on one of these addresses; a listing by host has no pages.
        sort: by createTime; else as the pool has them.
        ascend: oldest first; only with `sort`.
        offset: where the page begins.
        limit: how many items at most, 1 to 500.
    """

    type: str = ""
    status: str = ""
    hosts: frozenset[str] = frozenset()
    sort: bool = False
    ascend: bool = False
    offset: int = 0
    limit: int = LARGEST_PAGE

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> Query:
        """Read a URL's query.

        Raises:
            BadQuery: a value that is not documented.
        """
        if query.get("sort", "") not in {"", "create_time"}:
            raise BadQuery("sort")
        if query.get("ascend", "") not in {"", "true", "false"}:
            raise BadQuery("ascend")
        return cls(
            type=query.get("type", ""),
            status=query.get("status", ""),
            hosts=frozenset(filter(None, query.get("hostip", "").split(","))),
            sort=bool(query.get("sort")),
            ascend=query.get("ascend") == "true",
            offset=_number("offset", query.get("offset", ""), _LARGEST_OFFSET),
            limit=_number("limit", query.get("limit", ""), LARGEST_PAGE) or LARGEST_PAGE,
        )

    @property
    def selection(self) -> Query:
        """The same without the page: equal for all pages of one listing."""
        return Query(self.type, self.status, self.hosts, self.sort, self.ascend)


@dataclass(frozen=True, slots=True)
class ListingRules:
    """What the documentation leaves open about the listing.

    Attributes:
        total: whether answers carry the full match count.
        offset: what `offset` counts.
        shuffled_ties: whether items of equal createTime come in another order on every page.
    """

    total: bool = True
    offset: Literal["items", "pages", "ignored"] = "items"
    shuffled_ties: bool = False


def select(items: Iterable[Item], query: Query, shuffle: Random | None = None) -> Sequence[Item]:
    """Everything that the query asks for, in its order.

    Args:
        items: the pool's workloads.
        query: the filter and the order; the page is ignored.
        shuffle: mixes the order of ties.
    """
    selected = [item for item in items if _matches(item, query)]
    if query.sort:
        if shuffle is not None:
            shuffle.shuffle(selected)
        selected.sort(key=_created, reverse=not query.ascend)
    return selected


def page(selected: Sequence[Item], query: Query, rules: ListingRules) -> Sequence[Item]:
    """The page of a selection."""
    if query.hosts:
        return selected
    counted_in = {"items": 1, "pages": query.limit, "ignored": 0}
    start = query.offset * counted_in[rules.offset]
    return selected[start : start + query.limit]


def _matches(item: Item, query: Query) -> bool:
    fields = item if isinstance(item, dict) else {}
    if query.type and fields.get("type") != query.type:
        return False
    if query.status and fields.get("status") != query.status:
        return False
    return not query.hosts or not query.hosts.isdisjoint(str(fields.get("hostIps", "")).split(","))


def _created(item: Item) -> float:
    created = item.get("createTime") if isinstance(item, dict) else None
    try:
        return float(created)  # type: ignore[arg-type]  # whatever it is, the errors are caught
    except (TypeError, ValueError):
        return 0.0


def _number(name: str, text: str, largest: int) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit()) or int(text) > largest:
        raise BadQuery(name)
    return int(text)
