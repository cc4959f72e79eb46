"""Decodes the nodes of a pool: its free cards.

Source: the API reference's "Obtaining Nodes in a Resource Pool" (ListPoolNodes). A node's free cards
are taken from `availableResources`; if they are missing there, from the annotation `npu-topology-placement`,
which marks occupied cards. If both are missing and other resources are available, no card is free,
because this API leaves out zeros. Nodes that take no workloads have no free cards, whatever they report:
labels, annotations and taints tell, by their names in the SDK 3.1.219.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from exporter.api.json import decode_list, json_object
from exporter.api.label_limits import LabelValues, accelerator_labels
from exporter.api.quantities import ParsedAmounts, parse_amounts
from exporter.api.schema import NODE_LIST, PLACEMENT_ANNOTATION
from exporter.common.errors import EndlessList
from exporter.snapshot.resources import UNSCHEDULABLE, Amounts, FlavorNodes, FreeCards

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from concurrent.futures import Executor

    from exporter.api.schema import WireItem

MAX_NODES = 50_000
"""Of one pool; without a limit a cursor could go on forever."""

MAX_ANSWERS = 100
"""Of one pool. `MAX_NODES` take as many; short answers could otherwise keep coming."""

_AVAILABLE = "Available"
"""The only phase in which a node takes jobs. Also documented: Creating, Deleting, Abnormal, Checking."""

_DRAIN_ANNOTATION = "os.modelarts.node/drain"
_SPARE_LABEL = "os.modelarts.node/ha.redundant.enabled"
_OWNER_LABEL = "os.modelarts.node/elastic.quota"
"""The ID of the logical pool to which the node is bound."""
_CABINET_LABEL = "os.modelarts.node/volcano.scheduler.cabinet-exclusive"
"""The ID of the job that has the node's whole cabinet for itself."""
_NOT_SET = {"", "false"}
_KEEPING_AWAY = {"NoSchedule", "NoExecute"}
"""Effects of a taint."""

_PLACEMENTS = ({"0"}, {"1"}, {"0", "1"})
"""The characters of a valid placement; an empty one is invalid."""

_NO_AMOUNTS = ParsedAmounts(Amounts(), ())


@dataclass(frozen=True, slots=True)
class CountedCards:
    """The free cards of one pool.

    Attributes:
        free: the cards.
        unparsable: how many quantities could not be parsed, by resource.
    """

    free: FreeCards
    unparsable: Mapping[str, int]


async def read_free_cards(
    fetch: Callable[[str], Awaitable[bytes]],
    *,
    pool: str,
    worker: Executor,
    where: str,
    accelerators: Mapping[str, str] | None = None,
) -> CountedCards:
    """Read all nodes of a pool, answer by answer.

    Args:
        fetch: returns the answer at a cursor; the first is "".
        pool: the pool's ID.
        worker: decodes answers off the event loop.
        where: the request, for the error.
        accelerators: what accelerators are called in requests, by their names here, where they differ.

    Raises:
        PollError: a request failed.
        BadResponse: an answer is not a list of nodes.
        EndlessList: there is a cursor, but no new nodes, or too many; or the cursor leads back.
    """
    loop, counting = asyncio.get_running_loop(), _Counting(pool, accelerator_labels(accelerators))
    cursor, cursors = "", {""}
    while True:
        before = len(counting.seen)
        cursor = await loop.run_in_executor(worker, counting.take, await fetch(cursor), where)
        if not cursor:
            return CountedCards(counting.free_cards(), counting.unparsable)
        seen, again = len(counting.seen), cursor in cursors
        if again or seen == before or seen > MAX_NODES or len(cursors) >= MAX_ANSWERS:
            raise EndlessList(
                f"the list of nodes does not end after {seen:,} nodes in {len(cursors):,} answers"
                + (": the cursor leads back" if again else ""),
                where=where,
                status=HTTPStatus.OK,
                advice="check that the endpoint is ModelArts, and that no proxy changes its answers; "
                "this pool's nodes are not asked for again within an hour",
            )
        cursors.add(cursor)


