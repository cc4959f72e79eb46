"""What is remembered of one pool between two listings."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from exporter.lifecycle.counting import add
from exporter.lifecycle.queue_stats import (
    Head,
    Passing,
    Starts,
    head_of,
    moved,
    passing,
    with_estimates,
    with_time_in_status,
)
from exporter.lifecycle.transitions import Comparison, Moments, Seen, compare
from exporter.snapshot.counters import Throughput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.snapshot.pool import Listing

_ALWAYS = float("inf")
NEVER = float("-inf")

SET = 60.0
"""Seconds by which two clocks must come apart between two listings before one of them was set."""

MOST_SEEN = 500_000
"""Workloads of a pool beyond which those that the last listing does not show are forgotten at once."""


@dataclass(slots=True)
class PoolHistory:
    """What is remembered of one pool. Changed in place, by its one owner: copies of 100,000 workloads cost.

    Attributes:
        seen: its workloads by uid.
        read_at: when it was last listed, in Unix seconds.
        known_from: see `Moments`. The first listing only makes known what is there. Where it is not complete,
            whatever is older than it may still turn up, until a complete one has been read.
        throughput: what got through so far.
        began: when it was first listed; never later than now, wherever somebody has set the clock since.
        head: the head of its queue; None where no position is known.
        starts: how fast the queue moves, by type.
        passing: who is in a status that should pass, and since when.
        moment: `read_at` by a clock that nobody sets; None where that is not known.
    """

    seen: dict[str, Seen] = field(default_factory=dict)
    read_at: float = 0.0
    known_from: float = _ALWAYS
    throughput: Throughput = field(default_factory=Throughput)
    began: float = 0.0
    head: Head | None = None
    starts: Mapping[str, Starts] = field(default_factory=dict)
    # No state file keeps these: monotonic moments mean nothing to the next process.
    passing: Passing = field(default_factory=dict, compare=False)
    moment: float | None = field(default=None, compare=False)

    def take(self, listing: Listing, now: float, moment: float | None = None) -> Comparison:
        """Go on to the next listing; what was new in it.

        Args:
            listing: what was read.
            now: when, in Unix seconds.
            moment: when, by a clock that nobody sets; None where that is `now` too.
        """
        moment = now if moment is None else moment
        told_anew = self._follow(now, moment)
        self.began = now if self.known_from == _ALWAYS else min(self.began, now)
        moments = Moments(now, self.read_at, known_from=self.known_from, began=self.began)
        found = compare(self.seen, listing, moments)
        self.seen.update(found.changed)
        if len(self.seen) > MOST_SEEN:
            unshown = tuple(uid for uid, one in self.seen.items() if one.missing_since is not None)
            found = found._replace(gone=(*found.gone, *set(unshown).difference(found.gone)))
        for uid in found.gone:
            del self.seen[uid]
        self.throughput = add(self.throughput, found.events, {one.type for one in found.changed.values()})
        self.read_at, self.moment = now, moment
        self.passing = passing(listing.workloads, self.passing, moment)
        head = head_of(self.head, listing, now)
        self.head = head if head and head.uid in self.seen else None
        self.starts = moved(self.starts, found.departed, now)
        if listing.complete:
            self.known_from = NEVER
        elif self.known_from == _ALWAYS:
            self.known_from = now
        return found._replace(changed={**told_anew, **found.changed}) if told_anew else found

    def _follow(self, now: float, moment: float) -> Mapping[str, Seen]:
        """Where somebody has set the clock, tell what is remembered in the new time.

        Else a workload would have run for as long as the clock was set ahead by.

        Returns:
            The workloads of which that changes anything.
        """
        ahead = 0.0 if self.moment is None else (now - self.read_at) - (moment - self.moment)
        if abs(ahead) < SET:
            return {}
        self.read_at += ahead
        self.began += ahead
        self.known_from += ahead
        if self.head is not None:
            self.head = self.head._replace(since=self.head.since + ahead)
        self.starts = {kind: one._replace(at=one.at + ahead) for kind, one in self.starts.items()}
        told_anew = {uid: after for uid, one in self.seen.items() if (after := _later(one, ahead)) is not one}
        self.seen.update(told_anew)
        return told_anew

    def completed(self, listing: Listing, *, estimates: bool) -> Listing:
        """The listing that was taken last, with what only those before it can tell.

        Args:
            listing: as it was read.
            estimates: also with the times until the waiting workloads start.
        """
        workloads = listing.workloads
        if self.moment is not None:
            workloads = with_time_in_status(workloads, self.passing, self.moment)
        if estimates:
            workloads = with_estimates(workloads, self.starts, began=self.began, now=self.read_at)
        head_since = self.head.since if self.head else None
        return replace(listing, workloads=workloads, head_since=head_since)


def _later(one: Seen, by: float) -> Seen:
    """The same, all moments later by so many seconds; itself where there are none."""
    if one.running_since is None and one.missing_since is None:
        return one
    running, missing = one.running_since, one.missing_since
    return Seen(
        one.type,
        one.status,
        one.stage,
        None if running is None else running + by,
        None if missing is None else missing + by,
    )
