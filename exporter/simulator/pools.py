"""What the API needs of a pool, and the pool whose workloads are given as a list."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Protocol

from exporter.simulator.listing import Item, ListingRules, Query, select
from exporter.simulator.nodes import Room
from exporter.simulator.spelling import GIB

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


@dataclass(frozen=True, slots=True)
class Profile:
    """A pool, apart from what runs in it.

    Attributes:
        id: 36 to 63 characters; `metadata.name`, and what the API's paths call `pool_name`.
        name: the display name; empty for none.
        workspace: the ID of its workspace.
        phase: Creating, Running, Abnormal, Deleting or Error.
        flavor: the specification of its nodes.
        accelerator: the key of its cards.
        nodes: how many.
        cards: per node.
        cpu: cores per node.
        memory: GiB per node.
    """

    id: str
    name: str = ""
    workspace: str = "0"
    phase: str = "Running"
    flavor: str = "modelarts.bm.npu.arm.8snt9b"
    accelerator: str = "huawei.com/ascend-1980"
    nodes: int = 4
    cards: int = 8
    cpu: int = 192
    memory: int = 1536

    @property
    def whole_node(self) -> Room:
        """A node on which nothing runs."""
        return Room((1 << self.cards) - 1, self.cpu * 1000, self.memory * GIB)


class Pool(Protocol):
    """A pool behind the API's endpoints."""

    @property
    def profile(self) -> Profile:
        """What it is."""
        ...

    @property
    def rules(self) -> ListingRules:
        """How its listing behaves where the documentation leaves that open."""
        ...

    def select(self, query: Query) -> Sequence[Item]:
        """The workloads of a query at this moment, in its order, all pages."""
        ...

    def rooms(self) -> Sequence[Room]:
        """What is free on each node at this moment."""
        ...


class FixedPool:
    """A pool with exactly the workloads that it was given; for tests.

    Args:
        profile: what it is.
        workloads: as the API shall list them; may be set anew at any time.
        rules: how the listing behaves; may be set anew.
        free: what is free on each node; may be set anew. Nothing is taken if not given.
        before_page: called before each answer to a listing request, e.g. to change the workloads
            between two pages; may be set anew.
    """

    def __init__(
        self,
        profile: Profile,
        workloads: Iterable[Item] = (),
        *,
        rules: ListingRules | None = None,
        free: Iterable[Room] | None = None,
        before_page: Callable[[FixedPool, Query], None] | None = None,
    ) -> None:
        self.profile = profile
        self.rules = rules or ListingRules()
        self.free = (profile.whole_node,) * profile.nodes if free is None else tuple(free)
        self.before_page = before_page
        self._ties = Random(0)  # noqa: S311  (no secret: the order of ties)
        self._selections: dict[Query, Sequence[Item]] = {}
        self.workloads = tuple(workloads)

    @property
    def workloads(self) -> tuple[Item, ...]:
        """What is listed."""
        return self._workloads

    @workloads.setter
    def workloads(self, workloads: Iterable[Item]) -> None:
        self._workloads = tuple(workloads)
        self._selections.clear()

    def select(self, query: Query) -> Sequence[Item]:
        """See `Pool`."""
        if self.before_page is not None:
            self.before_page(self, query)
        if self.rules.shuffled_ties:
            return select(self._workloads, query, self._ties)
        # A test's listing of many pages would otherwise sort everything for each of them.
        key = query.selection
        if key not in self._selections:
            self._selections[key] = select(self._workloads, key)
        return self._selections[key]

    def rooms(self) -> Sequence[Room]:
        """See `Pool`."""
        return self.free
