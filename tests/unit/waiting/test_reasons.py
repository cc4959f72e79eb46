"""Why a workload waits: the table of cases."""

from __future__ import annotations

from dataclasses import replace
from re import compile as pattern
from typing import TYPE_CHECKING, Any

import pytest

from exporter.snapshot.pool import Expiring, Listing, PoolDescription, PoolKey, PoolState
from exporter.snapshot.resources import Amounts, FlavorNodes, FreeCards, PoolCapacity
from exporter.snapshot.waiting import REASONS, Waiting
from exporter.snapshot.workload import TYPES, Workload
from exporter.waiting.analysis import with_waiting
from exporter.waiting.room import cards_per_node
from exporter.waiting.strategies import Strategies, StrategyRule

if TYPE_CHECKING:
    from exporter.snapshot.waiting import Reason
    from exporter.waiting.strategies import Meaning

NPU, GPU = "huawei.com/ascend-1980", "nvidia.com/gpu"
NODE = "modelarts.bm.8snt9"
GIB = 2.0**30
KEY = PoolKey("r", "p", "pool-a")


def job(uid: str = "u", cards: float = 0.0, position: int | None = None, **fields: Any) -> Workload:
    given: dict[str, Any] = {
        "type": "train",
        "status": "Queue",
        "cpu_cores": 4.0,
        "memory_bytes": 8 * GIB,
        "accelerators": ((NPU, cards),) if cards else (),
        **fields,
    }
    return Workload(uid=uid, position=position, **given)


def capacity(free: float = 8.0, *, cards: float = 128.0, **fields: Any) -> PoolCapacity:
    total = Amounts(1024.0, 4096 * GIB, ((NPU, cards),))
    return PoolCapacity(total, Amounts(512.0, 2048 * GIB, ((NPU, cards - free),)), **fields)


def nodes(size: float = 8.0, **free: int) -> FreeCards:
    """Nodes by how many have so many free cards: `_8=2` for two with 8."""
    counts = {float(cards.strip("_")): number for cards, number in free.items()}
    total = {NPU: sum(cards * number for cards, number in counts.items())}
    return FreeCards(total, {NPU: max(counts)}, {(NODE, NPU): FlavorNodes(size, counts)})


def pool(*workloads: Workload, **fields: Any) -> PoolState:
    given: dict[str, Any] = {"capacity": Expiring(capacity(), 200.0), **fields}
    return PoolState(KEY, listing=Listing(workloads, head="u"), fresh_until=300.0, **given)


def described(phase: str = "Running", **fields: Any) -> Expiring[PoolDescription]:
    return Expiring(PoolDescription("A", phase=phase, **fields), 200.0)


def waiting(state: PoolState, meaning: Meaning | None = None, now: float = 0.0) -> Waiting:
    after = with_waiting(state, meaning, now).waiting
    assert after is not None
    return after.value


FEW_FREE = Expiring(capacity(4.0), 200.0)
BORROWING = PoolCapacity(
    Amounts(0.0, 0.0, ((NPU, 0.0),)),
    Amounts(64.0, 64 * GIB, ((NPU, 16.0),)),
    Amounts(256.0, 512 * GIB, ((NPU, 32.0),)),
)
SHARE = {"description": described(type="Logical"), "capacity": Expiring(BORROWING, 200.0)}


def at_most(cards: float) -> Expiring[PoolCapacity]:
    return Expiring(capacity(maximum=Amounts(None, None, ((NPU, cards),))), 200.0)


def available(free: float, cards: float) -> Expiring[PoolCapacity]:
    return Expiring(capacity(free, available=Amounts(None, None, ((NPU, cards),))), 200.0)


def only(total: Amounts) -> Expiring[PoolCapacity]:
    return Expiring(PoolCapacity(total, Amounts()), 200.0)


def with_nodes(available: float, abnormal: float) -> Expiring[PoolDescription]:
    return described(nodes={(NODE, "available"): available, (NODE, "abnormal"): abnormal})


