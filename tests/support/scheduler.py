"""A pool's scheduler that was written for tests: it shares no code with the exporter or its simulator.

Only the answers of the API connect it with what is tested.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from random import Random

POOL = "pool-truth"
CARD = "huawei.com/ascend-1980"
NODES, CARDS, CPU = 16, 8, 192
HOUR, DAY = 3600.0, 86400.0
START = 1_700_000_000.0


@dataclass
class Job:
    """So many instances, each with cards and cores on one node."""

    uid: str
    priority: int
    created: float
    instances: int
    cards: int
    cores: int
    hours: float
    nodes: list[int] = field(default_factory=list)
    ends: float = 0.0

    @property
    def order(self) -> tuple[int, float]:
        return -self.priority, self.created


@dataclass
class Scheduler:
    """A pool with its queue.

    Attributes:
        fifo: whether no job may pass one that cannot start.
        unjust: whether the last in the queue is served first.
        cards, cores: what is free, node by node.
        drained: the nodes that take no jobs.
        broken: whether nothing can start.
        queue, running: the jobs.
    """

    fifo: bool
    unjust: bool = False
    cards: list[int] = field(default_factory=lambda: [CARDS] * NODES)
    cores: list[int] = field(default_factory=lambda: [CPU] * NODES)
    drained: set[int] = field(default_factory=set)
    broken: bool = False
    queue: list[Job] = field(default_factory=list)
    running: list[Job] = field(default_factory=list)

    def places(self, job: Job) -> list[int]:
        """The nodes on which the job would run now; empty if it cannot start."""
        able = [
            node
            for node in range(NODES)
            if node not in self.drained and self.cards[node] >= job.cards and self.cores[node] >= job.cores
        ]
        able.sort(key=lambda node: self.cards[node])
        return able[: job.instances] if len(able) >= job.instances else []

    def run(self, now: float) -> None:
        """End what is over, and start what can start."""
        for job in [job for job in self.running if job.ends <= now]:
            self.running.remove(job)
            for node in job.nodes:
                self.cards[node] += job.cards
                self.cores[node] += job.cores
        self.queue.sort(key=lambda job: job.order)
        for job in [] if self.broken else sorted(self.queue, key=lambda job: job.order, reverse=self.unjust):
            if not (nodes := self.places(job)):
                if self.fifo:
                    return
                continue
            self.queue.remove(job)
            self.running.append(job)
            job.nodes, job.ends = nodes, now + job.hours * HOUR
            for node in nodes:
                self.cards[node] -= job.cards
                self.cores[node] -= job.cores

    def held_back(self) -> dict[str, set[str]]:
        """Everything that keeps the waiting jobs from starting, by uid."""
        found, blocked = {}, False
        for job in sorted(self.queue, key=lambda job: job.order):
            found[job.uid] = self._held_back_by(job, blocked=blocked)
            blocked = blocked or (self.fifo and not self.places(job))
        return found

    def _held_back_by(self, job: Job, *, blocked: bool) -> set[str]:
        if self.broken:
            return {"pool_unwell"}
        if job.instances * job.cards > NODES * CARDS or job.instances * job.cores > NODES * CPU:
            return {"exceeds_pool"}
        able = [node for node in range(NODES) if node not in self.drained]
        found = {"behind_head"} if blocked else set()
        if not self.places(job):
            room = (
                sum(self.cards[node] for node in able) >= job.instances * job.cards
                and sum(self.cores[node] for node in able) >= job.instances * job.cores
            )
            found.add("fragmented" if room else "no_room")
        return found

    def answers(self) -> dict[str, bytes]:
        """What the API would say."""
        items = [self._item(job, place) for place, job in enumerate(self.queue, 1)]
        items += [self._item(job, None) for job in self.running]
        held_cards, held_cores = NODES * CARDS - sum(self.cards), NODES * CPU - sum(self.cores)
        table = {
            "capacity": {"value": {"cpu": NODES * CPU, CARD: NODES * CARDS}},
            "allocated": {"value": {"cpu": held_cores, CARD: held_cards}},
        }
        nodes = [
            {
                "metadata": {
                    "name": f"node-{node}",
                    "annotations": {"os.modelarts.node/drain": "true"} if node in self.drained else {},
                },
                "spec": {"flavor": "8snt9"},
                "status": {
                    "phase": "Available",
                    "resources": {"cpu": CPU, CARD: CARDS},
                    "availableResources": {"cpu": self.cores[node], CARD: self.cards[node]},
                },
            }
            for node in range(NODES)
        ]
        pool = {"metadata": {"name": POOL}, "status": {"phase": "Error" if self.broken else "Running"}}
        return {
            "workloads": json.dumps({"kind": "WorkloadList", "items": items, "total": len(items)}).encode(),
            "runtime": json.dumps({"items": [{"metadata": {"name": POOL}, "table": table}]}).encode(),
            "nodes": json.dumps({"items": nodes}).encode(),
            "pools": json.dumps({"items": [pool]}).encode(),
        }

    def _item(self, job: Job, place: int | None) -> dict[str, Any]:
        request = {"cpu": str(job.instances * job.cores), CARD: str(job.instances * job.cards)}
        item = {
            "uid": job.uid,
            "type": "train",
            "status": "Running" if place is None else "Queue",
            "priority": str(job.priority),
            "createTime": int(job.created * 1000),
            "resourceRequirement": request,
        }
        if place is None:
            return {**item, "hostIps": ",".join(f"10.0.0.{node}" for node in job.nodes)}
        # One in ten has no position, as the API may answer.
        return {**item, "pendingPosition": -1 if int(job.uid) % 10 == 0 else place}


def arrivals(rng: Random, seconds: float) -> list[Job]:
    """A week of submissions, more by day than by night; one in 200 asks for more than the pool has.

    Args:
        rng: what the jobs are drawn from.
        seconds: the mean time between two of them.
    """
    jobs, now, number = [], START, 0
    while now < START + 7 * DAY:
        busy = 1.6 if 8 <= (now - START) % DAY / HOUR < 20 else 0.4
        now += rng.expovariate(busy / seconds)
        number += 1
        instances, cards = rng.choices(
            [(1, 1), (1, 2), (1, 4), (1, 8), (2, 4), (2, 8), (4, 8), (8, 8)], [28, 16, 12, 20, 4, 12, 6, 2]
        )[0]
        if rng.random() < 0.005:
            instances, cards = 20, 8
        cores = min(CPU, cards * rng.choices([8, 20, 24, 40], [4, 10, 4, 1])[0])
        priority, hours = rng.choices([1, 2, 3], [6, 3, 1])[0], rng.lognormvariate(0.9, 0.9)
        jobs.append(Job(str(number), priority, now, instances, cards, cores, hours))
    return jobs
