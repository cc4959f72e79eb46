"""What happened to a pool's workloads between two listings. Pure.

A workload is in one of three stages:

    WAITING    status Queue or Pending; as far as is known, it does not have its resources yet
    STARTED    status Creating or Running, or any other with a runningDuration of its own
    FINISHED   status Completed, Terminated or Failed

A runningDuration is of its own if it is over 0, and longer than earlier runs explain: the API may keep the
duration of a run after the workload was requeued, in the queue or only in the final status. A second run that
is not longer than the first one, and that no listing shows, is taken for the first one.

Abnormal, Terminating and undocumented statuses do not show whether a workload has its resources. In such a
status it stays in its stage, or is WAITING if it was not seen before.

| from | to | counts as |
|---|---|---|
| not seen before | any | created, then as from WAITING |
| WAITING | STARTED | started |
| WAITING | FINISHED | finished; also started if it is Completed, or has a runningDuration of its own |
| STARTED | FINISHED | finished |
| STARTED, FINISHED | WAITING | requeued |
| FINISHED | STARTED | started: it runs again |
| WAITING, STARTED | vanished | finished, with the end "unknown" |
| FINISHED | vanished | nothing |

A workload has vanished if two complete listings in a row lack it. So one answer that is empty or short by
mistake counts nothing: the next listing has the workloads again. An incomplete listing proves nothing about
the workloads it does not show. A workload that incomplete listings have not shown for a day is forgotten, and
counts nothing. If it comes back after that, it counts as not seen before.

A workload not seen before may have been created before the first listing of the pool, with a margin for
clocks that differ. Then it existed, and the first listing was empty or short by mistake. It is remembered,
and counts nothing until it changes. A workload with unknown creation time counts as new.

What happens between two listings is counted once, when the second one is read, however late that is. What
begins and ends between two listings is not seen: a start that is followed by a requeue, or a whole workload
if finished workloads are not listed.
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

_HAVE_RESOURCES = frozenset({"Creating", "Running"})
_RUNNING = "Running"
_COMPLETED = "Completed"

_LATE = 30.0
"""Seconds by which a run may be longer than it was seen to be: listings take a while to be read."""

FORGET_AFTER = 86400.0
"""Seconds until a workload that incomplete listings do not show is forgotten, because memory is limited."""


class Stage(IntEnum):
    """See the table in the module's docstring. The numbers are in state files, and must not change."""

    WAITING = 0
    STARTED = 1
    FINISHED = 2


class WorkloadRecord(msgspec.Struct, frozen=True, gc=False):
    """What is remembered of a workload. It changes with the status, not with the durations.

    A msgspec.Struct because it is small: there is one for every workload.

    Attributes:
        type: of the workload.
        status: when it was last listed; None while the last complete listing lacks it.
        stage: see `Stage`.
        running_since: Unix seconds; None if it was not seen to run.
        missing_since: Unix seconds of the listing before the first complete one that lacks it, or of the
            first incomplete one that does not show it; None while the last listing shows it.
        ran: seconds; a runningDuration up to this is explained by runs that ended before. 0 if there were
            none.
    """

    type: str
    status: str | None
    stage: Stage
    running_since: float | None = None
    missing_since: float | None = None
    ran: float = 0.0

    def shifted(self, seconds: float) -> WorkloadRecord:
        """The same with all times moved by this many seconds; itself if it has none."""
        running, missing = self.running_since, self.missing_since
        if running is None and missing is None:
            return self
        return WorkloadRecord(
            self.type,
            self.status,
            self.stage,
            None if running is None else running + seconds,
            None if missing is None else missing + seconds,
            self.ran,
        )


class Created(NamedTuple):
    """A workload appeared."""

    type: str


class Started(NamedTuple):
    """A workload was given its resources, after a wait in seconds; None if that is not known."""

    type: str
    priority: str
    waited: float | None


class Finished(NamedTuple):
    """A workload ended, after a run in seconds; None if it did not run, or that is not known."""

    type: str
    end: str
    ran: float | None


class Requeued(NamedTuple):
    """A workload went back to the queue."""

    type: str


Event = Created | Started | Finished | Requeued


class Changes(NamedTuple):
    """What a listing changes.

    Attributes:
        events: what happened.
        changed: the new records of workloads that are new or have changed, by uid.
        forgotten: uids of the workloads to forget.
        started: the workloads that were seen to wait, and have started.
    """

    events: tuple[Event, ...]
    changed: Mapping[str, WorkloadRecord]
    forgotten: tuple[str, ...]
    started: tuple[Workload, ...]


class Times(NamedTuple):
    """When the listings were read, in Unix seconds.

    Attributes:
        now: this listing.
        previous: the listing before.
        new_after: a workload that was not seen before, and was created before this or at an unknown time,
            existed before and was not shown. It is remembered, and nothing is counted.
        first_listed: the first listing of the pool. The same holds for a workload that was created more than
            `MAX_SKEW` before this.
    """

    now: float
    previous: float
    new_after: float
    first_listed: float


