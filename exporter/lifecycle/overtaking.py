"""Waiting workloads that others of lower priority have overtaken although they could have started. Pure.

Smaller workloads may start first where a larger one does not fit: that is ordinary. It is not ordinary if
what started had room in which the waiting one would have fitted. That is claimed if all of this holds:

- Both have the same type, and the one that waits has the higher priority.
- Both were waiting in the listing before, and neither has run before: a requeued workload may have to pause,
  and one that starts again may have kept its nodes.
- What started asks for at least as many cards of every kind, and as much CPU and memory.
- The nodes of what started would have been enough. The API does not say how a waiting workload will be
  spread: 8 cards may be one node or two halves. So each of them must have had room for all of it, or be a
  whole node, and they must be as many as others with the same request ran on. If no such workload was seen,
  and others of its type are spread thinly, nothing is claimed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from operator import attrgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from exporter.snapshot.workload import Workload

MAX_SHAPES = 1024
"""Requests of which is remembered on how many nodes they ran; a pool has some dozens."""

_request = attrgetter("type", "cpu_cores", "memory_bytes", "accelerators")
_shape = attrgetter("type", "priority", "cpu_cores", "memory_bytes", "accelerators")


@dataclass(slots=True)
class Shapes:
    """How the workloads of a pool are spread over nodes, as far as listings have shown.

    Attributes:
        node_cards: the most cards that a node has, by accelerator, as far as known.
        nodes: on how many nodes workloads ran, by their request.
        thin: the types of which a workload ran on several nodes, and not on whole ones as far as known.
    """

    node_cards: Mapping[str, float] = field(default_factory=dict)
    nodes: dict[object, set[int]] = field(default_factory=dict)
    thin: set[str] = field(default_factory=set)

    def learn(self, workloads: Iterable[Workload]) -> None:
        """Remember how these workloads are spread, as far as they are."""
        for workload in workloads:
            number = workload.nodes
            if not number or not workload.accelerators:
                continue
            if len(self.nodes) < MAX_SHAPES or _request(workload) in self.nodes:
                self.nodes.setdefault(_request(workload), set()).add(number)
            parts = ((name, cards / number) for name, cards in workload.accelerators)
            if number > 1 and any(part < self.node_cards.get(name, inf) for name, part in parts):
                self.thin.add(workload.type)

    def would_have_fitted(self, waiting: Workload, start: Workload) -> bool:
        """Whether the nodes of what started have enough cards for what waits, however that is spread."""
        wanted = {name: cards for name, cards in waiting.accelerators if cards > 0}
        given = {name: cards / (start.nodes or 1) for name, cards in start.accelerators}
        if not wanted or not start.nodes or not wanted.keys() <= given.keys():
            return False
        if any(given[name] < min(cards, self.node_cards.get(name, inf)) for name, cards in wanted.items()):
            return False
        ran_on = self.nodes.get(_request(waiting))
        if ran_on is None:
            return max(wanted.values()) <= 1 or waiting.type not in self.thin
        return max(ran_on) <= start.nodes


def newly_overtaken(
    workloads: Sequence[Workload],
    started: Iterable[Workload],
    waited: Callable[[str], bool],
    shapes: Shapes,
) -> set[str]:
    """The uids of the waiting workloads that one of `started` has overtaken.

    Args:
        workloads: of a listing.
        started: those of them that waited in the listing before, and have started for the first time.
        waited: whether a workload, by uid, waited in the listing before and has not run before.
        shapes: how workloads are spread, `started` included.
    """
    starts = [workload for workload in started if workload.sized]
    if not starts:
        return set()
    waiting: dict[object, list[Workload]] = {}
    for workload in workloads:  # thousands share a few shapes
        if workload.waiting and workload.sized:
            waiting.setdefault(_shape(workload), []).append(workload)
    return {
        workload.uid
        for alike in waiting.values()
        if any(_overtakes(start, alike[0], shapes) for start in starts)
        for workload in alike
        if waited(workload.uid)
    }


def _overtakes(start: Workload, waiting: Workload, shapes: Shapes) -> bool:
    given = dict(start.accelerators)
    return (
        start.type == waiting.type
        and start.rank is not None
        and waiting.rank is not None
        and start.rank < waiting.rank
        and _covers(start.cpu_cores, waiting.cpu_cores)
        and _covers(start.memory_bytes, waiting.memory_bytes)
        and all(given.get(name, 0.0) >= cards for name, cards in waiting.accelerators)
        and shapes.would_have_fitted(waiting, start)
    )


def _covers(given: float | None, wanted: float | None) -> bool:
    return wanted is None or (given is not None and given >= wanted)
