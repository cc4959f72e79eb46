"""What `check` says about a pool's accelerators."""

from __future__ import annotations

from typing import Any

import pytest

from exporter.cli.accelerators import accelerator_remarks
from exporter.snapshot.pool import Expiring, Listing, PoolKey, PoolState
from exporter.snapshot.resources import Amounts, FreeCards, PoolCapacity
from exporter.snapshot.workload import Workload

GPU = "nvidia.com/gpu"


def capacity(*names: str) -> Expiring[PoolCapacity]:
    return Expiring(PoolCapacity(Amounts(8.0, 1.0, tuple((name, 4.0) for name in names)), Amounts()), 1.0)


def listing(*names: str, status: str = "Queue", number: float = 1.0) -> Listing:
    return Listing(tuple(Workload(uid=name, status=status, accelerators=((name, number),)) for name in names))


UNDOCUMENTED = "pool-a: resources that no documentation mentions count as accelerators: "
APART = "pool-a: workloads ask for "


@pytest.mark.parametrize(
    ("known", "lines"),
    [
        ({}, []),
        ({"listing": listing(GPU)}, []),
        ({"listing": listing(GPU), "capacity": capacity(GPU)}, []),
        ({"listing": listing(), "capacity": capacity("tnt004")}, [UNDOCUMENTED + "tnt004"]),
        ({"listing": listing("b", "a", "other")}, [UNDOCUMENTED + "a, b"]),
        ({"free_cards": Expiring(FreeCards({"on-node": 1.0}, {}), 1.0)}, [UNDOCUMENTED + "on-node"]),
        (
            {"listing": listing(GPU), "capacity": capacity("tnt004")},
            [UNDOCUMENTED + "tnt004", APART + f"{GPU}, and the pool's capacity names tnt004"],
        ),
        (
            {"listing": listing(GPU), "capacity": capacity()},
            [APART + f"{GPU}, and the pool's capacity names no accelerator"],
        ),
        ({"listing": listing(GPU, status="Completed"), "capacity": capacity()}, []),
        ({"listing": listing(GPU, number=0.0), "capacity": capacity()}, []),
        ({"listing": listing("a\x1b[2J")}, [UNDOCUMENTED + r"a\x1b[2J"]),
    ],
)
def test_remarks(known: dict[str, Any], lines: list[str]) -> None:
    """Undocumented names of requests, capacity and nodes together; and requests that no capacity names."""
    remarks = list(accelerator_remarks(PoolState(PoolKey("r", "p", "pool-a"), **known)))
    assert len(remarks) == len(lines)
    for remark, line in zip(remarks, lines, strict=True):
        assert remark.startswith(line)
