"""Which waiting workloads were overtaken by others, and what is ordinary."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from support.scheduler import DAY, START, Scheduler, arrivals

from exporter.api.workloads import decode_page
from exporter.lifecycle.overtaking import Shapes, newly_overtaken
from exporter.lifecycle.pool_history import PoolHistory
from exporter.snapshot.pool import Listing
from exporter.snapshot.workload import Workload

NPU, GPU = "huawei.com/ascend-1980", "nvidia.com/gpu"


def job(uid: str, status: str, priority: str, cards: float = 8.0, **fields: Any) -> Workload:
    given: dict[str, Any] = {"type": "train", "cpu_cores": 8.0, "memory_bytes": 2.0**30, **fields}
    if cards:
        given.setdefault("accelerators", ((NPU, cards),))
    return Workload(uid=uid, status=status, priority=priority, **given)


def waits(cards: float = 8.0, priority: str = "3", **fields: Any) -> Workload:
    return job("waits", "Queue", priority, cards, **fields)


def starts(cards: float = 8.0, priority: str = "1", nodes: int | None = 1, **fields: Any) -> Workload:
    return job("starts", "Running", priority, cards, nodes=nodes, **fields)


@pytest.mark.parametrize(
    ("waiting", "started", "overtaken"),
    [
        (waits(), starts(), True),
        (waits(8), starts(16), True),
        (waits(8), starts(4), False),  # it fills a gap
        (waits(priority="1"), starts(priority="1"), False),
        (waits(priority="1"), starts(priority="3"), False),
        (waits(priority=""), starts(), False),
        (waits(), starts(priority="?"), False),
        (waits(type="infer"), starts(), False),
        (waits(accelerators=((GPU, 1.0),)), starts(), False),
        (waits(accelerators=((GPU, 1.0), (NPU, 8.0))), starts(), False),
        (waits(0), starts(), False),
        (waits(cpu_cores=9.0), starts(), False),
        (waits(cpu_cores=None), starts(), True),
        (waits(), starts(cpu_cores=None), False),
        (waits(memory_bytes=2.0**31), starts(), False),
        (waits(sized=False), starts(), False),
        (waits(), starts(sized=False), False),
        (waits(), starts(nodes=None), False),
        (waits(8), starts(8, nodes=2), False),  # two halves of a node are not a node
        (waits(16), starts(16, nodes=2), True),
    ],
)
def test_who_is_overtaken(waiting: Workload, started: Workload, overtaken: bool) -> None:
    """Only who would have fitted where a workload of lower priority and the same type started."""
    assert found(waiting, started, job("other", "Running", "2", nodes=1)) == overtaken


def found(waiting: Workload, started: Workload, *others: Workload) -> bool:
    shapes = Shapes({NPU: 8.0})
    shapes.learn((started, *others))
    workloads = (waiting, started, *others)
    return newly_overtaken(workloads, [started], lambda uid: uid == "waits", shapes) == {"waits"}


@pytest.mark.parametrize(
    ("waiting", "started", "others", "overtaken"),
    [
        # The same request ran on two nodes: who waits may need two.
        (waits(8), starts(8), [job("o", "Running", "2", 8, nodes=2)], False),
        (waits(8), starts(16, nodes=2), [job("o", "Running", "2", 8, nodes=2)], True),
        (waits(8), starts(16, nodes=2), [job("o", "Running", "2", 8, nodes=1)], True),
        (waits(16), starts(16, nodes=4), [job("o", "Running", "2", 16, nodes=2)], False),
        # It ran on two nodes only, but there are nodes on which it would fit whole.
        (waits(8), starts(8, nodes=2), [job("o", "Running", "2", 8, nodes=1, cpu_cores=4.0)], False),
        # No such request has run, but others are spread thinly, though of another type.
        (waits(6), starts(8), [job("o", "Running", "2", 8, nodes=2, cpu_cores=4.0)], False),
        (waits(1), starts(8), [job("o", "Running", "2", 8, nodes=2, cpu_cores=4.0)], True),
        (waits(6), starts(8), [job("o", "Running", "2", 8, nodes=2, type="infer")], True),
    ],
)
def test_how_others_are_spread_tells_what_a_waiting_workload_needs(
    waiting: Workload, started: Workload, others: list[Workload], overtaken: bool
) -> None:
    """8 cards may be one node or two halves: nothing is claimed where both occur."""
    assert found(waiting, started, *others) == overtaken


def test_without_the_size_of_a_node_several_nodes_prove_nothing() -> None:
    """One node with room for all of the request does."""
    for started, overtaken in ((starts(16, nodes=2), False), (starts(16), True)):
        shapes = Shapes()
        shapes.learn([started])
        assert shapes.would_have_fitted(waits(16), started) == overtaken


def history(*listings: tuple[Workload, ...]) -> list[frozenset[str] | None]:
    """What is known of overtaken workloads after each listing, a minute apart."""
    known, found = PoolHistory(), []
    for minute, workloads in enumerate(listings):
        listing = Listing(workloads)
        known.update(listing, START + 60.0 * minute, node_cards={NPU: 8.0})
        found.append(known.annotate(listing, estimates=False).overtaken)
    return found


LOW = job("starts", "Queue", "1")


def test_it_is_known_from_the_second_listing_on_and_until_it_starts() -> None:
    """One listing shows no order. Who was overtaken stays so while it waits."""
    found = history((waits(), LOW), (waits(), LOW), (waits(), starts()), (waits(), starts()), (starts(),))
    assert found == [None, frozenset(), {"waits"}, {"waits"}, frozenset()]


@pytest.mark.parametrize(
    "before", [(LOW,), (waits(),), ()], ids=["it came later", "the other was not seen to wait", "neither"]
)
def test_both_must_have_waited_in_the_listing_before(before: tuple[Workload, ...]) -> None:
    """What came and started between two listings may have had room before the other one came."""
    assert history(before, (waits(), starts()))[-1] == frozenset()


def test_a_requeued_workload_is_not_overtaken() -> None:
    """It may have to pause before it is considered again."""
    ran = job("waits", "Running", "3", nodes=1)
    assert history((waits(), LOW), (ran, LOW), (waits(), LOW), (waits(), starts()))[-1] == frozenset()


def test_a_workload_that_starts_again_overtakes_nobody() -> None:
    """It may have kept its nodes."""
    first = (job("a", "Running", "1", nodes=1),)
    again = (job("a", "Queue", "1"), waits())
    assert history(first, again, again, (job("a", "Running", "1", nodes=1), waits()))[-1] == frozenset()


def a_week(*, unjust_on: int | None) -> list[tuple[float, frozenset[str]]]:
    """What is found over a week of a scheduler that lets small jobs pass: (days, overtaken) of each poll."""
    rng = Random(13)  # noqa: S311  (no secret)
    jobs, scheduler, known, found = arrivals(rng, 500.0), Scheduler(fifo=False), PoolHistory(), []
    now, interval = START, 300.0
    while now < START + 7 * DAY:
        now += interval
        days = (now - START) / DAY
        scheduler.unjust = unjust_on is not None and unjust_on <= days < unjust_on + 0.1
        while jobs and jobs[0].created <= now:
            scheduler.queue.append(jobs.pop(0))
        scheduler.run(now)
        page = decode_page(scheduler.answers()["workloads"], where="GET x", now=now)
        listing = Listing(page.workloads)
        known.update(listing, now, node_cards={NPU: 8.0})
        found.append((days, known.annotate(listing, estimates=False).overtaken or frozenset()))
    return found


@pytest.mark.long
def test_a_week_of_ordinary_backfill_is_quiet() -> None:
    """Thousands of small jobs start while larger ones of higher priority wait, and that is right."""
    assert [days for days, overtaken in a_week(unjust_on=None) if overtaken] == []


@pytest.mark.long
def test_a_planted_injustice_is_found() -> None:
    """From the moment on at which the queue is served from its end, and not before."""
    found = a_week(unjust_on=2)
    assert [days for days, overtaken in found if overtaken and days < 2] == []
    assert [days for days, overtaken in found if overtaken and 2 <= days < 2.2]
