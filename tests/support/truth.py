"""A pool that keeps a log of what truly happens in it, and the metrics that this should make."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field, replace
from random import Random
from typing import TYPE_CHECKING

from exporter.simulator.cluster import Cluster
from exporter.simulator.demand import Demand, Kind, Pace, Shape, submissions
from exporter.simulator.lively import LivelyPool
from exporter.simulator.nodes import Nodes
from exporter.simulator.pools import Profile
from exporter.simulator.spelling import GIB

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from exporter.simulator.cluster import Happening
    from exporter.simulator.jobs import Submission
    from exporter.simulator.listing import Item, Query
    from support.fakes import FakeClock

POOL = "pool-truth-0123456789abcdef0123456789abcdef"
HOUR = 3600.0
COUNTED = ("created", "started", "requeued", "finished")
BOUNDS = [60 * minutes for minutes in (1, 5, 15, 30, 60, 120, 240, 480, 720)] + [
    86400 * days for days in (1, 2, 3, 7, 14, 30)
]

_SHORT = Kind(
    type="train",
    per_day=6_000,
    shapes={Shape(1, 1): 5, Shape(1, 4): 2, Shape(2, 8): 1},
    hours=0.1,
    spread=0.9,
    outcomes={"Completed": 0.7, "Failed": 0.2, "Terminated": 0.1},
    names=("job",),
    prefix="modelarts-job",
    gvk="",
    flavor="",
    cpu=1000,
    memory=GIB,
)
DEMAND = Demand(
    kinds=(_SHORT, Kind(**{**{name: getattr(_SHORT, name) for name in Kind.__slots__}, "type": "notebook"})),
    users=("somebody",),
    priorities={0: 1, 1: 2, 3: 1},
)


class SteppedPool(LivelyPool):
    """A lively pool whose time moves on by a step with every listing, however fast it is listed.

    Args:
        clock: the pool's own time.
        step: seconds.
        seed: of what happens.
    """

    def __init__(self, clock: FakeClock, *, step: float, seed: int = 1) -> None:
        profile = Profile(POOL, nodes=36)
        self._random = Random(seed)  # noqa: S311  (no secret)
        self._step = step
        self._submitted: dict[str, Submission] = {}
        now = clock.wall()
        arriving = submissions(DEMAND, Pace(noon=now, speed=1.0), self._random, now - HOUR)
        nodes = Nodes(profile.nodes, profile.whole_node)
        cluster = Cluster(nodes, self._noted(arriving), retention=HOUR / 2, remember=100_000)
        super().__init__(profile, cluster, clock)
        self._own_clock = clock
        self.stopped = False
        self.listed_first: float | None = None
        self.listings = 0
        self.on_listing: Callable[[], None] = lambda: None

    def _noted(self, arriving: Iterator[Submission]) -> Iterator[Submission]:
        for one in arriving:
            if one.eviction and one.eviction.after < 2 * self._step:
                # Else a job may start and be evicted unseen between two listings.
                one = replace(one, eviction=one.eviction._replace(after=2 * self._step))  # noqa: PLW2901
            self._submitted[one.uid] = one
            yield one

    def select(self, query: Query) -> Sequence[Item]:
        if query.offset == 0:
            if not self.stopped and self.listed_first is not None:
                self._own_clock.advance(self._step)
            self.listings += 1
            self.on_listing()
        selected = super().select(query)
        if self.listed_first is None:
            self.listed_first = self._own_clock.wall()
        return selected

    @property
    def happened(self) -> list[Happening]:
        """What the exporter could know of: everything since its first look."""
        since = self.listed_first
        return [
            one for one in self.cluster.log if since is not None and one.at > since and one.what in COUNTED
        ]

    def truth(self) -> Truth:
        """The metrics that the log makes."""
        assert self.listed_first is not None
        return truth_of(self.cluster.log, self._submitted, self.listed_first)


def truth_of(log: Iterable[Happening], submitted: Mapping[str, Submission], since: float) -> Truth:
    """The metrics that a log makes.

    Args:
        log: what happened in a pool, oldest first.
        submitted: its jobs by uid.
        since: Unix seconds of the exporter's first look; what happened before counts nothing.
    """
    truth = Truth()
    started: dict[str, float] = {}
    for at, what, uid in log:
        asked = submitted[uid]
        kind, priority = asked.type, str(asked.priority)
        match what:
            case "created":
                truth.count(at > since, "created", type=kind)
            case "started":
                started[uid] = at
                truth.count(at > since, "started", type=kind, priority=priority)
                truth.observe(at > since, "wait", int(at - asked.created), type=kind, priority=priority)
            case "requeued":
                del started[uid]
                truth.count(at > since, "requeued", type=kind)
            case "finished":
                ran = uid in started
                status = asked.outcome if ran else "Terminated"
                truth.count(at > since, "finished", type=kind, status=status)
                if ran:
                    seconds = int(at - started[uid] - asked.phases[0].seconds)
                    truth.observe(at > since, "run", seconds, type=kind, status=status)
    return truth


@dataclass
class Truth:
    """Samples by name and labels, zeros left out."""

    samples: Counter[tuple[str, tuple[tuple[str, str], ...]]] = field(default_factory=Counter)

    def count(self, counts: bool, what: str, **labels: str) -> None:
        if counts:
            self.samples[f"modelarts_pool_workloads_{what}_total", tuple(sorted(labels.items()))] += 1

    def observe(self, counts: bool, what: str, seconds: int, **labels: str) -> None:
        if not counts:
            return
        name, own = f"modelarts_pool_{what}_seconds", tuple(sorted(labels.items()))
        self.samples[f"{name}_sum", own] += seconds
        self.samples[f"{name}_count", own] += 1
        for bound in [*map(float, BOUNDS[bisect_left(BOUNDS, seconds) :]), float("inf")]:
            le = "+Inf" if bound == float("inf") else repr(bound)
            self.samples[f"{name}_bucket", tuple(sorted({**labels, "le": le}.items()))] += 1