@pytest.mark.parametrize(
    ("workload", "state", "reason"),
    [
        # What the pool has at most.
        (job(cards=129), {}, "exceeds_pool"),
        (job(cards=128), {}, "no_room"),
        (job(cards=129), {"capacity": at_most(160.0)}, "no_room"),
        (job(cards=129), {"capacity": at_most(64.0)}, "exceeds_pool"),
        (job(cpu_cores=1025.0), {}, "exceeds_pool"),
        (job(memory_bytes=5000 * GIB), {}, "exceeds_pool"),
        (job(cards=129, sized=False), {}, "exceeds_pool"),
        # What is free now.
        (job(cards=9), {}, "no_room"),
        (job(cards=8), {}, "unexplained"),
        (job(cards=1, cpu_cores=513.0), {}, "no_room"),
        (job(cards=1, memory_bytes=2049 * GIB), {}, "no_room"),
        (job(cards=8), {"capacity": FEW_FREE}, "no_room"),
        (job(cards=8), {"capacity": available(8.0, 2.0)}, "no_room"),
        (job(cards=8), {"capacity": available(0.0, 8.0)}, "unexplained"),
        (job(cards=8), {"free_cards": Expiring(nodes(_8=0, _0=16), 200.0)}, "no_room"),
        (job(cards=8), {"free_cards": Expiring(nodes(_8=0, _0=16), 0.0)}, "unexplained"),
        (job(), {}, "unexplained"),
        # On which nodes.
        (job(cards=8, flavor=NODE), {"free_cards": Expiring(nodes(_4=2), 200.0)}, "fragmented"),
        (job(cards=8, flavor="another"), {"free_cards": Expiring(nodes(_4=2), 200.0)}, "unexplained"),
        (job(cards=8, flavor=NODE), {"free_cards": Expiring(nodes(_8=1), 200.0)}, "unexplained"),
        (job(cards=4, flavor=NODE), {"free_cards": Expiring(nodes(_3=2, _2=1), 200.0)}, "fragmented"),
        (job(cards=8, flavor=NODE), {}, "unexplained"),
        (
            job(cards=16, flavor=NODE),
            {"capacity": Expiring(capacity(16.0), 200.0), "free_cards": Expiring(nodes(_8=1, _4=2), 200.0)},
            "fragmented",
        ),
        (
            job(cards=12, flavor=NODE),
            {"capacity": Expiring(capacity(16.0), 200.0), "free_cards": Expiring(nodes(_4=4), 200.0)},
            "unexplained",
        ),
        (job(cards=8, flavor=NODE), {"free_cards": Expiring(nodes(0.0, _4=2), 200.0)}, "unexplained"),
        # Whether anything can start.
        (job(cards=129), {"description": described("CreationFailed")}, "pool_unwell"),
        (job(), {"description": described("Waiting")}, "pool_unwell"),
        (job(), {"description": described("Error"), "capacity": None}, "pool_unwell"),
        (job(), {"description": described("ScalingFailed")}, "unexplained"),
        (job(), {"description": described("Abnormal")}, "unexplained"),
        (job(), {"description": described("Brand new")}, "unexplained"),
        (job(), {"description": with_nodes(0, 4)}, "pool_unwell"),
        (job(), {"description": with_nodes(1, 3)}, "unexplained"),
        (job(), {"description": replace(described("Error"), fresh_until=0.0)}, "unexplained"),
        # What is not known.
        (job(cards=8), {"capacity": None}, "unknown"),
        (job(cards=129), {"capacity": Expiring(capacity(), 0.0)}, "unknown"),
        (job(accelerators=((GPU, 1.0),)), {}, "unknown"),
        (job(accelerators=((GPU, 1.0),), cpu_cores=2000.0), {}, "exceeds_pool"),
        (job(accelerators=((GPU, 0.0),)), {}, "unexplained"),
        (job(cards=8, sized=False), {}, "unknown"),
        (job(cpu_cores=None, memory_bytes=None), {}, "unknown"),
        (job(cards=8), {"capacity": only(Amounts(8.0, GIB))}, "exceeds_pool"),
        (job(), {"capacity": only(Amounts(8.0, 64 * GIB))}, "unknown"),
        # A share of a pool: with 0 of its own it may borrow 32, of which 16 are in use.
        (job(cards=33), SHARE, "exceeds_pool"),
        (job(cards=17), SHARE, "no_room"),
        (job(cards=16), SHARE, "unexplained"),
    ],
)  # fmt: skip
def test_the_reason(workload: Workload, state: dict[str, Any], reason: Reason) -> None:
    """Of one workload that waits alone."""
    found = waiting(pool(workload, **state))
    assert found.reasons == {"u": reason}
    assert {key for key, count in found.workloads.items() if count} == {("train", reason)}


