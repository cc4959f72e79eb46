"""What happened to a pool's workloads between two listings. Pure.

What is known of a workload is one of three stages:

    WAITING    status Queue or Pending; it has not been given its resources, as far as anybody can tell
    STARTED    status Creating or Running, or any other with a runningDuration over 0
    FINISHED   status Completed, Terminated or Failed

Abnormal, Terminating and statuses that no documentation names do not tell whether a workload has its
resources: it stays in the stage that it was in, WAITING for one not seen before.

| from | to | counts as |
|---|---|---|
| not seen before | any | created, and then like one that waited |
| WAITING | STARTED | started |
| WAITING | FINISHED | finished; also started if it is Completed, or has a runningDuration over 0 |
| STARTED | FINISHED | finished |
| STARTED, FINISHED | WAITING | requeued |
| FINISHED | STARTED | started: it runs anew |
| WAITING, STARTED | vanished | finished, with the end "unknown" |
| FINISHED | vanished | nothing |

A workload has vanished when two complete listings in a row lack it: one answer that is empty or short by
mistake counts nothing, for what it lacks is back in the next. An incomplete listing says nothing of what it
does not show; what incomplete ones have not shown for a day is forgotten, and counts nothing. One that comes
back after it was forgotten counts as not seen before.

One not seen before that was created before the pool was first listed, by a margin for clocks that differ, was
only not shown then: the first listing may have been empty or short by mistake. It is remembered, and counts
nothing until it changes. One that nobody knows the creation of is taken for new.

What happens between two listings is counted when the next one is read, however late that is, and once.
What is undone between them is not seen: a start and a requeue, or, where finished workloads are not listed, a
whole life.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from exporter.common.clock import MAX_SKEW
from exporter.snapshot.workload import FINISHED, UNKNOWN, shared

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from exporter.snapshot.pool import Listing
    from exporter.snapshot.workload import Workload

_HOLDING = frozenset({"Creating", "Running"})
_RUNNING = "Running"
_COMPLETED = "Completed"

UNSHOWN = 86400.0
"""Seconds after which what incomplete listings do not show is forgotten, so that memory has an end."""


class Stage(IntEnum):
    """How far a workload has got; see the module's table. Kept in state files: numbers hold for good."""

    WAITING = 0
    STARTED = 1
    FINISHED = 2


class Seen(msgspec.Struct, frozen=True, gc=False):
    """What is remembered of a workload. Changes with its status, not with its durations.

    A msgspec.Struct for its size: there is one for every workload.

    Attributes:
        type: of the workload.
        status: when it was last listed; None while the last complete listing lacks it.
        stage: how far it has got.
        running_since: Unix seconds; None where it was not seen to run.
        missing_since: Unix seconds of the listing before the first complete one that lacks it, or of the
            first incomplete one that does not show it; None while the last one shows it.
    """

    type: str
    status: str | None
    stage: Stage
    running_since: float | None = None
    missing_since: float | None = None


class Created(NamedTuple):
    """A workload appeared."""

    type: str


class Started(NamedTuple):
    """A workload was given its resources, after a wait in seconds; None where that is not known."""

    type: str
    priority: str
    waited: float | None


class Finished(NamedTuple):
    """A workload ended, after a run in seconds; None where it did not run, or that is not known."""

    type: str
    end: str
    ran: float | None


class Requeued(NamedTuple):
    """A workload waits again."""

    type: str


Event = Created | Started | Finished | Requeued


class Comparison(NamedTuple):
    """What one listing tells beyond those before it.

    Attributes:
        events: what happened.
        changed: what to remember of workloads that are new, or are not as remembered.
        gone: uids to forget.
        departed: the types of the workloads that were seen to wait, and have started.
    """

    events: tuple[Event, ...]
    changed: Mapping[str, Seen]
    gone: tuple[str, ...]
    departed: tuple[str, ...]


class Moments(NamedTuple):
    """When the listings were read, in Unix seconds.

    Attributes:
        now: when this one was.
        before: when the one before it was.
        known_from: a workload not seen before that was created earlier than this, or nobody knows when, was
            only never shown. It is remembered, and nothing is counted.
        began: when the pool was first listed. So was one that was created earlier, by more than `MAX_SKEW`.
    """

    now: float
    before: float
    known_from: float
    began: float


