"""The nodes of a pool -> its free cards.

Source: the API reference's "Obtaining Nodes in a Resource Pool" (ListPoolNodes). `availableResources` is
taken first; where it does not tell, `npu-topology-placement` says which of the node's cards are occupied.
Where that does not tell either, and other resources are available, there are no cards: this API leaves out
zeros.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from exporter.api.json import decode_list, json_object
from exporter.api.label_limits import LabelValues, accelerator_labels
from exporter.api.quantities import ParsedAmounts, parse_amounts
from exporter.api.schema import PLACEMENT_ANNOTATION
from exporter.common.errors import BadResponse
from exporter.snapshot.resources import Amounts, FreeCards

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from concurrent.futures import Executor

    from exporter.api.schema import WireItem

MAX_NODES = 50_000
"""Of one pool; a cursor may lead on for ever."""

_AVAILABLE = "Available"
"""The one phase in which a node takes jobs; documented besides: Creating, Deleting, Abnormal, Checking."""

_PLACEMENTS = ({"0"}, {"1"}, {"0", "1"})
"""What a placement consists of; nothing at all is none."""

_NOTHING = ParsedAmounts(Amounts(), ())


@dataclass(frozen=True, slots=True)
class CountedCards:
    """What the nodes of one pool say.

    Attributes:
        free: the cards.
        unparsable: how many quantities were in no known form, by resource.
    """

    free: FreeCards
    unparsable: Mapping[str, int]


async def read_free_cards(
    fetch: Callable[[str], Awaitable[bytes]], *, worker: Executor, where: str
) -> CountedCards:
    """Read all nodes of a pool, answer by answer.

    Args:
        fetch: brings the answer that begins at a cursor; the first at "".
        worker: counts what is in it, off the event loop.
        where: what was asked, for the error.

    Raises:
        PollError: an answer could not be had.
        BadResponse: it is no list of nodes, or the cursor leads to no others, or to too many.
    """
    loop, counting, cursor, seen = asyncio.get_running_loop(), _Counting(), "", 0
    while True:
        cursor = await loop.run_in_executor(worker, counting.take, await fetch(cursor), where)
        before, seen = seen, len(counting.seen)
        if not cursor:
            return CountedCards(FreeCards(counting.total, counting.most), counting.unparsable)
        if seen == before or seen > MAX_NODES:
            raise BadResponse(
                f"the list of nodes goes on and on after {seen:,} nodes",
                where=where,
                status=200,
                advice="the cloud contradicts itself",
            )


@dataclass(slots=True)
class _Counting:
    """The cards counted so far."""

    total: dict[str, float] = field(default_factory=dict)
    most: dict[str, float] = field(default_factory=dict)
    unparsable: Counter[str] = field(default_factory=Counter)
    seen: set[str] = field(default_factory=set)
    _kinds: LabelValues = field(default_factory=accelerator_labels)

    def take(self, body: bytes, where: str) -> str:
        """Count the nodes of an answer that are in none before it; returns the cursor of the next one."""
        listed = decode_list(body, what="nodes", where=where)
        new = listed.items.keys() - self.seen
        for name in new:
            self._add(listed.items[name])  # and not kept: it would keep its whole answer in memory
        self.seen |= new
        return listed.next

    def _add(self, node: WireItem) -> None:
        status = json_object(node.status)
        whole, available = _resources(status, "resources"), _resources(status, "availableResources")
        self.unparsable.update((*whole.unparsable, *available.unparsable))
        for name, cards in _free_cards(node, status, whole.amounts, available).items():
            kind = self._kinds[name]
            self.total[kind] = self.total.get(kind, 0.0) + cards
            self.most[kind] = max(self.most.get(kind, 0.0), cards)


def _resources(status: Mapping[str, Any], kind: str) -> ParsedAmounts:
    table = status.get(kind)
    return parse_amounts(table) if isinstance(table, dict) else _NOTHING


def _free_cards(
    node: WireItem, status: Mapping[str, Any], whole: Amounts, available: ParsedAmounts
) -> Mapping[str, float]:
    """The free cards of one node; an accelerator is missing where the node does not tell."""
    told = dict(available.amounts.accelerators)
    has = dict(whole.accelerators) | told
    if status.get("phase", _AVAILABLE) != _AVAILABLE:
        return dict.fromkeys(has, 0.0)
    occupied = json_object(node.metadata.annotations).get(PLACEMENT_ANNOTATION)
    if len(has) == 1 and not told and isinstance(occupied, str) and set(occupied) in _PLACEMENTS:
        return {name: max(0.0, cards - occupied.count("1")) for name, cards in whole.accelerators}
    if not available.amounts.known:
        return {}
    free = available.zero_filled(has)
    return {name: free[name] for name in has if name in free}
