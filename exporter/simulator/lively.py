"""A simulated cluster as a pool of the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.simulator.listing import Item, ListingRules, Query, select
from exporter.simulator.workloads import describe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.common.clock import Clock
    from exporter.simulator.cluster import Cluster
    from exporter.simulator.nodes import Room
    from exporter.simulator.pools import Profile


class LivelyPool:
    """A pool in which jobs come and go by the clock.

    Args:
        profile: what it is.
        cluster: what runs in it; this pool advances it.
        clock: the time.
    """

    rules = ListingRules()

    def __init__(self, profile: Profile, cluster: Cluster, clock: Clock) -> None:
        self.profile = profile
        self.cluster = cluster
        self._clock = clock

    def select(self, query: Query) -> Sequence[Item]:
        """See `exporter.simulator.pools.Pool`."""
        return select(self.workloads(), query)

    def rooms(self) -> Sequence[Room]:
        """See `exporter.simulator.pools.Pool`."""
        self.cluster.advance(self._clock.wall())
        return self.cluster.rooms

    def workloads(self) -> list[dict[str, object]]:
        """Everything that is listed at this moment, oldest first."""
        now = self._clock.wall()
        self.cluster.advance(now)
        positions = {job.submission.uid: place for place, job in enumerate(self.cluster.queue, start=1)}
        pool, accelerator = self.profile.id, self.profile.accelerator
        return [
            describe(job, now, pool, accelerator, positions.get(job.submission.uid))
            for job in self.cluster.jobs
        ]
