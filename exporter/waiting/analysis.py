"""Everything that is said about the waiting workloads of a pool."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING

from exporter.snapshot.pool import Expiring, value_at
from exporter.snapshot.waiting import FITS, REASONS, Waiting
from exporter.snapshot.workload import CPU, MEMORY, OTHER, PRIORITIES, TYPES
from exporter.waiting.reasons import Request, blocked_by, own_reason, reasons_of
from exporter.waiting.room import room_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from exporter.snapshot.pool import PoolState
    from exporter.snapshot.waiting import Reason
    from exporter.snapshot.workload import Workload
    from exporter.waiting.room import Room
    from exporter.waiting.strategies import Meaning

_request = attrgetter("cpu_cores", "memory_bytes", "accelerators", "flavor", "sized")


def with_waiting(state: PoolState, meaning: Meaning | None, now: float) -> PoolState:
    """The state with `waiting` computed from everything else in it.

    Args:
        state: the pool.
        meaning: of its queue strategy; None if not known.
        now: the monotonic moment. Without a listing that is fresh then, `waiting` is None.
    """
    if state.listing is None or now >= state.fresh_until:
        return replace(state, waiting=None)
    before = value_at(state.waiting, now)
    parts = (state.capacity, state.free_cards, state.description)
    ends = (part.fresh_until for part in parts if part and now < part.fresh_until)
    fresh_until = min((state.fresh_until, *ends))
    waiting = _waiting(state, room_of(state, now), meaning, before, now)
    return replace(state, waiting=Expiring(waiting, fresh_until))


def _waiting(
    state: PoolState, room: Room, meaning: Meaning | None, before: Waiting | None, now: float
) -> Waiting:
    assert state.listing is not None  # noqa: S101  (the caller has checked)
    workloads = [workload for workload in state.listing.workloads if workload.waiting]
    requests = [Request._make(_request(workload)) for workload in workloads]
    by_request = {request: own_reason(request, room) for request in set(requests)}
    own = {workload.uid: by_request[request] for workload, request in zip(workloads, requests, strict=True)}
    reasons = reasons_of(workloads, own, room, fifo=meaning == "fifo")
    never = {uid for uid, reason in own.items() if reason == "exceeds_pool"}
    if never and meaning != "passing":
        never |= blocked_by(workloads, own, frozenset({"exceeds_pool"}))
    fits = [workload for workload in workloads if own[workload.uid] in FITS]
    # What fits at the first look may have fitted for days.
    continues = before is not None and before.fitting is not None
    known = before.fits_since if before is not None and continues else {}
    since = {workload.uid: known.get(workload.uid, now) for workload in fits}
    own_cards = _cards(workloads, own, room)
    asked = {name for workload in workloads for name, number in workload.accelerators if number > 0}
    return Waiting(
        reasons=reasons,
        workloads=_counts(workloads, reasons),
        accelerators=_cards(workloads, reasons, room),
        head=_head(workloads, state.listing.head, room),
        idle={name: room.free[name] for name in sorted(asked & room.free.keys())},
        short={
            name: max(
                0.0,
                sum(own_cards[name, reason] for reason in REASONS if reason != "exceeds_pool")
                - room.free[name],
            )
            for name in sorted(asked & room.free.keys())
        },
        fitting=None
        if not room.free
        or any(reason == "unknown" and request.complete for request, reason in by_request.items())
        else dict.fromkeys(TYPES, 0) | Counter(workload.type for workload in fits),
        fits_since=since,
        longest_fitting=now - min(since.values(), default=now) if continues or not since else None,
        never=frozenset(never),
        # Where it is not known how the queue is meant to work, nothing is said about fairness.
        overtaken=_overtaken(workloads, state.listing.overtaken) if meaning else None,
        unmatched=tuple(sorted(asked - room.most.keys() - {OTHER})) if room.most else (),
    )


def _overtaken(
    workloads: Iterable[Workload], uids: frozenset[str] | None
) -> Mapping[tuple[str, str], int] | None:
    if uids is None:
        return None
    counts = {(kind, priority): 0 for kind in TYPES for priority in PRIORITIES}
    return counts | Counter((one.type, one.priority) for one in workloads if one.uid in uids)


def _counts(workloads: Iterable[Workload], reasons: Mapping[str, Reason]) -> Mapping[tuple[str, str], int]:
    counts: dict[tuple[str, str], int] = {(kind, reason): 0 for kind in TYPES for reason in REASONS}
    for (kind, reason), count in Counter((one.type, reasons[one.uid]) for one in workloads).items():
        for other in REASONS:  # an undocumented type has all reasons, too
            counts.setdefault((kind, other), 0)
        counts[kind, reason] = count
    return counts


def _cards(
    workloads: Sequence[Workload], reasons: Mapping[str, Reason], room: Room
) -> dict[tuple[str, str], float]:
    shapes = Counter((workload.accelerators, reasons[workload.uid]) for workload in workloads)
    names = {name for accelerators, _ in shapes for name, _ in accelerators}
    names |= _accelerators(room.most)
    cards: dict[tuple[str, str], float] = {
        (name, reason): 0.0 for name in sorted(names) for reason in REASONS
    }
    for (accelerators, reason), count in shapes.items():
        for name, number in accelerators:
            cards[name, reason] += count * number
    return cards


def _head(workloads: Iterable[Workload], uid: str | None, room: Room) -> dict[str, float]:
    first = next((workload for workload in workloads if workload.uid == uid), None)
    if first is None:
        return {}
    return dict.fromkeys(sorted(_accelerators(room.most)), 0.0) | dict(first.accelerators)


def _accelerators(amounts: Mapping[str, float]) -> set[str]:
    return {name for name in amounts if name not in {CPU, MEMORY}}
