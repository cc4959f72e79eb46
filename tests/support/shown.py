"""A pool with a waiting and a running workload, and its exposition text."""

from __future__ import annotations

from exporter.lifecycle.counting import add
from exporter.lifecycle.transitions import Created, Finished, Requeued, Started
from exporter.metrics.pool_text import render_pool
from exporter.metrics.sections import SECTIONS
from exporter.metrics.summary import Detail
from exporter.metrics.thresholds import Rule, Thresholds
from exporter.snapshot.counters import Throughput
from exporter.snapshot.pool import Listing, PoolKey, PoolState
from exporter.snapshot.workload import Workload
from support.supply import supply

KEY = PoolKey("cn-north-4", "0123456789abcdef0123456789abcdef", "pool-a")
IDENTITY = 'region="cn-north-4",project_id="0123456789abcdef0123456789abcdef",pool="pool-a"'
JOB = f'{IDENTITY},uid="u1",job_name="train llm",type="train"'

WAITING = Workload(
    uid="u1",
    name="modelarts-job-1",
    job_name="train llm",
    job_uuid="j1",
    type="train",
    status="Queue",
    flavor="modelarts.kat1.8xlarge",
    priority="2",
    user="ann",
    gvk="batch.volcano.sh/v1alpha1, Kind=Job",
    created=1_700_000_000.5,
    pending=3600.0,
    position=4,
    estimated_start=900.0,
    cpu_cores=8.0,
    memory_bytes=64.0 * 2**30,
    accelerators=(("huawei.com/ascend-1980", 16.0),),
)
RUNNING = Workload(
    uid="u2",
    job_name="serve",
    type="infer",
    status="Running",
    pending=30.0,
    running=7200.0,
    cpu_cores=0.5,
    accelerators=(("huawei.com/ascend-310", 2.0), ("example.com/tpu", 1.0)),
    nodes=2,
)


PASSED = add(
    Throughput(),
    [
        Created("train"),
        Started("train", "2", 90.0),
        Started("train", "2", 3600.0),
        Finished("infer", "Failed", 7200.0),
        Requeued("notebook"),
    ],
)


def state(*workloads: Workload, complete: bool = True) -> PoolState:
    return PoolState(
        KEY,
        name="Team A",
        outcome="ok" if complete else "incomplete",
        succeeded_at=1_700_000_100.0,
        listing=Listing(workloads, complete, head_since=1_700_000_000.0),
        fresh_until=100.0,
        polls={"ok": 3},
        **supply(100.0),
    )


ALL = Detail("all", 200)
THRESHOLDS = Thresholds((Rule(None, {("train", "3"): 3600.0, ("train", "default"): 14400.0}),))


def exposition(pool: PoolState, *, now: float = 0.0) -> str:
    chunks = render_pool(pool, ALL, thresholds=THRESHOLDS).chunks(now)
    return "".join(
        chunk.plain.decode() for section in SECTIONS[False] for chunk in chunks.get(section.key, ())
    )
