"""The reason for which a workload waits: from its request and the pool's room, and from the queue's order."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from exporter.snapshot.resources import Amounts
from exporter.snapshot.waiting import CANNOT_START

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from exporter.snapshot.resources import FreeCards
    from exporter.snapshot.waiting import Reason
    from exporter.snapshot.workload import Workload
    from exporter.waiting.room import Room


class Request(NamedTuple):
    """What a workload asks for. Thousands of workloads share a few requests.

    Attributes:
        cpu_cores, memory_bytes, accelerators, flavor, sized: as for `Workload`.
    """

    cpu_cores: float | None
    memory_bytes: float | None
    accelerators: tuple[tuple[str, float], ...]
    flavor: str
    sized: bool

    @property
    def wanted(self) -> Mapping[str, float]:
        """The amounts over 0, by resource."""
        known = Amounts(self.cpu_cores, self.memory_bytes, self.accelerators).known
        return {resource: amount for resource, amount in known.items() if amount > 0}

    @property
    def complete(self) -> bool:
        """Whether all of it is known, and it asks for something."""
        return self.sized and bool(self.wanted)


def own_reason(request: Request, room: Room) -> Reason:
    """Why a workload with this request cannot start, whatever waits ahead of it.

    `unexplained` if it fits. Amounts that are not known prove nothing: what is lacking of another resource
    still does.
    """
    wanted = request.wanted
    if any(amount > room.most[resource] for resource, amount in wanted.items() if resource in room.most):
        return "exceeds_pool"
    if any(amount > room.free[resource] for resource, amount in wanted.items() if resource in room.free):
        return "no_room"
    if not request.complete or wanted.keys() - room.free.keys():
        return "unknown"
    if room.cards is not None and _fragmented(request, room.cards):
        return "fragmented"
    return "unexplained"


def _fragmented(request: Request, cards: FreeCards) -> bool:
    """Whether the free cards are spread so that the request does not fit on the nodes.

    The API does not say how a waiting workload will be spread. What is known is the size of the nodes: a
    workload takes a part of one node, or several whole ones. Where the nodes differ, or its flavor is not
    that of a node, nothing is claimed.
    """
    for accelerator, wanted in request.accelerators:
        nodes = cards.nodes_for(request.flavor, accelerator)
        if nodes is None or wanted <= 0 or not nodes.size:
            continue
        if wanted <= nodes.size:
            number, each = 1, wanted
        elif wanted % nodes.size == 0:
            number, each = int(wanted // nodes.size), nodes.size
        else:
            continue
        if nodes.with_free(each) < number:
            return True
    return False


def blocked_by(
    workloads: Sequence[Workload], reasons: Mapping[str, Reason], which: frozenset[Reason]
) -> set[str]:
    """The uids of the waiting workloads with one of `which` reasons ahead of them.

    Of two workloads with a position, the one with the smaller position is ahead. Otherwise, of two of the
    same type, one is ahead if it is older and its priority is not lower: the reference says that higher
    priorities run first. Nothing else is claimed. It is not known whether each type has a queue of its own;
    where two workloads have the same position, only positions of the same type are compared.

    Args:
        workloads: those that wait.
        reasons: their own reasons, by uid.
        which: the reasons of a workload that blocks.
    """
    blocking = [workload for workload in workloads if reasons[workload.uid] in which]
    if not blocking:
        return set()
    placed = [workload.position for workload in workloads if workload.position is not None]
    one_queue = len(set(placed)) == len(placed)
    first: dict[str, int] = {}
    for workload in blocking:
        if workload.position is not None:
            queue = "" if one_queue else workload.type
            first[queue] = min(first.get(queue, workload.position), workload.position)
    by_age, by_age_unplaced = _Oldest(), _Oldest()
    for workload in blocking:
        by_age.add(workload)
        if workload.position is None:
            by_age_unplaced.add(workload)

    def is_behind(workload: Workload) -> bool:
        if workload.position is None:
            return by_age.ahead_of(workload)
        head = first.get("" if one_queue else workload.type)
        return (head is not None and workload.position > head) or by_age_unplaced.ahead_of(workload)

    return {workload.uid for workload in workloads if is_behind(workload)}


class _Oldest:
    """The oldest of some workloads, by type and priority."""

    def __init__(self) -> None:
        self._created: dict[tuple[str, int], float] = {}

    def add(self, workload: Workload) -> None:
        if workload.rank is not None and workload.created is not None:
            key = workload.type, workload.rank
            self._created[key] = min(self._created.get(key, workload.created), workload.created)

    def ahead_of(self, workload: Workload) -> bool:
        """Whether one of them is older than this workload, and its priority is not lower."""
        rank, created = workload.rank, workload.created
        if rank is None or created is None:
            return False
        return any(
            oldest < created
            for (kind, other), oldest in self._created.items()
            if kind == workload.type and other >= rank
        )


def reasons_of(
    workloads: Sequence[Workload], own: Mapping[str, Reason], room: Room, *, fifo: bool
) -> dict[str, Reason]:
    """Why each waiting workload waits, by uid.

    Args:
        workloads: those that wait.
        own: what `own_reason` says of each, by uid.
        room: of the pool.
        fifo: whether no workload passes one that cannot start, as far as configured.
    """
    if room.unwell:
        return dict.fromkeys(own, "pool_unwell")
    if not fifo:
        return dict(own)
    behind = blocked_by(workloads, own, CANNOT_START)
    return {
        uid: "behind_head" if reason == "unexplained" and uid in behind else reason
        for uid, reason in own.items()
    }
