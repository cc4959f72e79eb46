"""The pools of the long run: some stay and are quiet, some stay and are odd, some come and go."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import count
from random import Random
from typing import TYPE_CHECKING
from uuid import UUID

from exporter.simulator.cluster import Cluster, ClusterPool
from exporter.simulator.demand import DAY, HOUR, DayCycle, Demand, JobClass, JobSize, submissions
from exporter.simulator.iam import AccessKey, User
from exporter.simulator.jobs import GIB
from exporter.simulator.nodes import Nodes
from exporter.simulator.pools import Profile
from exporter.simulator.server import Simulator
from tools.soak.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from exporter.simulator.jobs import Phase, Submission
    from exporter.simulator.pools import Item, WorkloadQuery
    from tools.soak.clock import FastClock

STAYING = "0123456789abcdef0123456789abcdef"
"""The project whose pools are configured."""

FOUND = "fedcba9876543210fedcba9876543210"
"""The project whose pools are discovered."""

USER = User(name="soak", password="soaking", domain="soak")

_RETENTION = DAY
"""A finished job stays listed for longer than any trouble lasts, so that its end can be known."""

_SHORTEST_RUN = 60.0
"""Seconds. A failure within its first second, between two listings, looks as if it had never started."""

_COMING_AND_GOING = 3
_PRIORITY_HOLDS = 3 * HOUR


def _demand(per_day: float) -> Demand:
    train = JobClass(
        type="train",
        per_day=per_day,
        sizes={JobSize(1, 1): 6, JobSize(1, 4): 2, JobSize(2, 8): 1},
        median_hours=0.6,
        sigma=0.9,
        outcomes={"Completed": 0.75, "Failed": 0.15, "Terminated": 0.1},
        names=("job",),
        prefix="modelarts-job",
        gvk="batch.volcano.sh/v1alpha1, Kind=Job",
        flavor="modelarts.pool.visual.{cards}xlarge",
        cpu=20_000,
        memory=180 * GIB,
    )
    notebook = replace(
        train, type="notebook", per_day=per_day / 10, sizes={JobSize(1, 1): 1}, median_hours=3.0
    )
    infer = replace(train, type="infer", per_day=per_day / 20, sizes={JobSize(1, 2): 1}, median_hours=8.0)
    return Demand((train, notebook, infer), users=("somebody",), priorities={0: 1, 1: 3, 2: 2, 3: 1})


class _Held:
    """A pool's time: stands still but when the pool is asked, so that an answer is of one moment."""

    def __init__(self, clock: FastClock) -> None:
        self.now = clock.wall()

    def wall(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


class JournalledPool(ClusterPool):
    """A lively pool with a journal.

    Args:
        profile: what it is.
        clock: the time.
        seed: of what happens.
        per_day: jobs.
        odd: priorities change, jobs are evicted, and every job asks for accelerators that none asked for
            before; what it counts cannot be told exactly from outside.

    Attributes:
        exact: whether all that happens in it can be known from its listings.
        stopped: set it, and nothing happens any more.
    """

    def __init__(
        self, profile: Profile, clock: FastClock, seed: str, *, per_day: float, odd: bool = False
    ) -> None:
        self.journal = Journal()
        self.exact = not odd
        self.stopped = False
        self._real = clock
        self._held = _Held(clock)
        self._fresh = count()
        now = clock.wall()
        rng = Random(seed)  # noqa: S311  (no secret)
        arriving = submissions(_demand(per_day), DayCycle(noon=now, speed=1.0), rng, now - _RETENTION - DAY)
        nodes = Nodes(profile.nodes, profile.node_capacity)
        cluster = Cluster(nodes, self._noted(arriving, profile.name), retention=_RETENTION)
        super().__init__(profile, cluster, self._held)
        # Its past takes its time, for which no request should have to wait.
        cluster.advance(now)
        self.journal.take_up(cluster.log)

    def _noted(self, arriving: Iterator[Submission], pool: str) -> Iterator[Submission]:
        for one in arriving:
            number = next(self._fresh)
            new = replace(
                one,
                job_name=f"{pool}-job-{number}",
                user=f"{pool}-user-{number // 3}",
                flavor=f"{one.flavor}.{number // 10}",
            )
            if self.exact:
                new = replace(new, eviction=None, phases=tuple(map(_long_enough, one.phases)))
            self.journal.submitted[one.uid] = new
            yield new

    def select(self, query: WorkloadQuery) -> Sequence[Item]:
        """See `exporter.simulator.pools.Pool`."""
        # The pages of the very first listing are of one moment: the journal's counting begins there.
        first = query.offset > 0 and self.journal.since is None
        if not self.stopped and not first:
            self._held.now = self._real.wall()
        self.cluster.advance(self._held.now)
        self.journal.take_up(self.cluster.log)
        selected = super().select(query)
        if query.sort and query.offset == 0:  # of the endpoints, only the listing sorts
            statuses = Counter((item["type"], item["status"]) for item in selected)  # type: ignore[index]
            self.journal.listed(self._held.now, statuses)
        return selected

    def workloads(self) -> list[dict[str, object]]:
        """See `LivelyPool`."""
        listed = super().workloads()
        return listed if self.exact else [self._odd(item) for item in listed]

    def _odd(self, item: dict[str, object]) -> dict[str, object]:
        uid = UUID(str(item["uid"])).int
        requirement = dict(item["resourceRequirement"])  # type: ignore[call-overload]
        if cards := requirement.pop(self.profile.accelerator, None):
            requirement[f"vendor.example/card-{uid % 10**9}"] = cards
        turned = uid + int(self._held.now // _PRIORITY_HOLDS)
        return {**item, "priority": str(turned % 4), "resourceRequirement": requirement}


class World:
    """The simulated cloud and its pools.

    Attributes:
        simulator: to be served.
        staying: the pools of the configured project.
        deleted: when each pool was deleted that is no more, by ID, in seconds of the clock.
        key: in use in the configured project.
        made: pools so far.
    """

    def __init__(self, clock: FastClock, seed: int = 1) -> None:
        self._clock = clock
        self._rng = Random(seed)  # noqa: S311  (no secret)
        self.made = 0
        self.deleted: dict[str, float] = {}
        self.staying = (
            self._pool("quiet", per_day=80.0),
            self._pool("steady", per_day=150.0),
            self._pool("long", per_day=600.0, nodes=20),  # more than a page
            self._pool("odd", per_day=400.0, nodes=12, odd=True),
        )
        self._found = [self._comer() for _ in range(_COMING_AND_GOING)]
        self.key = self._new_key()
        projects = {STAYING: self.staying, FOUND: self._found}
        self.simulator = Simulator(clock, projects, keys=[self.key], users=[USER])

    @property
    def pools(self) -> dict[str, JournalledPool]:
        """Those that are there, by ID."""
        return {pool.profile.id: pool for pool in (*self.staying, *self._found)}

    @property
    def found(self) -> Sequence[JournalledPool]:
        """Those of the project with discovery."""
        return tuple(self._found)

    def replace_pool(self) -> None:
        """Delete the oldest of the pools that come and go; another one comes."""
        gone = self._found.pop(0)
        self.deleted[gone.profile.id] = self._clock.monotonic()
        self._found.append(self._comer())

    def rotate_key(self) -> AccessKey:
        """Trust a new key in place of the one in use."""
        before, self.key = self.key, self._new_key()
        self.simulator.iam.add_key(self.key)
        self.simulator.iam.delete_key(before.ak)
        return self.key

    def _new_key(self) -> AccessKey:
        return AccessKey(ak=f"AK{self._rng.getrandbits(64):018X}", sk=f"{self._rng.getrandbits(160):040x}")

    def _comer(self) -> JournalledPool:
        return self._pool("comer", per_day=self._rng.uniform(40, 120), odd=True)

    def _pool(self, name: str, *, per_day: float, nodes: int = 5, odd: bool = False) -> JournalledPool:
        self.made += 1
        profile = Profile(
            id=f"pool-{name}-{self._rng.getrandbits(128):032x}", name=f"{name}-{self.made}", nodes=nodes
        )
        return JournalledPool(profile, self._clock, profile.id, per_day=per_day, odd=odd)


def _long_enough(phase: Phase) -> Phase:
    return phase._replace(seconds=max(phase.seconds, _SHORTEST_RUN))
