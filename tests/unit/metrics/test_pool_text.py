"""The parts of a pool's text: each has its own age, and is made again only when it is new."""

from __future__ import annotations

from dataclasses import replace
from math import inf

from support.supply import CAPACITY, supply

from exporter.metrics.pool_text import render_pool
from exporter.metrics.sections import SECTIONS
from exporter.metrics.summary import Detail
from exporter.snapshot.pool import Expiring, Listing, PoolDescription, PoolKey, PoolState
from exporter.snapshot.resources import Amounts
from exporter.snapshot.workload import Workload

KEY = PoolKey("r", "p", "pool-a")
IDENTITY = 'region="r",project_id="p",pool="pool-a"'
ALL = Detail("all", 200)


def pool() -> PoolState:
    listing = Listing((Workload(uid="u1", type="train", status="Queue"),))
    return PoolState(KEY, name="A", outcome="ok", listing=listing, fresh_until=100.0, **supply(100.0))


def shown(known: PoolState, *, now: float = 0.0) -> str:
    chunks = render_pool(known, ALL).chunks(now)
    return "".join(
        chunk.plain.decode() for section in SECTIONS[False] for chunk in chunks.get(section.key, ())
    )


def test_each_part_gets_old_by_itself() -> None:
    """A capacity that is too old goes, the listing stays; what is left is shown until its own end."""
    known = replace(pool(), capacity=Expiring(CAPACITY, 50.0), waiting=None)
    assert "modelarts_pool_capacity_cpu_cores{" in shown(known, now=49.0)
    text = shown(known, now=50.0)
    assert "modelarts_pool_capacity" not in text
    assert "modelarts_pool_allocated" not in text
    assert "modelarts_pool_workloads{" in text
    assert "modelarts_pool_phase{" in text
    assert [render_pool(known, ALL).fresh_until(now) for now in (0.0, 50.0, 100.0)] == [50.0, 100.0, inf]


def test_a_capacity_alone_is_shown_of_a_pool_that_cannot_be_read() -> None:
    """What the pool has is true also while its queue is unknown."""
    text = shown(PoolState(KEY, capacity=Expiring(CAPACITY, 50.0)))
    assert f"modelarts_pool_up{{{IDENTITY}}} 0\n" in text
    assert "modelarts_pool_capacity_cpu_cores{" in text


def test_a_new_capacity_renders_its_own_text_and_no_other() -> None:
    """Ten thousand workloads are not rendered for it; nor is a capacity that has not changed."""
    first = render_pool(pool(), ALL)
    held = replace(CAPACITY, allocated=Amounts(6.0))
    second = render_pool(replace(first.state, capacity=Expiring(held, 200.0)), ALL, first)
    assert second.workload_part.chunks is first.workload_part.chunks
    for kept in ("listing", "description", "free_cards", "waiting"):
        assert second.parts[kept].chunks is first.parts[kept].chunks
    allocated = second.parts["capacity"].chunks["modelarts_pool_allocated_cpu_cores"]
    assert allocated[0].plain.endswith(b" 6\n")
    again = render_pool(replace(second.state, capacity=Expiring(held, 300.0)), ALL, second)
    assert again.parts["capacity"].chunks is second.parts["capacity"].chunks
    assert again.parts["capacity"].fresh_until == 300.0


def test_a_phase_nobody_has_documented_is_shown_beside_the_others() -> None:
    """The state set is open; a pool without a phase has none of it."""
    phases = shown(PoolState(KEY, description=Expiring(PoolDescription("n", phase="Frozen"), 50.0)))
    assert f'modelarts_pool_phase{{{IDENTITY},phase="Frozen"}} 1\n' in phases
    assert phases.count("\nmodelarts_pool_phase{") == 9
    assert "modelarts_pool_phase" not in shown(
        PoolState(KEY, description=Expiring(PoolDescription("n"), 50.0))
    )