@dataclass(slots=True)
class _Counting:
    """The nodes counted so far.

    Attributes:
        pool: the pool's ID.
    """

    pool: str
    _labels: LabelValues
    unparsable: Counter[str] = field(default_factory=Counter)
    seen: set[str] = field(default_factory=set)
    _total: dict[str, float] = field(default_factory=dict)
    _most: dict[str, float] = field(default_factory=dict)
    _free: dict[tuple[str, str], Counter[float]] = field(default_factory=dict)
    _sizes: dict[tuple[str, str], set[float]] = field(default_factory=dict)
    _flavors: LabelValues = field(default_factory=LabelValues)
    _unschedulable: Counter[str] = field(default_factory=Counter)

    def take(self, body: bytes, where: str) -> str:
        """Count the nodes of an answer that are new; returns the cursor of the next answer."""
        listed = decode_list(body, what="nodes", kind=NODE_LIST, where=where)
        new = listed.items.keys() - self.seen
        for name in new:
            self._add(listed.items[name])  # not stored: a node keeps the whole answer in memory
        self.seen |= new
        return listed.next

    def free_cards(self) -> FreeCards:
        """What was counted."""
        return FreeCards(
            self._total,
            self._most,
            {
                key: FlavorNodes(sizes.pop() if len(sizes) == 1 else 0.0, self._free.get(key, {}))
                for key, sizes in self._sizes.items()
            },
            dict.fromkeys(UNSCHEDULABLE, 0) | self._unschedulable,
        )

    def _add(self, node: WireItem) -> None:
        status = json_object(node.status)
        whole, available = _resources(status, "resources"), _resources(status, "availableResources")
        self.unparsable.update((*whole.unparsable, *available.unparsable))
        why = _unschedulable(node, status, self.pool)
        if why:
            self._unschedulable[why] += 1
        free = _free_cards(node, status, whole.amounts, available)
        for name, cards in free.items():
            label, takes = self._labels[name], 0.0 if why else cards
            self._total[label] = self._total.get(label, 0.0) + takes
            self._most[label] = max(self._most.get(label, 0.0), takes)
        flavor = json_object(node.spec).get("flavor")
        if why or not isinstance(flavor, str):
            return
        for name, size in whole.amounts.accelerators:
            key = self._flavors[flavor], self._labels[name]
            self._sizes.setdefault(key, set()).add(size)
            if name in free:
                self._free.setdefault(key, Counter())[free[name]] += 1


def _unschedulable(node: WireItem, status: Mapping[str, Any], pool: str) -> str | None:
    """Why the node takes no workloads, one of `UNSCHEDULABLE`; None if it does as far as known."""
    labels, annotations = json_object(node.metadata.labels), json_object(node.metadata.annotations)
    taints = status.get("taints")
    if status.get("phase", _AVAILABLE) != _AVAILABLE:
        return "abnormal"
    if _set(annotations, _DRAIN_ANNOTATION):
        return "draining"
    if any(
        isinstance(taint, dict) and str(taint.get("effect")) in _KEEPING_AWAY
        for taint in (taints if isinstance(taints, list) else ())
    ):
        return "tainted"
    owner = labels.get(_OWNER_LABEL)
    if _set(labels, _SPARE_LABEL) or _set(labels, _CABINET_LABEL) or (owner and owner != pool):
        return "reserved"
    return None


def _set(values: Mapping[str, Any], key: str) -> bool:
    return str(values.get(key) or "").lower() not in _NOT_SET


def _resources(status: Mapping[str, Any], kind: str) -> ParsedAmounts:
    table = status.get(kind)
    return parse_amounts(table) if isinstance(table, dict) else _NO_AMOUNTS


def _free_cards(
    node: WireItem, status: Mapping[str, Any], whole: Amounts, available: ParsedAmounts
) -> Mapping[str, float]:
    """The free cards of one node; an accelerator whose free cards are unknown is left out."""
    reported = dict(available.amounts.accelerators)
    has = dict(whole.accelerators) | reported
    if status.get("phase", _AVAILABLE) != _AVAILABLE:
        return dict.fromkeys(has, 0.0)  # whatever else it says
    occupied = json_object(node.metadata.annotations).get(PLACEMENT_ANNOTATION)
    if len(has) == 1 and not reported and isinstance(occupied, str) and set(occupied) in _PLACEMENTS:
        return {name: max(0.0, cards - occupied.count("1")) for name, cards in whole.accelerators}
    if not available.amounts.known:
        return {}
    free = available.zero_filled(has)
    return {name: free[name] for name in has if name in free}
