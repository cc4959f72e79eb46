"""A pool behind the API: what it is, and the listing of its workloads with filters, order and pages."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from exporter.simulator.jobs import GIB
from exporter.simulator.nodes import NodeResources

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Item = object
"""A workload as the API lists it: a JSON object. Tests also list things that are none."""

MAX_PAGE_SIZE = 500
_MAX_OFFSET = 2**31 - 1


class BadQuery(ValueError):
    """The query is not a documented one."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A pool, apart from what runs in it.

    Attributes:
        id: 36 to 63 characters; `metadata.name`, and `pool_name` in the API's paths.
        name: the display name; empty for none.
        workspace: the ID of its workspace.
        phase: Creating, Running, Abnormal, Deleting, Error, CreationFailed, ScalingFailed or Waiting.
        strategy: the word for its queue strategy. No documentation lists the real ones, so these are the
            simulator's own.
        parent: the ID of the pool that it is a share of; "" for a pool with nodes of its own.
        flavor: the specification of its nodes.
        accelerator: the resource name of its cards.
        nodes: number of nodes.
        cards: per node.
        cpu: cores per node.
        memory: GiB per node.
    """

    id: str
    name: str = ""
    workspace: str = "0"
    phase: str = "Running"
    strategy: str = "simulator-passing"
    parent: str = ""
    flavor: str = "modelarts.bm.npu.arm.8snt9b"
    accelerator: str = "huawei.com/ascend-1980"
    nodes: int = 4
    cards: int = 8
    cpu: int = 192
    memory: int = 1536

    @property
    def node_capacity(self) -> NodeResources:
        """What is free on a node on which nothing runs."""
        return NodeResources((1 << self.cards) - 1, self.cpu * 1000, self.memory * GIB)


@dataclass(frozen=True, slots=True)
class WorkloadQuery:
    """The query of the listing endpoint.

    Attributes:
        type: only this type; empty for all.
        status: only this status; empty for all.
        hosts: only what runs on one of these addresses; a listing by host has no pages.
        sort: by createTime; otherwise in the pool's own order.
        ascend: oldest first; only with `sort`.
        offset: where the page begins.
        limit: maximum number of items, 1 to 500.
    """

    type: str = ""
    status: str = ""
    hosts: frozenset[str] = frozenset()
    sort: bool = False
    ascend: bool = False
    offset: int = 0
    limit: int = MAX_PAGE_SIZE

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> WorkloadQuery:
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
            offset=_number("offset", query.get("offset", ""), _MAX_OFFSET),
            limit=_number("limit", query.get("limit", ""), MAX_PAGE_SIZE) or MAX_PAGE_SIZE,
        )

    def select(self, items: Iterable[Item]) -> list[Item]:
        """The items that match, in the query's order, all pages. Items of equal createTime stay in order."""
        selected = [item for item in items if self._matches(item)]
        if self.sort:
            selected.sort(key=_created, reverse=not self.ascend)
        return selected

    def page(self, selected: Sequence[Item]) -> Sequence[Item]:
        """The query's page of what `select` returned."""
        return selected if self.hosts else selected[self.offset : self.offset + self.limit]

    def _matches(self, item: Item) -> bool:
        fields = item if isinstance(item, dict) else {}
        if self.type and fields.get("type") != self.type:
            return False
        if self.status and fields.get("status") != self.status:
            return False
        return not self.hosts or not self.hosts.isdisjoint(str(fields.get("hostIps", "")).split(","))


class WorkloadPage(NamedTuple):
    """One page of a listing.

    Attributes:
        items: the workloads of the page.
        total: how many workloads match on all pages; None if the answer does not say it.
    """

    items: Sequence[Item]
    total: int | None


class Pool(ABC):
    """A pool behind the API's endpoints.

    Args:
        profile: what it is.

    Attributes:
        events: its scheduled events, as the API lists them; may be set.
    """

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.events: Sequence[Item] = ()

    @abstractmethod
    def select(self, query: WorkloadQuery) -> Sequence[Item]:
        """The workloads that match at this moment, in the query's order, all pages."""

    @abstractmethod
    def free_by_node(self) -> Sequence[NodeResources]:
        """What is free on each node at this moment."""

    def counted(self) -> Sequence[Item]:
        """The workloads that the runtime metrics count at this moment. Not a listing."""
        return self.select(WorkloadQuery())

    def page(self, query: WorkloadQuery) -> WorkloadPage:
        """The answer of the listing endpoint."""
        selected = self.select(query)
        return WorkloadPage(query.page(selected), len(selected))


def _created(item: Item) -> float:
    created = item.get("createTime") if isinstance(item, dict) else None
    try:
        return float(created)  # type: ignore[arg-type]  # whatever it is, the errors are caught
    except (TypeError, ValueError):
        return 0.0


def _number(name: str, text: str, maximum: int) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit()) or int(text) > maximum:
        raise BadQuery(name)
    return int(text)
