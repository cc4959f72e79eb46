"""What is remembered of one pool between two listings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from exporter.snapshot.throughput import Throughput
from exporter.throughput.tally import add
from exporter.throughput.transitions import Comparison, Moments, Seen, compare

if TYPE_CHECKING:
    from exporter.snapshot.pool import Listing

_ALWAYS = float("inf")
_NEVER = float("-inf")


@dataclass(slots=True)
class Memory:
    """What is remembered of one pool. Changed in place, by its one owner: copies of 100,000 workloads cost.

    Attributes:
        seen: its workloads by uid.
        read_at: when it was last listed, in Unix seconds.
        known_from: see `Moments`. The first listing only makes known what is there. Where it is not complete,
            whatever is older than it may still turn up, until a complete one has been read.
        throughput: what got through so far.
    """

    seen: dict[str, Seen] = field(default_factory=dict)
    read_at: float = 0.0
    known_from: float = _ALWAYS
    throughput: Throughput = field(default_factory=Throughput)

    def take(self, listing: Listing, now: float) -> Comparison:
        """Go on to the next listing, read at `now`; what was new in it."""
        found = compare(self.seen, listing, Moments(now, self.read_at, self.known_from))
        self.seen.update(found.changed)
        for uid in found.gone:
            del self.seen[uid]
        self.throughput = add(self.throughput, found.events, {one.type for one in found.changed.values()})
        self.read_at = now
        if listing.complete:
            self.known_from = _NEVER
        elif self.known_from == _ALWAYS:
            self.known_from = now
        return found
