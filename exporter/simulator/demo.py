"""The cloud of `modelarts-exporter demo`: three lively pools with a past."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import merge
from random import Random
from typing import TYPE_CHECKING, Final

from exporter.simulator.cluster import Cluster
from exporter.simulator.demand import Pace, submissions
from exporter.simulator.identity import User
from exporter.simulator.jobs import Needs, Phase, Submission
from exporter.simulator.lively import LivelyPool
from exporter.simulator.nodes import Nodes
from exporter.simulator.scenery import GPU, INFERENCE, TRAINING
from exporter.simulator.server import Simulator

if TYPE_CHECKING:
    from exporter.common.clock import Clock
    from exporter.simulator.demand import Demand
    from exporter.simulator.pools import Profile

REGION: Final = "cn-north-4"
PROJECT: Final = "0d3f8a61c92b4e57a1f6c8e25b7d9042"

_HOUR = 3600.0
_PAST = 36 * _HOUR
_RETENTION = 3 * _HOUR
_STUCK_SINCE = 30 * _HOUR
_STARTS_AFTER_NOON = 3 * _HOUR
"""The demo starts at three in the simulated afternoon: the queues are long, and grow shorter in the night."""

_USER = User(name="exporter", password="demo", domain="demo")  # noqa: S106  (of a simulation)


@dataclass(frozen=True, slots=True)
class DemoCloud:
    """A simulated cloud and what an exporter needs to watch it.

    Attributes:
        simulator: to be served.
        region: its region.
        project_id: its one project.
        user: who may log in.
        pools: the pools, also to be asked for what truly happened.
    """

    simulator: Simulator
    region: str
    project_id: str
    user: User
    pools: tuple[LivelyPool, ...]


def demo_cloud(clock: Clock, seed: int = 4, speed: float = 15.0) -> DemoCloud:
    """Make the demo's cloud, with a day and a half of history.

    Args:
        clock: the time; it is not sped up: creation times and waits are real ones.
        seed: equal seeds at equal times make equal clouds.
        speed: how many times faster than in life people submit, jobs run and days pass.
    """
    now = clock.wall()
    pools = tuple(
        _pool(profile, demand, clock, Random(f"{seed}/{profile.id}"), speed)  # noqa: S311  (no secret)
        for profile, demand in (TRAINING, INFERENCE, GPU)
    )
    for pool in pools:
        pool.cluster.advance(now)
    return DemoCloud(Simulator(clock, {PROJECT: pools}, users=[_USER]), REGION, PROJECT, _USER, pools)


def _pool(profile: Profile, demand: Demand, clock: Clock, rng: Random, speed: float) -> LivelyPool:
    now = clock.wall()
    pace = Pace(noon=now - _STARTS_AFTER_NOON / speed, speed=speed)
    arriving = submissions(demand, pace, rng, now - _PAST)
    if profile is TRAINING[0]:
        arriving = merge(arriving, [_stuck(profile, now)], key=lambda submission: submission.created)
    nodes = Nodes(profile.nodes, profile.whole_node)
    return LivelyPool(profile, Cluster(nodes, arriving, retention=_RETENTION), clock)


def _stuck(profile: Profile, now: float) -> Submission:
    """A job of more nodes than its pool has: it waits for ever, at the head of the queue."""
    job_uuid = "5f0c1d52-7e0b-4c9a-9a51-3f8f3c1d0b77"
    whole = profile.whole_node
    return Submission(
        uid="c3a9f2d4-41be-4d0e-8c36-9d2b6f1e7a58",
        job_uuid=job_uuid,
        name=f"modelarts-job-{job_uuid}",
        job_name="pretrain-moe-too-large",
        type="train",
        user="li.wei",
        priority=3,
        created=round(now - _STUCK_SINCE, 3),
        needs=Needs(profile.nodes + 4, profile.cards, whole.cpu, whole.memory),
        phases=(Phase("Running", 24 * _HOUR),),
        flavor=profile.flavor,
        gvk="batch.volcano.sh/v1alpha1, Kind=Job",
    )
