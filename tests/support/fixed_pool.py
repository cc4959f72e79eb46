"""A simulated pool whose workloads a test sets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Literal

from exporter.simulator.pools import MAX_PAGE_SIZE, Pool, WorkloadPage, WorkloadQuery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from exporter.simulator.nodes import NodeResources
    from exporter.simulator.pools import Item, Profile


@dataclass(frozen=True, slots=True)
class ListingRules:
    """How the listing behaves where the documentation leaves it open.

    Attributes:
        total: whether answers have the number of all matches.
        offset: what `offset` counts.
        shuffled_ties: whether items of equal createTime come in another order on every page.
    """

    total: bool = True
    offset: Literal["items", "pages", "ignored"] = "items"
    shuffled_ties: bool = False


class FixedPool(Pool):
    """A pool with exactly the workloads that it was given.

    Args:
        profile: what it is.
        workloads: as the API lists them; may be set at any time.
        rules: how the listing behaves; may be set.
        free: what is free on each node; may be set. All of each node by default.
        before_page: called before each answer of the listing, e.g. to change the workloads between two pages;
            may be set.
    """

    def __init__(
        self,
        profile: Profile,
        workloads: Iterable[Item] = (),
        *,
        rules: ListingRules | None = None,
        free: Iterable[NodeResources] | None = None,
        before_page: Callable[[FixedPool, WorkloadQuery], None] | None = None,
    ) -> None:
        super().__init__(profile)
        self.rules = rules or ListingRules()
        self.free = (profile.node_capacity,) * profile.nodes if free is None else tuple(free)
        self.before_page = before_page
        self._ties = Random(0)  # noqa: S311  (no secret: the order of ties)
        self._selections: dict[WorkloadQuery, Sequence[Item]] = {}
        self.workloads = tuple(workloads)

    @property
    def workloads(self) -> tuple[Item, ...]:
        """What is listed."""
        return self._workloads

    @workloads.setter
    def workloads(self, workloads: Iterable[Item]) -> None:
        self._workloads = tuple(workloads)
        self._selections.clear()

    def select(self, query: WorkloadQuery) -> Sequence[Item]:
        """See `Pool`."""
        if self.before_page is not None:
            self.before_page(self, query)
        if self.rules.shuffled_ties and query.sort:
            matching = replace(query, sort=False).select(self._workloads)
            self._ties.shuffle(matching)
            return query.select(matching)
        # Otherwise a listing of many pages would sort everything for each of them.
        key = replace(query, offset=0, limit=MAX_PAGE_SIZE)
        if key not in self._selections:
            self._selections[key] = key.select(self._workloads)
        return self._selections[key]

    def page(self, query: WorkloadQuery) -> WorkloadPage:
        """See `Pool`."""
        selected = self.select(query)
        offset = {"items": query.offset, "pages": query.offset * query.limit, "ignored": 0}[self.rules.offset]
        items = replace(query, offset=offset).page(selected)
        return WorkloadPage(items, len(selected) if self.rules.total else None)

    def free_by_node(self) -> Sequence[NodeResources]:
        """See `Pool`."""
        return self.free