BIG, SMALL = 64.0, 1.0
"""Cards: more than are free, and fewer."""


@pytest.mark.parametrize(
    ("meaning", "queue", "reasons"),
    [
        ("fifo", [(BIG, 1), (SMALL, 2)], ["no_room", "behind_head"]),
        ("fifo", [(200.0, 1), (SMALL, 2)], ["exceeds_pool", "behind_head"]),
        ("fifo", [(SMALL, 1), (BIG, 2), (SMALL, 3)], ["unexplained", "no_room", "behind_head"]),
        ("fifo", [(BIG, 1), (BIG, 2)], ["no_room", "no_room"]),
        ("fifo", [(BIG, None), (SMALL, 2)], ["no_room", "unexplained"]),
        ("fifo", [(BIG, 1), (SMALL, None)], ["no_room", "unexplained"]),
        ("fifo", [(BIG, 0), (SMALL, 1)], ["no_room", "behind_head"]),
        ("passing", [(BIG, 1), (SMALL, 2)], ["no_room", "unexplained"]),
        (None, [(BIG, 1), (SMALL, 2)], ["no_room", "unexplained"]),
    ],
)
def test_what_is_ahead(
    meaning: Meaning, queue: list[tuple[float, int | None]], reasons: list[Reason]
) -> None:
    """A workload that cannot start blocks those behind it in a fifo queue, and in no other."""
    workloads = [job(str(index), cards, position) for index, (cards, position) in enumerate(queue)]
    found = waiting(pool(*workloads), meaning).reasons
    assert list(found.values()) == reasons


@pytest.mark.parametrize(
    ("ahead", "behind", "reason"),
    [
        ({"created": 1.0, "priority": "2"}, {"created": 2.0, "priority": "2"}, "behind_head"),
        ({"created": 1.0, "priority": "3"}, {"created": 2.0, "priority": "2"}, "behind_head"),
        ({"created": 1.0, "priority": "1"}, {"created": 2.0, "priority": "2"}, "unexplained"),
        ({"created": 2.0, "priority": "2"}, {"created": 1.0, "priority": "2"}, "unexplained"),
        ({"created": 1.0, "priority": "2"}, {"created": 1.0, "priority": "2"}, "unexplained"),
        ({"created": 1.0, "priority": "?"}, {"created": 2.0, "priority": "?"}, "unexplained"),
        ({"created": None, "priority": "2"}, {"created": 2.0, "priority": "2"}, "unexplained"),
        ({"created": 1.0, "priority": "2"}, {"created": None, "priority": "2"}, "unexplained"),
        (
            {"created": 1.0, "priority": "2"},
            {"created": 2.0, "priority": "2", "type": "infer"},
            "unexplained",
        ),
        ({"created": 1.0, "priority": "2", "position": 7}, {"created": 2.0, "priority": "2"}, "behind_head"),
        ({"created": 1.0, "priority": "2"}, {"created": 2.0, "priority": "2", "position": 1}, "behind_head"),
        (
            {"created": 1.0, "priority": "2", "position": 7},
            {"created": 2.0, "priority": "2", "position": 3},
            "unexplained",
        ),
    ],
)
def test_without_positions_age_and_priority_tell_what_is_ahead(
    ahead: dict[str, Any], behind: dict[str, Any], reason: Reason
) -> None:
    """The older one, unless its priority is lower. Where both have a position, only positions count."""
    found = waiting(pool(job("a", BIG, **ahead), job("b", SMALL, **behind)), "fifo").reasons
    assert found == {"a": "no_room", "b": reason}


def test_equal_positions_are_those_of_different_queues() -> None:
    """Where two types have the same positions, the head of one says nothing about the other."""
    workloads = (
        job("a", BIG, 1),
        job("b", SMALL, 2),
        job("c", SMALL, 1, type="infer"),
        job("d", SMALL, 2, type="infer"),
    )
    found = waiting(pool(*workloads), "fifo").reasons
    assert found == {"a": "no_room", "b": "behind_head", "c": "unexplained", "d": "unexplained"}


