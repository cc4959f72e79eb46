"""The demo's pools in simulated time, listed as often as one likes: what happened in them is known."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

import msgspec
from support.fakes import FakeClock

from exporter.api.workloads import decode_page
from exporter.simulator.cluster import Cluster
from exporter.simulator.demand import HOUR, Pace, Shape, submissions
from exporter.simulator.lively import LivelyPool
from exporter.simulator.nodes import Nodes
from exporter.simulator.scenery import GPU, INFERENCE, TRAINING
from exporter.snapshot.pool import Listing

if TYPE_CHECKING:
    from collections.abc import Iterator

_PAST = 36 * HOUR
_REMEMBERED = 1_000_000

_ALIKE = (
    replace(GPU[0], nodes=4),
    replace(
        GPU[1],
        kinds=(replace(GPU[1].kinds[0], shapes={Shape(1, 1): 1}, per_day=430, hours=1.5, spread=0.4),),
        priorities={1: 1},
    ),
)
"""Busy at night, and with a queue in the day."""


class SimulatedPool:
    """A pool with a log of its own.

    Args:
        index: which of the demo's; None for one whose jobs are all alike, served in order.
        speed: simulated seconds of people and jobs in one of the clock's, as in the demo.
        retention: seconds for which a finished job stays listed.
    """

    def __init__(self, index: int | None, *, speed: float, retention: float) -> None:
        profile, demand = _ALIKE if index is None else (TRAINING, INFERENCE, GPU)[index]
        self.clock = FakeClock()
        now = self.clock.wall()
        arriving = submissions(
            demand,
            Pace(noon=now, speed=speed),
            Random(f"4/{profile.id}"),  # noqa: S311  (the same in every run)
            now - _PAST / speed,
        )
        nodes = Nodes(profile.nodes, profile.whole_node)
        self.cluster = Cluster(nodes, arriving, retention=retention, remember=_REMEMBERED)
        self._pool = LivelyPool(profile, self.cluster, self.clock)

    def listing(self) -> Listing:
        """What the exporter would read now."""
        body = {"kind": "WorkloadList", "items": self._pool.workloads()}
        page = decode_page(msgspec.json.encode(body), where="simulated", now=self.clock.wall())
        return Listing(page.workloads)

    def listings(self, every: float, seconds: float) -> Iterator[tuple[float, Listing]]:
        """Time goes on; the listings with their moments, in Unix seconds."""
        for _ in range(int(seconds / every)):
            self.clock.advance(every)
            yield self.clock.wall(), self.listing()


POOLS = range(3)
