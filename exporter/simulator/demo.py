"""The cloud of `modelarts-exporter demo`: three busy pools with a history, and one that could not be created.

Something waits there for every reason that the exporter knows. The queue of the GPU pool is fifo: no job
passes one that cannot start. In the other pools smaller jobs may.

The numbers are chosen so that each queue grows during the simulated day and drains in the night, while jobs
of many nodes wait through both. `test_sim_demo.py` checks that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from heapq import merge
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

from exporter.simulator.answers import reboot_object
from exporter.simulator.cluster import Cluster, ClusterPool, Strategy
from exporter.simulator.demand import HOUR, DayCycle, Demand, JobClass, JobSize, submissions
from exporter.simulator.iam import User
from exporter.simulator.jobs import GIB, Eviction, Phase, ResourceRequest, Submission
from exporter.simulator.nodes import Nodes
from exporter.simulator.pools import Profile
from exporter.simulator.server import Simulator

if TYPE_CHECKING:
    from exporter.common.clock import Clock

REGION: Final = "cn-north-4"
PROJECT: Final = "0d3f8a61c92b4e57a1f6c8e25b7d9042"

FIFO: Final = "simulator-fifo"
"""The word for the queue strategy of the GPU pool."""

_HISTORY = 36 * HOUR
_RETENTION = 3 * HOUR
_STUCK_SINCE = 30 * HOUR
_REBOOT_AFTER = 30 * HOUR
"""Until a node is restarted: longer than the alert's day, so that a new demo is quiet about it."""
_STARTS_AFTER_NOON = 3 * HOUR
"""The demo starts at three in the simulated afternoon: the queues are long, and get shorter in the night."""

_USER = User(name="exporter", password="demo", domain="demo")  # noqa: S106  (of a simulation)


class DemoPool(NamedTuple):
    """A pool of the demo and what is submitted to it."""

    profile: Profile
    demand: Demand


@dataclass(frozen=True, slots=True)
class DemoCloud:
    """A simulated cloud and what an exporter needs to watch it.

    Attributes:
        simulator: to be served.
        region: its region.
        project_id: its only project.
        user: who may log in.
        pools: the pools. Their clusters know what really happened.
    """

    simulator: Simulator
    region: str
    project_id: str
    user: User
    pools: tuple[ClusterPool, ...]


def demo_cloud(clock: Clock, seed: int = 9, speed: float = 15.0) -> DemoCloud:
    """Make the demo's cloud, with a day and a half of history.

    Args:
        clock: the time; it is not accelerated: creation times and waits are real ones.
        seed: equal seeds at equal times make equal clouds.
        speed: how many times faster than in reality users submit, jobs run and days pass.
    """
    now = clock.wall()
    busy = (
        _cluster_pool(pool, clock, Random(f"{seed}/{pool.profile.id}"), speed)  # noqa: S311  (no secret)
        for pool in (TRAINING, INFERENCE, GPU)
    )
    pools = (*busy, _failed_pool(clock))
    for pool in pools:
        pool.cluster.advance(now)
    pools[0].events = [reboot_object(pools[0].profile, now + _REBOOT_AFTER)]
    return DemoCloud(Simulator(clock, {PROJECT: pools}, users=[_USER]), REGION, PROJECT, _USER, pools)


def _cluster_pool(pool: DemoPool, clock: Clock, rng: Random, speed: float) -> ClusterPool:
    now, profile = clock.wall(), pool.profile
    cycle = DayCycle(noon=now - _STARTS_AFTER_NOON / speed, speed=speed)
    arrivals = submissions(pool.demand, cycle, rng, now - _HISTORY)
    stuck = _stuck_jobs(pool, now)
    arrivals = merge(arrivals, stuck, key=lambda submission: submission.created)
    nodes = Nodes(profile.nodes, profile.node_capacity)
    strategy: Strategy = "fifo" if profile.strategy == FIFO else "passing"
    return ClusterPool(profile, Cluster(nodes, arrivals, retention=_RETENTION, strategy=strategy), clock)


def _failed_pool(clock: Clock) -> ClusterPool:
    """A pool whose creation failed: it has no nodes, and a job that was submitted to it nevertheless."""
    profile = Profile(
        id="pool-new-cluster-5b1f0e7d2c8a4963b0d4e6f1a2c3b4d5",
        name="new cluster",
        phase="CreationFailed",
        nodes=0,
    )
    node = profile.node_capacity
    job = _stuck_job(
        "2b7d9f60-93ab-4f0e-8f57-1c5f6a0b9e21", "first-run", ResourceRequest(1, 8, node.cpu, node.memory)
    )
    waiting = replace(job, created=round(clock.wall() - 5 * HOUR, 3))
    return ClusterPool(profile, Cluster(Nodes(0, node), [waiting], retention=_RETENTION), clock)


