"""A pool of which everything is known that is not in its listing, for tests of what is shown."""

from __future__ import annotations

from typing import TypedDict

from exporter.snapshot.events import ScheduledEvents
from exporter.snapshot.pool import CloudCount, Expiring, PoolDescription
from exporter.snapshot.resources import Amounts, FreeCards, PoolCapacity
from exporter.snapshot.waiting import Waiting

CARD = "huawei.com/ascend-1980"
CAPACITY = PoolCapacity(
    Amounts(768.0, 6144.0 * 2**30, ((CARD, 32.0),)),
    Amounts(5.5, 15548.0 * 2**20, ((CARD, 8.0),)),
)
ENTRY = PoolDescription(
    "Team A",
    phase="Running",
    type="Dedicate",
    queue_strategy="priority",
    nodes={("8snt9b", "available"): 4.0, ("8snt9b", "abnormal"): 0.0},
)

WAITING = Waiting(
    reasons={"u1": "no_room", "u9": "unexplained"},
    workloads={("train", "no_room"): 1, ("infer", "unexplained"): 1, ("infer", "unknown"): 0},
    accelerators={(CARD, "no_room"): 64.0, (CARD, "unknown"): 0.0},
    head={CARD: 64.0},
    idle={CARD: 24.0},
    short={CARD: 40.0},
    fitting={"train": 2, "infer": 0},
    fits_since={"u1": 40.0, "u9": 90.0},
    longest_fitting=60.0,
    overtaken={("train", "3"): 1},
)


class Supply(TypedDict):
    """Fields of a PoolState."""

    description: Expiring[PoolDescription]
    capacity: Expiring[PoolCapacity]
    free_cards: Expiring[FreeCards]
    cloud_count: Expiring[CloudCount]
    events: Expiring[ScheduledEvents]
    waiting: Expiring[Waiting]


def supply(fresh_until: float) -> Supply:
    """What fields of a PoolState may hold."""
    return {
        "description": Expiring(ENTRY, fresh_until),
        "capacity": Expiring(CAPACITY, fresh_until),
        "cloud_count": Expiring(
            CloudCount({("train", "queue"): 12, ("train", "allocated"): 3}, 0.0), fresh_until
        ),
        "free_cards": Expiring(
            FreeCards({CARD: 24.0}, {CARD: 7.0}, unschedulable={"tainted": 2, "draining": 0}), fresh_until
        ),
        "events": Expiring(ScheduledEvents({("node_reboot", "scheduled"): 2}, 1_700_090_000.0), fresh_until),
        "waiting": Expiring(WAITING, fresh_until),
    }
