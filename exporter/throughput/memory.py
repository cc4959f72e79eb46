"""What is remembered of one pool between two listings."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from exporter.snapshot.throughput import Throughput
from exporter.throughput.queue import Head, Starts, head_of, moved, with_estimates
from exporter.throughput.tally import add
from exporter.throughput.transitions import Comparison, Moments, Seen, compare

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.snapshot.pool import Listing

_ALWAYS = float("inf")
NEVER = float("-inf")


@dataclass(slots=True)
class Memory:
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
    """

    seen: dict[str, Seen] = field(default_factory=dict)
    read_at: float = 0.0
    known_from: float = _ALWAYS
    throughput: Throughput = field(default_factory=Throughput)
    began: float = 0.0
    head: Head | None = None
    starts: Mapping[str, Starts] = field(default_factory=dict)

    def take(self, listing: Listing, now: float) -> Comparison:
        """Go on to the next listing, read at `now`; what was new in it."""
        self.began = now if self.known_from == _ALWAYS else min(self.began, now)
        moments = Moments(now, self.read_at, known_from=self.known_from, began=self.began)
        found = compare(self.seen, listing, moments)
        self.seen.update(found.changed)
        for uid in found.gone:
            del self.seen[uid]
        self.throughput = add(self.throughput, found.events, {one.type for one in found.changed.values()})
        self.read_at = now
        head = head_of(self.head, listing, now)
        self.head = head if head and head.uid in self.seen else None
        self.starts = moved(self.starts, found.departed, now)
        if listing.complete:
            self.known_from = NEVER
        elif self.known_from == _ALWAYS:
            self.known_from = now
        return found

    def completed(self, listing: Listing, *, estimates: bool) -> Listing:
        """The listing that was taken last, with what only those before it can tell.

        Args:
            listing: as it was read.
            estimates: also with the times until the waiting workloads start.
        """
        workloads = listing.workloads
        if estimates:
            workloads = with_estimates(workloads, self.starts, began=self.began, now=self.read_at)
        head_since = self.head.since if self.head else None
        return replace(listing, workloads=workloads, head_since=head_since)