def _stuck_jobs(pool: DemoPool, now: float) -> list[Submission]:
    """Jobs that wait for long, each for a reason of its own."""
    profile, node = pool.profile, pool.profile.node_capacity
    if pool is TRAINING:
        request = ResourceRequest(profile.nodes + 4, profile.cards, node.cpu, node.memory)
        job = _stuck_job("c3a9f2d4-41be-4d0e-8c36-9d2b6f1e7a58", "pretrain-moe-too-large", request)
        return [replace(job, created=round(now - _STUCK_SINCE, 3))]
    if pool is INFERENCE:
        request = ResourceRequest(1, 1, 4_000, 16 * GIB)
        other_cards = _stuck_job("8e41d0b7-5c2f-4a8e-9b3d-7f60c1e2a945", "ocr-on-the-wrong-cards", request)
        held = _stuck_job("41f7c0de-2a6b-4e19-8d57-0b9c3e8a7d24", "held-after-eviction", request)
        return [
            # It ran, and lost its resources. Nothing that the API shows keeps it from starting again.
            replace(held, created=round(now - 9 * HOUR, 3), eviction=Eviction(60.0, 30 * HOUR)),
            replace(other_cards, created=round(now - 7 * HOUR, 3), accelerator="nvidia.com/gpu"),
        ]
    # It needs the whole pool, and services run there for days. Until its user gives up, nothing starts.
    request = ResourceRequest(profile.nodes, profile.cards, node.cpu, node.memory)
    job = _stuck_job("a05e9d3c-7b14-4f82-96c1-e2d84b7f3a60", "whole-pool-benchmark", request)
    return [replace(job, created=round(now - 600, 3), patience=1.5 * HOUR)]


def _stuck_job(uid: str, name: str, request: ResourceRequest) -> Submission:
    return Submission(
        uid=uid,
        job_uuid=uid[::-1],
        name=f"modelarts-job-{uid[::-1]}",
        job_name=name,
        type="train",
        user="li.wei",
        priority=3,
        created=0.0,
        request=request,
        phases=(Phase("Running", 24 * HOUR),),
        gvk="batch.volcano.sh/v1alpha1, Kind=Job",
    )


_USERS = ("li.wei", "wang.fang", "zhang.min", "chen.jie", "liu.yang", "a.novak", "m.okafor", "s.petrov")
_STOPPED_BY_USER = {"Terminated": 0.9, "Failed": 0.1}
_DEPLOYMENT = "apps/v1, Kind=Deployment"

_train = partial(
    JobClass,
    type="train",
    outcomes={"Completed": 0.8, "Failed": 0.12, "Terminated": 0.08},
    prefix="modelarts-job",
    gvk="batch.volcano.sh/v1alpha1, Kind=Job",
)
_infer = partial(JobClass, type="infer", outcomes=_STOPPED_BY_USER, prefix="infer", gvk=_DEPLOYMENT)
_x_infer = partial(JobClass, type="x-infer", outcomes=_STOPPED_BY_USER, prefix="x-infer", gvk=_DEPLOYMENT)
_notebook = partial(
    JobClass, type="notebook", outcomes=_STOPPED_BY_USER, prefix="notebook", gvk="apps/v1, Kind=StatefulSet"
)

TRAINING: Final = DemoPool(
    Profile(
        id="pool-llm-train-7c1e0a94b5d24f3e8a6d90c2f1b37e45",
        name="llm-training",
        flavor="modelarts.bm.npu.arm.8snt9b3.d",
        # The name of ascend-1980 on the API's older pages.
        accelerator="huawei.com/ascend-snt9",
        nodes=16,
    ),
    Demand(
        classes=(
            _train(
                per_day=170,
                sizes={JobSize(1, 1): 5, JobSize(1, 2): 3, JobSize(1, 4): 2},
                median_hours=1.2,
                sigma=0.9,
                names=("debug", "eval-ceval", "lora-7b", "tokenize", "profile-step"),
                flavor="modelarts.pool.visual.{cards}xlarge",
                cpu=20_000,
                memory=180 * GIB,
            ),
            _train(
                per_day=38,
                sizes={JobSize(1, 8): 7, JobSize(2, 8): 3},
                median_hours=3,
                sigma=0.8,
                names=("sft-13b", "dpo-13b", "distill", "reward-model"),
                flavor="modelarts.pool.visual.{cards}xlarge",
                cpu=22_000,
                memory=180 * GIB,
            ),
            _train(
                per_day=2.2,
                sizes={JobSize(4, 8): 6, JobSize(6, 8): 3, JobSize(8, 8): 1},
                median_hours=8,
                sigma=0.6,
                names=("pretrain-70b", "pretrain-moe", "continue-pretrain"),
                flavor="modelarts.pool.visual.{cards}xlarge",
                cpu=24_000,
                memory=190 * GIB,
            ),
            _notebook(
                per_day=4,
                sizes={JobSize(1, 1): 1},
                median_hours=6,
                sigma=0.7,
                names=("notebook", "lab"),
                flavor="modelarts.pool.notebook.{cards}xlarge",
                cpu=12_000,
                memory=96 * GIB,
            ),
        ),
        users=_USERS,
        priorities={0: 20, 1: 50, 2: 22, 3: 8},
    ),
)

