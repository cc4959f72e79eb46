"""What is remembered of one pool between two listings."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from exporter.lifecycle.counting import add
from exporter.lifecycle.overtaking import Shapes, newly_overtaken
from exporter.lifecycle.queue_stats import (
    QueueHead,
    Starts,
    TransientSince,
    add_start_estimates,
    add_time_in_status,
    update_head,
    update_starts,
    update_transient,
)
from exporter.lifecycle.transitions import Changes, Times, WorkloadRecord, compare
from exporter.snapshot.counters import Throughput
from exporter.snapshot.workload import WAITING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.snapshot.pool import Listing

_NOT_LISTED_YET = float("inf")
ALL_ARE_NEW = float("-inf")

CLOCK_STEP = 60.0
"""Seconds by which wall clock and monotonic clock may differ between two listings. If they differ by more,
somebody has set the wall clock."""

MAX_WORKLOADS = 500_000
"""Workloads of a pool. Above this number, those that the last listing does not show are forgotten at once."""


@dataclass(slots=True)
class PoolHistory:
    """What is remembered of one pool. Changed in place by its one owner: a copy of 100,000 workloads is slow.

    Attributes:
        workloads: what is remembered of each workload, by uid.
        read_at: when the pool was last listed, in Unix seconds.
        new_after: see `Times`. The workloads of the first listing existed before. If it is incomplete, more
            such workloads may appear until a complete listing has been read.
        throughput: the counts so far.
        first_listed: when the pool was first listed, in Unix seconds; never later than now, however the clock
            has been set since.
        head: the head of the queue; None if no position is known.
        starts: how fast the queue moves, by type.
        transient: workloads in a transient status, and since when.
        overtaken: the uids of waiting workloads that others have overtaken; None until two listings have been
            compared.
        shapes: how workloads are spread over nodes.
        read_at_monotonic: `read_at` by the monotonic clock; None if that is not known.
    """

    workloads: dict[str, WorkloadRecord] = field(default_factory=dict)
    read_at: float = 0.0
    new_after: float = _NOT_LISTED_YET
    throughput: Throughput = field(default_factory=Throughput)
    first_listed: float = 0.0
    head: QueueHead | None = None
    starts: Mapping[str, Starts] = field(default_factory=dict)
    # Not in state files: monotonic moments mean nothing to the next process.
    transient: TransientSince = field(default_factory=dict, compare=False)
    overtaken: frozenset[str] | None = field(default=None, compare=False)
    shapes: Shapes = field(default_factory=Shapes, compare=False)
    read_at_monotonic: float | None = field(default=None, compare=False)
    _first_look: bool = field(default=False, compare=False)
    _first_look_ever: bool = field(default=False, compare=False)

    def update(
        self,
        listing: Listing,
        now: float,
        monotonic: float | None = None,
        node_cards: Mapping[str, float] | None = None,
    ) -> Changes:
        """Go on to the next listing; returns what has changed.

        Args:
            listing: what was read.
            now: when, in Unix seconds.
            monotonic: when, by the monotonic clock; the same as `now` if not given.
            node_cards: the most cards that a node of the pool has, by accelerator, as far as known.
        """
        self.shapes.node_cards = node_cards or {}
        monotonic = now if monotonic is None else monotonic
        self._first_look = self.read_at_monotonic is None
        self._first_look_ever = self.new_after == _NOT_LISTED_YET
        shifted = self._follow_clock(now, monotonic)
        self.first_listed = now if self.new_after == _NOT_LISTED_YET else min(self.first_listed, now)
        times = Times(now, self.read_at, new_after=self.new_after, first_listed=self.first_listed)
        changes = compare(self.workloads, listing, times)
        self.overtaken = self._overtaken(listing, changes)
        self.workloads.update(changes.changed)
        if len(self.workloads) > MAX_WORKLOADS:
            missing = {uid for uid, record in self.workloads.items() if record.missing_since is not None}
            changes = changes._replace(forgotten=(*changes.forgotten, *missing.difference(changes.forgotten)))
        for uid in changes.forgotten:
            del self.workloads[uid]
        if len(changes.forgotten) > len(self.workloads):
            self.workloads = dict(self.workloads)  # a dict does not shrink by itself: 4 MB after 100,000
        self.throughput = add(self.throughput, changes.events)
        self.read_at, self.read_at_monotonic = now, monotonic
        self.transient = update_transient(self.transient, listing.workloads, monotonic)
        head = update_head(self.head, listing, now)
        self.head = head if head and head.uid in self.workloads else None
        self.starts = update_starts(self.starts, (workload.type for workload in changes.started), now)
        if listing.complete:
            self.new_after = ALL_ARE_NEW
        elif self.new_after == _NOT_LISTED_YET:
            self.new_after = now
        return changes._replace(changed={**shifted, **changes.changed}) if shifted else changes

    def _overtaken(self, listing: Listing, changes: Changes) -> frozenset[str] | None:
        """`overtaken` after this listing, from what is remembered of the one before."""
        if changes.changed:
            self.shapes.learn(workload for workload in listing.workloads if workload.uid in changes.changed)
        if self.read_at_monotonic is None:
            return None
        first_starts = (workload for workload in changes.started if not self.workloads[workload.uid].ran)
        new = newly_overtaken(listing.workloads, first_starts, self._waited, self.shapes)
        before = self.overtaken or frozenset()
        if not before:
            return frozenset(new)
        listed = {workload.uid: workload.waiting for workload in listing.workloads}
        return frozenset(new | {uid for uid in before if listed.get(uid, not listing.complete)})

    def _waited(self, uid: str) -> bool:
        """Whether the workload waited in the listing before, and has not run before."""
        record = self.workloads.get(uid)
        return (
            record is not None
            and record.status in WAITING
            and record.missing_since is None
            and not record.ran
        )

    def _follow_clock(self, now: float, monotonic: float) -> Mapping[str, WorkloadRecord]:
        """If somebody has set the clock, shift all remembered times by the same amount.

        Otherwise a change of the clock would count as running time of the workloads.

        Returns:
            The workloads that this changes.
        """
        if self.read_at_monotonic is None:
            return {}
        ahead = (now - self.read_at) - (monotonic - self.read_at_monotonic)
        if abs(ahead) < CLOCK_STEP:
            return {}
        self.read_at += ahead
        self.first_listed += ahead
        self.new_after += ahead
        if self.head is not None:
            self.head = self.head._replace(since=self.head.since + ahead)
        self.starts = {kind: starts._replace(at=starts.at + ahead) for kind, starts in self.starts.items()}
        shifted = {
            uid: after
            for uid, record in self.workloads.items()
            if (after := record.shifted(ahead)) is not record
        }
        self.workloads.update(shifted)
        return shifted

    def annotate(self, listing: Listing, *, estimates: bool) -> Listing:
        """Add what only earlier listings show: the head's time, times in a status, estimated starts.

        At the first look, times are not known: what is seen may have been so for days.

        Args:
            listing: as it was read.
            estimates: whether to add the estimated starts of waiting workloads.
        """
        workloads = listing.workloads
        if self.read_at_monotonic is not None and not self._first_look:
            workloads = add_time_in_status(workloads, self.transient, self.read_at_monotonic)
        if estimates:
            workloads = add_start_estimates(
                workloads, self.starts, first_listed=self.first_listed, now=self.read_at
            )
        head, since = self.head or (None, None)
        return replace(
            listing,
            workloads=workloads,
            head=head,
            head_since=None if self._first_look_ever else since,
            overtaken=self.overtaken,
        )