def compare(records: Mapping[str, WorkloadRecord], listing: Listing, times: Times) -> Changes:
    """Compare a listing with what is remembered of those before it.

    Args:
        records: what is remembered, by uid.
        listing: what was read.
        times: when they were read.
    """
    events: list[Event] = []
    changed: dict[str, WorkloadRecord] = {}
    known = records.get
    started: list[Workload] = []
    returning = 0
    waiting = Stage.WAITING
    for workload in listing.workloads:
        before = known(workload.uid)
        # The usual case, a fraction of a microsecond: only durations differ.
        if (
            before is not None
            and before.status == workload.status
            and before.missing_since is None
            # A status may not show it, but a workload with a runningDuration of its own has started.
            and (before.stage is not waiting or not workload.running or workload.running <= before.ran)
        ):
            continue
        changed[workload.uid] = _record(before, workload, times)
        if before is not None:
            returning += 1
        elif not _existed_before(workload, times):
            events.append(Created(workload.type))
        else:
            continue
        happened = tuple(_events(before, workload, times))
        events += happened
        if before is not None and any(isinstance(event, Started) for event in happened):
            started.append(workload)
    new = len(changed) - returning
    forgotten: tuple[str, ...] = ()
    if len(records) + new > len(listing.workloads):
        unlisted = records.keys() - {workload.uid for workload in listing.workloads}
        if listing.complete:
            forgotten = tuple(_note_missing(records, unlisted, times, changed, events))
        else:
            forgotten = tuple(_note_not_shown(records, unlisted, times, changed))
    return Changes(tuple(events), changed, forgotten, tuple(started))


def _existed_before(workload: Workload, times: Times) -> bool:
    if workload.created is None:
        return times.new_after > float("-inf")
    return workload.created < max(times.new_after, times.first_listed - MAX_SKEW)


def _note_missing(
    records: Mapping[str, WorkloadRecord],
    unlisted: Iterable[str],
    times: Times,
    changed: dict[str, WorkloadRecord],
    events: list[Event],
) -> Iterator[str]:
    """Note the workloads that a complete listing lacks; yields the uids of those that have vanished."""
    for uid in unlisted:
        record = records[uid]
        since = times.previous if record.missing_since is None else record.missing_since
        if record.status is not None:
            changed[uid] = msgspec.structs.replace(record, status=None, missing_since=since)
            continue
        if record.stage is not Stage.FINISHED:
            ran = None if record.running_since is None else max(0.0, since - record.running_since)
            events.append(Finished(record.type, UNKNOWN, ran))
        yield uid


def _note_not_shown(
    records: Mapping[str, WorkloadRecord],
    unlisted: Iterable[str],
    times: Times,
    changed: dict[str, WorkloadRecord],
) -> Iterator[str]:
    """Note the workloads that an incomplete listing does not show; yields the uids of those to forget."""
    for uid in unlisted:
        record = records[uid]
        if record.missing_since is None:
            changed[uid] = msgspec.structs.replace(record, missing_since=times.now)
        elif times.now - record.missing_since >= FORGET_AFTER:
            yield uid


def _record(before: WorkloadRecord | None, workload: Workload, times: Times) -> WorkloadRecord:
    stage = _stage(before, workload)
    since = before.running_since if before is not None else None
    ran = before.ran if before is not None else 0.0
    if stage is Stage.STARTED:
        if since is None and (workload.status == _RUNNING or _runs(before, workload)):
            since = times.now - (workload.running or 0.0)
    else:
        if workload.running:
            ran = workload.running
        elif before is not None and before.stage is Stage.STARTED:
            ran = max(ran, times.now - _earliest_run(before, times) + _LATE)
        since = None
    # One copy of each word for all records, not one for each answer.
    return WorkloadRecord(shared(workload.type), shared(workload.status), stage, since, ran=ran)


def _earliest_run(before: WorkloadRecord, times: Times) -> float:
    """Since when it may have run at the earliest, in Unix seconds, if the listing before shows it started."""
    if before.running_since is not None:
        return before.running_since
    return times.previous if before.missing_since is None else before.missing_since


def _runs(before: WorkloadRecord | None, workload: Workload) -> bool:
    """Whether it has a runningDuration of its own, not left over from an earlier run."""
    return (workload.running or 0.0) > (0.0 if before is None else before.ran)


def _stage(before: WorkloadRecord | None, workload: Workload) -> Stage:
    stage = Stage.WAITING if before is None else before.stage
    if workload.finished:
        return Stage.FINISHED
    if workload.waiting:
        return Stage.WAITING
    if workload.status in _HAVE_RESOURCES or (stage is Stage.WAITING and _runs(before, workload)):
        return Stage.STARTED
    return stage


def _events(before: WorkloadRecord | None, workload: Workload, times: Times) -> Iterator[Event]:
    stage = Stage.WAITING if before is None else before.stage
    after = _stage(before, workload)
    ran = stage is Stage.STARTED or workload.status == _COMPLETED or _runs(before, workload)
    if after is stage:
        return
    if after is Stage.WAITING:
        yield Requeued(workload.type)
    if after is Stage.STARTED or (after is Stage.FINISHED and stage is Stage.WAITING and ran):
        yield Started(workload.type, workload.priority, _wait_seconds(before, workload, times.now))
    if after is Stage.FINISHED:
        yield Finished(workload.type, workload.status, _run_seconds(before, workload, times) if ran else None)


def _wait_seconds(before: WorkloadRecord | None, workload: Workload, now: float) -> float | None:
    """The API's pendingDuration; without it, the time from creation to start.

    If the time of the start is unknown, it is taken as now, which is late by up to one poll interval.
    """
    if workload.pending is not None:
        return workload.pending
    if workload.created is None or workload.status in FINISHED:
        return None
    running = workload.running if _runs(before, workload) else None
    return max(0.0, now - (running or 0.0) - workload.created)


def _run_seconds(before: WorkloadRecord | None, workload: Workload, times: Times) -> float | None:
    """The API's runningDuration; without it, for how long the workload was seen to run.

    None for one that got its resources again, was not seen to run, and has the duration of an earlier run.
    """
    left_over = before is not None and before.running_since is None and not _runs(before, workload)
    if workload.running is not None and (workload.status == _COMPLETED or not left_over):
        return workload.running
    if before is None or before.running_since is None:
        return None
    return max(0.0, times.previous - before.running_since)