def test_what_a_head_that_cannot_start_leaves_idle() -> None:
    """The price of a blocked queue: what is free, what the head asks for, and what would help."""
    found = waiting(pool(job("u", BIG, 1), job("v", SMALL, 2), job("w", 129.0, 3)), "fifo")
    assert (found.head, found.idle, found.short) == ({NPU: BIG}, {NPU: 8.0}, {NPU: 57.0})
    cards = {key: number for key, number in found.accelerators.items() if number}
    assert cards == {(NPU, "no_room"): BIG, (NPU, "behind_head"): SMALL, (NPU, "exceeds_pool"): 129.0}


def test_an_empty_queue_is_0_for_everything_documented() -> None:
    """Also for every reason; there is no head, and nobody asks for a card."""
    found = waiting(pool())
    assert found.workloads == {(kind, reason): 0 for kind in TYPES for reason in REASONS}
    assert found.accelerators == {(NPU, reason): 0.0 for reason in REASONS}
    assert (found.head, found.idle, found.short) == ({}, {}, {})


def test_a_head_without_cards_asks_for_0() -> None:
    """It is there, unlike the head of a queue without positions."""
    assert waiting(pool(job())).head == {NPU: 0.0}
    assert waiting(replace(pool(job()), listing=Listing((job(),)))).head == {}


@pytest.mark.parametrize(("meaning", "never"), [("fifo", {"a", "b"}), (None, {"a", "b"}), ("passing", {"a"})])
def test_what_cannot_start_as_things_are(meaning: Meaning | None, never: set[str]) -> None:
    """What exceeds the pool, and what waits behind it unless it may pass."""
    assert waiting(pool(job("a", 200.0, 1), job("b", SMALL, 2)), meaning).never == never


def test_accelerators_that_the_capacity_does_not_name_are_told() -> None:
    """Only if there is a capacity to compare with."""
    odd = job(accelerators=((GPU, 1.0), (NPU, 1.0), ("other", 1.0)))
    assert waiting(pool(odd)).unmatched == (GPU,)
    assert waiting(pool(odd, capacity=None)).unmatched == ()


@pytest.mark.parametrize(
    ("rule", "applies"),
    [
        (StrategyRule("fifo", match=pattern("^fifo$")), True),
        (StrategyRule("fifo", match=pattern("^fi$")), False),
        (StrategyRule("fifo", pool=pattern("^pool-")), True),
        (StrategyRule("fifo", pool=pattern("^Team")), True),
        (StrategyRule("fifo", pool=pattern("^Other")), False),
        (StrategyRule("fifo", match=pattern("fifo"), pool=pattern("^Other")), False),
    ],
)
def test_to_which_pools_a_strategy_applies(rule: StrategyRule, applies: bool) -> None:
    """By the cloud's word for it, by the pool, or by both."""
    state = replace(pool(), name="Team A", description=described(queue_strategy="fifo"))
    assert Strategies((rule,)).of(state) == ("fifo" if applies else None)


def test_the_first_strategy_that_applies_counts() -> None:
    """A pool whose strategy is not known matches no word, not even an empty one."""
    rules = Strategies((StrategyRule("fifo", match=pattern("")), StrategyRule("passing", pool=pattern("."))))
    assert rules.of(replace(pool(), description=described(queue_strategy="x"))) == "fifo"
    assert rules.of(pool()) == "passing"
    assert Strategies().of(pool()) is None


@pytest.mark.parametrize(
    ("fields", "cards"),
    [
        ({}, {}),
        ({"free_cards": Expiring(nodes(_4=2), 200.0)}, {NPU: 8.0}),
        ({"free_cards": Expiring(nodes(0.0, _4=2), 200.0)}, {NPU: float("inf")}),
        ({"free_cards": Expiring(nodes(_4=2), 0.0), "description": with_nodes(16, 0)}, {NPU: 8.0}),
        ({"description": with_nodes(8, 8)}, {NPU: 16.0}),
        ({"description": with_nodes(0, 8)}, {}),
        ({"description": with_nodes(16, 0), "capacity": None}, {}),
        ({"description": described(nodes={("a", "available"): 1.0, ("b", "available"): 1.0})}, {}),
    ],
)
def test_how_many_cards_a_node_has(fields: dict[str, Any], cards: dict[str, float]) -> None:
    """From the nodes, or from the capacity where all nodes are of one flavor: rather too much."""
    assert cards_per_node(pool(**fields), 1.0) == cards
