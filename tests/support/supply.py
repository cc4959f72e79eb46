"""A pool of which everything is known that is not in its listing, for tests of what is shown."""

from __future__ import annotations

from typing import TypedDict

from exporter.snapshot.pool import Expiring, Fitting, PoolDescription
from exporter.snapshot.resources import Amounts, FreeCards, PoolCapacity

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


class Supply(TypedDict):
    """Fields of a PoolState."""

    description: Expiring[PoolDescription]
    capacity: Expiring[PoolCapacity]
    free_cards: Expiring[FreeCards]
    fitting: Expiring[Fitting]


def supply(fresh_until: float) -> Supply:
    """What fields of a PoolState may hold."""
    return {
        "description": Expiring(ENTRY, fresh_until),
        "capacity": Expiring(CAPACITY, fresh_until),
        "free_cards": Expiring(FreeCards({CARD: 24.0}, {CARD: 7.0}), fresh_until),
        "fitting": Expiring(Fitting({"train": 2, "infer": 0}, {"u1": 40.0, "u9": 90.0}, 60.0), fresh_until),
    }