def compare(seen: Mapping[str, Seen], listing: Listing, moments: Moments) -> Comparison:
    """Compare a listing with what is remembered of those before it.

    Args:
        seen: what is remembered, by uid.
        listing: what was read.
        moments: when.
    """
    events: list[Event] = []
    changed: dict[str, Seen] = {}
    known = seen.get
    departed: list[str] = []
    returning = 0
    waiting = Stage.WAITING
    for workload in listing.workloads:
        before = known(workload.uid)
        # The common case, a fraction of a microsecond: nothing but durations differs.
        if (
            before is not None
            and before.status == workload.status
            and before.missing_since is None
            # One whose status does not tell starts once it has a runningDuration.
            and (before.stage is not waiting or not workload.running or workload.waiting)
        ):
            continue
        changed[workload.uid] = _after(before, workload, moments.now)
        if before is not None:
            returning += 1
        elif not _was_there(workload, moments):
            events.append(Created(workload.type))
        else:
            continue
        happened = tuple(_happened(before, workload, moments))
        events += happened
        if before is not None and any(isinstance(event, Started) for event in happened):
            departed.append(workload.type)
    new = len(changed) - returning
    gone: tuple[str, ...] = ()
    if len(seen) + new > len(listing.workloads):
        unlisted = seen.keys() - {workload.uid for workload in listing.workloads}
        if listing.complete:
            gone = tuple(_miss(seen, unlisted, moments, changed, events))
        else:
            gone = tuple(_overlook(seen, unlisted, moments, changed))
    return Comparison(tuple(events), changed, gone, tuple(departed))


def _was_there(workload: Workload, moments: Moments) -> bool:
    if workload.created is None:
        return moments.known_from > float("-inf")
    return workload.created < max(moments.known_from, moments.began - MAX_SKEW)


def _miss(
    seen: Mapping[str, Seen],
    unlisted: Iterable[str],
    moments: Moments,
    changed: dict[str, Seen],
    events: list[Event],
) -> Iterator[str]:
    """Note what a complete listing lacks; the uids of what has vanished."""
    for uid in unlisted:
        one = seen[uid]
        since = moments.before if one.missing_since is None else one.missing_since
        if one.status is not None:
            changed[uid] = msgspec.structs.replace(one, status=None, missing_since=since)
            continue
        if one.stage is not Stage.FINISHED:
            ran = None if one.running_since is None else max(0.0, since - one.running_since)
            events.append(Finished(one.type, UNKNOWN, ran))
        yield uid


def _overlook(
    seen: Mapping[str, Seen], unlisted: Iterable[str], moments: Moments, changed: dict[str, Seen]
) -> Iterator[str]:
    """Note what an incomplete listing does not show; the uids of what has not been shown for too long."""
    for uid in unlisted:
        one = seen[uid]
        if one.missing_since is None:
            changed[uid] = msgspec.structs.replace(one, missing_since=moments.now)
        elif moments.now - one.missing_since >= UNSHOWN:
            yield uid


def _after(before: Seen | None, workload: Workload, now: float) -> Seen:
    stage = _stage(workload, Stage.WAITING if before is None else before.stage)
    since = before.running_since if before is not None else None
    if stage is not Stage.STARTED:
        since = None
    elif since is None and (workload.status == _RUNNING or workload.running):
        since = now - (workload.running or 0.0)
    # The same few words for all of them, rather than each answer's own copy.
    return Seen(shared(workload.type), shared(workload.status), stage, since)


def _stage(workload: Workload, before: Stage) -> Stage:
    if workload.finished:
        return Stage.FINISHED
    if workload.waiting:
        return Stage.WAITING
    if workload.status in _HOLDING or (workload.running and before is Stage.WAITING):
        return Stage.STARTED
    return before


def _happened(before: Seen | None, workload: Workload, moments: Moments) -> Iterator[Event]:
    stage = Stage.WAITING if before is None else before.stage
    after = _stage(workload, stage)
    ran = stage is Stage.STARTED or workload.status == _COMPLETED or bool(workload.running)
    if after is stage:
        return
    if after is Stage.WAITING:
        yield Requeued(workload.type)
    if after is Stage.STARTED or (after is Stage.FINISHED and stage is Stage.WAITING and ran):
        yield Started(workload.type, workload.priority, _waited(workload, moments.now))
    if after is Stage.FINISHED:
        yield Finished(workload.type, workload.status, _ran(before, workload, moments) if ran else None)


def _waited(workload: Workload, now: float) -> float | None:
    """The API's pendingDuration; where it gives none, from the creation to the start.

    A start that nothing tells is taken to be now, up to an interval too late.
    """
    if workload.pending is not None:
        return workload.pending
    if workload.created is None or workload.status in FINISHED:
        return None
    return max(0.0, now - (workload.running or 0.0) - workload.created)


def _ran(before: Seen | None, workload: Workload, moments: Moments) -> float | None:
    """The API's runningDuration; where it gives none, for how long it was seen to run."""
    if workload.running is not None:
        return workload.running
    if before is None or before.running_since is None:
        return None
    return max(0.0, moments.before - before.running_since)
