"""A job as the API lists it. Key shapes as in the documented example; fields without a value are left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.simulator import spelling

if TYPE_CHECKING:
    from exporter.simulator.jobs import Job, Share, Submission

TAKEN_UP = 5
"""So many jobs at the head of the queue are Pending, taken up by the scheduler; the others are Queue."""


def describe(job: Job, now: float, pool: str, accelerator: str, position: int | None) -> dict[str, object]:
    """A job as an object of the listing.

    Args:
        job: which one.
        now: Unix seconds; the durations are told as of then.
        pool: the pool's ID.
        accelerator: the key of its cards.
        position: its place in the queue, the first is 1; None where it does not wait.
    """
    asked = job.submission
    item: dict[str, object] = {
        "kind": "Workload",
        "apiVersion": "v1",
        "uid": asked.uid,
        "jobUUID": asked.job_uuid,
        "name": asked.name,
        "jobName": asked.job_name,
        "type": asked.type,
        "namespace": pool,
        "resourceRequirement": _requirement(asked, accelerator, asked.needs.nodes),
        "priority": str(asked.priority),
        "createTime": round(asked.created * 1000),
        "pendingDuration": int(job.waited(now)),
        "gvk": asked.gvk,
        "isDeleted": "false",
        "userName": asked.user,
    }
    if position is None:
        item["status"] = job.status(now)
    else:
        item["status"] = "Pending" if position <= TAKEN_UP else "Queue"
        if asked.position != "absent":
            item["pendingPosition"] = position if asked.position == "shown" else -1
    if job.shares:
        item |= _whereabouts(job, accelerator)
    if (ran := job.ran(now)) is not None:
        item["runningDuration"] = int(ran)
    return item


def address(node: int) -> str:
    """A node's private address."""
    return f"192.168.{node // 200}.{node % 200 + 11}"


def topology(cards: int) -> str:
    """16 characters, the rightmost is card 1, 1 is occupied."""
    return f"{cards:016b}"


def _whereabouts(job: Job, accelerator: str) -> dict[str, object]:
    asked = job.submission

    def on(share: Share) -> dict[str, object]:
        return {
            "hostIp": address(share.node),
            "npuTopologyPlacement": topology(share.cards),
            "resourceRequirement": _requirement(asked, accelerator, 1),
        }

    whereabouts: dict[str, object] = {"flavor": asked.flavor}
    if job.finished is None:
        whereabouts["hostIps"] = ",".join(address(share.node) for share in job.shares)
        whereabouts["nodes"] = [on(share) for share in job.shares]
    return whereabouts


def _requirement(asked: Submission, accelerator: str, nodes: int) -> dict[str, object]:
    needs, written = asked.needs, asked.spelling
    requirement: dict[str, object] = {
        "cpu": spelling.cpu(nodes * needs.cpu, written.cpu),
        "memory": spelling.memory(nodes * needs.memory, written.memory),
    }
    if needs.cards:
        requirement[accelerator] = spelling.cards(nodes * needs.cards, written.cards)
    return requirement
