"""How pools are split among shards."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.polling.selection import ShardFilter, owner

PROJECT = "0123456789abcdef0123456789abcdef"
POOLS = [f"pool-{index:04}-0123456789abcdef0123456789abcdef" for index in range(1000)]
PINNED = [0, 0, 1, 3, 2, 1, 2, 2, 0, 2, 0, 2]
"""Whose the first of them are, of four."""


def owners(total: int) -> dict[str, int]:
    return {pool: owner(PROJECT, pool, total) for pool in POOLS}


def moved(before: int, after: int) -> dict[str, tuple[int, int]]:
    """Pools that another shard watches afterwards."""
    old, new = owners(before), owners(after)
    return {pool: (old[pool], new[pool]) for pool in POOLS if old[pool] != new[pool]}


@pytest.mark.parametrize("total", [1, 2, 4, 5, 16])
def test_shares_are_about_equal(total: int) -> None:
    """No shard is empty, and none has more than five standard deviations over its part."""
    counts = Counter(owners(total).values())
    part = len(POOLS) / total
    assert set(counts) == set(range(total))
    assert all(abs(count - part) <= 5 * part**0.5 for count in counts.values())


@pytest.mark.parametrize("total", [1, 2, 4, 9])
def test_a_new_shard_only_takes(total: int) -> None:
    """About its part moves, and only onto it; when it goes again, only its pools move."""
    taken = moved(total, total + 1)
    assert {new for _, new in taken.values()} == {total}
    part = len(POOLS) / (total + 1)
    assert abs(len(taken) - part) <= 5 * part**0.5
    assert moved(total + 1, total) == {pool: (new, old) for pool, (old, new) in taken.items()}


def test_the_split_is_the_same_everywhere() -> None:
    """In every process, whatever its hash seed, and in every version: these were written down."""
    pinned = [owner(PROJECT, pool, 4) for pool in POOLS[:12]]
    assert pinned == PINNED
    program = (
        "from exporter.polling.selection import owner\n"
        f"print([owner({PROJECT!r}, p, 4) for p in {POOLS[:12]}])"
    )
    for seed in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed},
        )
        assert done.stdout.strip() == str(pinned)


def test_the_project_counts_too() -> None:
    """Pools called alike in many projects are not all one shard's."""
    assert len({owner(f"{index:032x}", POOLS[0], 4) for index in range(50)}) == 4


@given(
    pools=st.lists(st.text(st.characters(codec="utf-8")), unique=True, max_size=20),
    total=st.integers(1, 12),
)
def test_every_pool_has_one_shard(pools: list[str], total: int) -> None:
    """Whatever pools are called."""
    shares = [ShardFilter(index, total).owned(PROJECT, pools) for index in range(total)]
    assert sorted(pool for share in shares for pool in share) == sorted(pools)


@given(
    pool=st.text(st.characters(codec="utf-8")),
    totals=st.lists(st.integers(1, 12), min_size=1, max_size=12),
)
def test_shards_that_disagree_leave_no_pool_out(pool: str, totals: list[int]) -> None:
    """While a change of the total is rolled out, with every shard of the greatest total there."""
    greatest = max(totals)
    of_all = [*totals, *[greatest] * (greatest - len(totals))][:greatest]
    of_all = [max(total, index + 1) for index, total in enumerate(of_all)]  # an index is less than its total
    assert any(ShardFilter(index, total).owns(PROJECT, pool) for index, total in enumerate(of_all))