INFERENCE: Final = DemoPool(
    Profile(
        id="pool-edge-infer-2f9b6d0813c94a7fb5e2d7a0c64e1938",
        name="notebooks and inference",
        flavor="modelarts.vm.npu.4snt3",
        accelerator="huawei.com/ascend-310",
        nodes=6,
        cpu=64,
        memory=256,
    ),
    Demand(
        classes=(
            _infer(
                per_day=3,
                sizes={JobSize(1, 1): 6, JobSize(1, 2): 3, JobSize(1, 4): 1},
                median_hours=80,
                sigma=0.7,
                names=("ocr-service", "asr-gateway", "defect-detect"),
                flavor="modelarts.kat1.{cards}xlarge",
                cpu=500,
                memory=6 * GIB + GIB // 2,
            ),
            _x_infer(
                per_day=2.5,
                sizes={JobSize(1, 8): 1, JobSize(2, 4): 1},
                median_hours=10,
                sigma=0.5,
                names=("batch-predict", "video-index"),
                flavor="modelarts.kat1.{cards}xlarge",
                cpu=1073,
                memory=32_000_000_000 // 8,
            ),
            _notebook(
                per_day=122,
                sizes={JobSize(1, 1): 8, JobSize(1, 2): 2},
                median_hours=5,
                sigma=0.8,
                names=("notebook", "course-cv", "lab"),
                flavor="modelarts.kat1.{cards}xlarge",
                cpu=4_000,
                memory=16 * GIB,
            ),
        ),
        users=_USERS,
        priorities={0: 60, 1: 30, 2: 10},
    ),
)

GPU: Final = DemoPool(
    Profile(
        id="pool-gpu-research-94e7c35af01d4b62a8c9e61f0d27b5a3",
        name="GPU 研究",
        strategy=FIFO,
        flavor="modelarts.bm.gpu.8v100",
        accelerator="nvidia.com/gpu",
        nodes=8,
        cpu=96,
        memory=768,
    ),
    Demand(
        classes=(
            _train(
                per_day=64,
                sizes={JobSize(1, 1): 4, JobSize(1, 2): 3, JobSize(1, 4): 2, JobSize(1, 8): 1},
                median_hours=2,
                sigma=0.9,
                names=("resnet", "sd-finetune", "ablation", "hpo-trial"),
                flavor="modelarts.p3.{cards}xlarge",
                cpu=10_000,
                memory=80_000_000_000,
            ),
            _train(
                per_day=2,
                sizes={JobSize(2, 8): 2, JobSize(4, 8): 1},
                median_hours=5,
                sigma=0.6,
                names=("diffusion-large", "clip"),
                flavor="modelarts.p3.{cards}xlarge",
                cpu=12_000,
                memory=90 * GIB,
            ),
            _x_infer(
                per_day=0.6,
                sizes={JobSize(1, 8): 1, JobSize(2, 4): 1},
                median_hours=16,
                sigma=0.5,
                names=("llm-serving", "rerank"),
                flavor="modelarts.p3.{cards}xlarge",
                cpu=8_000,
                memory=64 * GIB,
            ),
            _infer(
                per_day=0.3,
                sizes={JobSize(1, 1): 3, JobSize(1, 2): 1},
                median_hours=72,
                sigma=0.6,
                names=("search-embed", "tts"),
                flavor="modelarts.p3.{cards}xlarge",
                cpu=8_000,
                memory=64 * GIB,
            ),
            _notebook(
                per_day=14,
                sizes={JobSize(1, 1): 1},
                median_hours=5,
                sigma=0.8,
                names=("notebook", "playground"),
                flavor="modelarts.p3.{cards}xlarge",
                cpu=8_000,
                memory=64 * GIB,
            ),
        ),
        users=_USERS,
        priorities={0: 10, 1: 60, 2: 25, 3: 5},
    ),
)
