"""Made-up workloads in the shape of the documented answer, as ready bytes.

A listing is never the same twice: durations grow from one poll to the next, a hundredth of the jobs gives
way to new ones, and one waiting job in a hundred starts, wherever it stands. There are a few such variants of
each pool, served in turn.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import accumulate
from uuid import UUID

import msgspec

PROJECT = "0123456789abcdef0123456789abcdef"
VARIANTS = 4
SECONDS_BETWEEN = 60
"""By which durations grow from one variant to the next."""

_FIRST_CREATED = 1_790_000_000
_STATUSES = ("Queue", "Pending", "Creating", "Running", "Abnormal", "Completed", "Failed")
_WEIGHTS = (30, 3, 2, 45, 1, 15, 4)
_TYPES = ("train", "infer", "notebook", "x-infer")
_CARDS = ("huawei.com/ascend-1980", "huawei.com/ascend-1980", "huawei.com/ascend-310", "nvidia.com/gpu")


@dataclass(frozen=True, slots=True)
class Size:
    """How many workloads in how many pools."""

    pools: int
    each: int

    def __str__(self) -> str:
        return f"{self.pools:,} x {self.each:,}"

    @property
    def workloads(self) -> int:
        """In all pools."""
        return self.pools * self.each

    @property
    def ids(self) -> list[str]:
        """The pools' IDs."""
        return [pool_id(index) for index in range(self.pools)]


def pool_id(index: int) -> str:
    """A pool's ID, as long as real ones are."""
    return f"pool-train-{index:06}-0123456789abcdef0123456789abcdef"


@dataclass(frozen=True, slots=True)
class Variant:
    """One state of a pool's list.

    Attributes:
        text: its items, joined by commas.
        ends: where each item ends in `text`.
    """

    text: bytes
    ends: tuple[int, ...]

    def body(self, offset: int, limit: int) -> bytes:
        """The answer to one page's request."""
        begin = min(offset, len(self.ends))
        end = min(begin + limit, len(self.ends))
        start = 0 if begin == 0 else self.ends[begin - 1] + 1
        items = self.text[start : self.ends[end - 1]] if end > begin else b""
        return b'{"kind":"WorkloadList","apiVersion":"v1","metadata":{},"items":[%b],"total":%d}' % (
            items,
            len(self.ends),
        )


def variants(pool: str, count: int) -> tuple[Variant, ...]:
    """The states of a pool of so many workloads."""
    leaving = -(-count // 100)
    jobs = [_job(pool, index) for index in range(count + leaving * (VARIANTS - 1))]
    return tuple(
        _variant(jobs[number * leaving : number * leaving + count], number) for number in range(VARIANTS)
    )


def _variant(jobs: list[dict[str, object]], number: int) -> Variant:
    encoded = [msgspec.json.encode(_aged(job, number)) for job in jobs]
    ends = accumulate((len(item) + 1 for item in encoded), initial=-1)
    return Variant(b",".join(encoded), tuple(ends)[1:])


def _aged(job: dict[str, object], number: int) -> dict[str, object]:
    seconds = number * SECONDS_BETWEEN
    if job["status"] in {"Completed", "Failed"}:
        return job
    waits = job["status"] in {"Queue", "Pending"}
    if waits and int(str(job["uid"])[:8], 16) % 100 < number:
        return job | {"status": "Running", "runningDuration": seconds, "hostIps": "192.168.0.1"}
    growing = "pendingDuration" if waits else "runningDuration"
    before = job.get(growing, 0)
    assert isinstance(before, int)
    return {**job, growing: before + seconds}


def _job(pool: str, index: int) -> dict[str, object]:
    rng = random.Random(f"{pool}/{index}")  # noqa: S311  (the same data in every run)
    uuid, nodes = UUID(int=rng.getrandbits(128)), rng.choice((1, 1, 1, 2, 4))
    status, card = rng.choices(_STATUSES, _WEIGHTS)[0], rng.choice(_CARDS)
    one_node: dict[str, object] = {"cpu": "24", "memory": "192Gi", card: "8"}
    job: dict[str, object] = {
        "kind": "Workload",
        "apiVersion": "v1",
        "uid": str(UUID(int=rng.getrandbits(128))),
        "jobUUID": str(uuid),
        "name": f"modelarts-job-{uuid}",
        "jobName": f"finetune-{rng.choice(('llama', 'qwen', 'pangu', 'vit'))}-{index:05}",
        "type": rng.choice(_TYPES),
        "namespace": pool,
        "status": status,
        "resourceRequirement": {"cpu": str(24 * nodes), "memory": f"{192 * nodes}Gi", card: str(8 * nodes)},
        "priority": str(rng.randrange(4)),
        "createTime": (_FIRST_CREATED + index * 7) * 1000,
        "pendingDuration": rng.randrange(200_000),
        "gvk": "batch.volcano.sh/v1alpha1, Kind=Job",
        "isDeleted": "false",
        "userName": f"user-{rng.randrange(40):02}",
    }
    if status in {"Queue", "Pending"}:
        return job | {"pendingPosition": rng.randrange(-1, 500)}
    job |= {"flavor": f"modelarts.pool.visual.{nodes}xlarge", "runningDuration": rng.randrange(1_000_000)}
    if status == "Running":
        hosts = [f"192.168.{rng.randrange(40)}.{rng.randrange(250)}" for _ in range(nodes)]
        job["hostIps"] = ",".join(hosts)
        job["nodes"] = [
            {"hostIp": host, "npuTopologyPlacement": "0000000011111111", "resourceRequirement": one_node}
            for host in hosts
        ]
    return job
