"""Which waiting workloads fit into what is free, and since when."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.snapshot.pool import Expiring, Listing, PoolKey, PoolState
from exporter.snapshot.resources import Amounts, PoolCapacity
from exporter.snapshot.workload import TYPES, Workload
from exporter.waiting.analysis import with_waiting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.snapshot.waiting import Waiting

CARD = "huawei.com/ascend-1980"
GIB = 2.0**30


def capacity(cards: float, held: float) -> PoolCapacity:
    return PoolCapacity(Amounts(64.0, 64 * GIB, ((CARD, cards),)), Amounts(32.0, 32 * GIB, ((CARD, held),)))


def job(uid: str, cards: float = 0.0, cpu: float | None = 1.0, **fields: object) -> Workload:
    given: dict[str, object] = {"type": "train", "status": "Queue", **fields}
    accelerators = ((CARD, cards),) if cards else ()
    return Workload(uid=uid, cpu_cores=cpu, accelerators=accelerators, **given)  # type: ignore[arg-type]


def pool(*workloads: Workload, free: float = 8.0) -> PoolState:
    return PoolState(
        PoolKey("r", "p", "pool-a"),
        listing=Listing(workloads),
        fresh_until=300.0,
        capacity=Expiring(capacity(32.0, 32.0 - free), 200.0),
    )


def waiting(state: PoolState, now: float = 0.0) -> Waiting:
    after = with_waiting(state, None, now).waiting
    assert after is not None
    return after.value


def fitting(state: PoolState, now: float = 0.0) -> Mapping[str, int] | None:
    return waiting(state, now).fitting


@pytest.mark.parametrize(
    ("workload", "fits"),
    [
        (job("u", cards=8), True),
        (job("u", cards=9), False),
        (job("u", cards=8, status="Pending"), True),
        (job("u", cards=8, status="Running"), False),
        (job("u", cpu=32), True),
        (job("u", cards=1, cpu=33), False),
        (job("u", cards=1, memory_bytes=33 * GIB), False),
        (Workload(uid="u", status="Queue", accelerators=(("nvidia.com/gpu", 1.0),)), False),
        (Workload(uid="u", status="Queue", cpu_cores=1.0, accelerators=(("nvidia.com/gpu", 0.0),)), True),
        (Workload(uid="u", status="Queue"), False),
        (job("u", cards=1, sized=False), False),
    ],
)
def test_what_fits(workload: Workload, fits: bool) -> None:
    """A waiting workload fits when there is enough of all it asks for; an unknown request never does."""
    assert (waiting(pool(workload)).fits_since.keys() == {"u"}) == fits


def test_each_is_looked_at_on_its_own() -> None:
    """Three that fit one by one are three, though they do not fit together; none of a type is 0."""
    counts = fitting(pool(*(job(f"u{index}", cards=8) for index in range(3))))
    assert counts == {**dict.fromkeys(TYPES, 0), "train": 3}


def test_it_is_known_for_how_long_the_oldest_has_fitted() -> None:
    """From the first snapshot in which it fitted, as long as it does in every one."""
    state = with_waiting(pool(job("u1", cards=8)), None, 10.0)
    listing = Listing((job("u1", cards=8), job("u2", cards=1)))
    state = with_waiting(replace(state, listing=listing), None, 40.0)
    both = waiting(state, 70.0)
    assert both.fitting == {**dict.fromkeys(TYPES, 0), "train": 2}
    assert (both.fits_since, both.longest_fitting) == ({"u1": 10.0, "u2": 40.0}, 60.0)
    full = with_waiting(replace(state, capacity=Expiring(capacity(32.0, 30.0), 200.0)), None, 80.0)
    assert waiting(full, 80.0).longest_fitting == 40.0  # u2 still fits
    roomy = replace(full, capacity=Expiring(capacity(32.0, 0.0), 200.0))
    assert waiting(roomy, 90.0).fits_since == {"u1": 90.0, "u2": 40.0}


def test_for_how_long_it_has_fitted_takes_two_looks() -> None:
    """What fits at the first one, or at the first after a gap, may have fitted for days."""
    first = with_waiting(pool(job("u", cards=8)), None, 10.0)
    assert first.waiting is not None
    assert first.waiting.value.longest_fitting is None
    assert waiting(first, 40.0).longest_fitting == 30.0
    after_a_gap = replace(first, capacity=Expiring(capacity(32.0, 0.0), 900.0), fresh_until=900.0)
    assert waiting(after_a_gap, 250.0).longest_fitting is None
    joined = replace(with_waiting(pool(), None, 10.0), listing=Listing((job("u", cards=8),)))
    assert waiting(joined, 40.0).longest_fitting == 0.0


def test_nobody_fits_for_0_seconds() -> None:
    """An empty queue is 0, not absent."""
    empty = waiting(pool())
    assert (empty.fitting, empty.fits_since, empty.longest_fitting) == (dict.fromkeys(TYPES, 0), {}, 0.0)


def test_without_listing_or_capacity_nobody_knows() -> None:
    """Missing or stale: no figure; and the times for which workloads have fitted start again."""
    state = pool(job("u", cards=1))
    assert fitting(replace(state, capacity=None)) is None
    assert fitting(state, 200.0) is None
    assert with_waiting(replace(state, listing=None), None, 0.0).waiting is None
    assert with_waiting(state, None, 300.0).waiting is None
    once = with_waiting(state, None, 10.0)
    assert once.waiting is not None
    assert once.waiting.fresh_until == 200.0
    later = replace(once, capacity=Expiring(capacity(32.0, 0.0), 900.0), fresh_until=900.0)
    assert waiting(later, 250.0).fits_since == {"u": 250.0}


@pytest.mark.parametrize(
    ("allocated", "workload", "known"),
    [
        (Amounts(), job("u", cards=1), False),
        (Amounts(32.0, None, ((CARD, 0.0),)), job("u", cards=1), True),
        (Amounts(32.0, None, ((CARD, 0.0),)), job("u", cards=1, memory_bytes=GIB), False),
        (Amounts(32.0, None, ((CARD, 0.0),)), job("u", cards=33, memory_bytes=GIB), True),
        (Amounts(32.0, None, ((CARD, 0.0),)), job("u", memory_bytes=GIB, status="Running"), True),
        (Amounts(), Workload(uid="u", status="Queue", accelerators=(("nvidia.com/gpu", 1.0),)), False),
    ],
)
def test_what_is_not_known_to_be_held_is_not_read_as_full(
    allocated: Amounts, workload: Workload, known: bool
) -> None:
    """No figure where it depends on an amount that is not known; where it does not, there is one."""
    total = Amounts(64.0, 64 * GIB, ((CARD, 32.0),))
    state = replace(pool(workload), capacity=Expiring(PoolCapacity(total, allocated), 200.0))
    assert (fitting(state) is not None) == known


@pytest.mark.parametrize("held", [0.0, 8.0])
def test_an_accelerator_that_may_be_among_the_others_is_not_said_to_be_missing(held: float) -> None:
    """A pool of too many kinds tells some of its accelerators together."""
    total = Amounts(64.0, 64 * GIB, ((CARD, 8.0), ("other", 8.0)))
    allocated = Amounts(0.0, 0.0, ((CARD, 8.0), ("other", held)))
    odd = Workload(uid="u", status="Queue", accelerators=(("odd.com/card", 1.0),))
    state = replace(pool(odd), capacity=Expiring(PoolCapacity(total, allocated), 200.0))
    assert fitting(state) is None
    assert waiting(replace(state, listing=Listing((job("v", cards=1),)))).fits_since == {}


def test_cores_and_memory_every_pool_has() -> None:
    """Where the total is not told, or in no known form, it is not 0."""
    state = replace(pool(job("u")), capacity=Expiring(PoolCapacity(Amounts(), Amounts()), 200.0))
    assert fitting(state) is None


@given(st.lists(st.tuples(st.floats(0, 40), st.floats(0, 40)), max_size=20), st.floats(0, 32))
def test_more_room_never_fits_fewer(requests: list[tuple[float, float]], free: float) -> None:
    """Whoever fits goes on to fit when more becomes free."""
    workloads = [job(f"u{index}", cards=cards, cpu=cpu) for index, (cards, cpu) in enumerate(requests)]
    some = waiting(pool(*workloads, free=free)).fits_since.keys()
    assert some <= waiting(pool(*workloads, free=32.0)).fits_since.keys()
