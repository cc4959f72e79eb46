"""The reasons against the truth of an independent scheduler, over a simulated week."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from support.fakes import NoThread
from support.scheduler import DAY, NODES, POOL, START, Scheduler, arrivals

from exporter.api.capacity import decode_runtime_metrics
from exporter.api.nodes import read_free_cards
from exporter.api.pools import decode_pools
from exporter.api.workloads import decode_page
from exporter.lifecycle.queue_stats import update_head
from exporter.snapshot.pool import Expiring, Listing, PoolKey, PoolState
from exporter.waiting.analysis import with_waiting

if TYPE_CHECKING:
    from exporter.waiting.strategies import Meaning

INTERVAL = 1800.0


async def read(scheduler: Scheduler, now: float, head: Any) -> tuple[PoolState, Any]:
    """The exporter's state of the pool, from the answers of one moment."""
    answers = scheduler.answers()

    async def nodes(_cursor: str) -> bytes:
        return answers["nodes"]

    listing = Listing(decode_page(answers["workloads"], where="GET x", now=now).workloads)
    head = update_head(head, listing, now)
    capacity = decode_runtime_metrics(answers["runtime"], where="GET x").capacities[POOL]
    cards = await read_free_cards(nodes, pool=POOL, worker=NoThread(), where="GET x")
    state = PoolState(
        PoolKey("r", "p", POOL),
        listing=replace(listing, head=head.uid if head else None),
        fresh_until=now + 300,
        capacity=Expiring(capacity, now + 300),
        free_cards=Expiring(cards.free, now + 300),
        description=Expiring(decode_pools(answers["pools"], where="GET x").pools[POOL], now + 300),
    )
    return state, head


async def a_week(*, fifo: bool, meaning: Meaning | None) -> Counter[tuple[str, str]]:
    """How often each (reason, what really held it back) occurred, over all waiting jobs and polls.

    The truth is the reason itself where that is among what held the job back, else all of it.
    """
    rng = Random(13)  # noqa: S311  (no secret)
    jobs, scheduler = arrivals(rng, 900.0 if fifo else 500.0), Scheduler(fifo)
    found, head = Counter[tuple[str, str]](), None
    now = START
    while now < START + 7 * DAY:
        now += INTERVAL
        days = (now - START) / DAY
        scheduler.drained = {14, 15} if 3 < days < 4 else set()
        scheduler.broken = 5.0 < days < 5.05
        while jobs and jobs[0].created <= now:
            scheduler.queue.append(jobs.pop(0))
        scheduler.run(now)
        if fifo:  # users give up on what would hold up the others for ever
            scheduler.queue = [
                job for job in scheduler.queue if job.instances < NODES or now - job.created < DAY
            ]
            scheduler.run(now)
        state, head = await read(scheduler, now, head)
        waiting = with_waiting(state, meaning, now).waiting
        assert waiting is not None
        assert waiting.value.reasons.keys() == {job.uid for job in scheduler.queue}
        for uid, truth in scheduler.held_back().items():
            reason = waiting.value.reasons[uid]
            found[reason, reason if reason in truth else "+".join(sorted(truth))] += 1
    return found


@pytest.mark.long
@pytest.mark.parametrize(
    ("fifo", "meaning", "certain", "right"),
    [
        (True, "fifo", {"pool_unwell", "exceeds_pool", "no_room", "behind_head"}, 0.99),
        (False, "passing", {"pool_unwell", "exceeds_pool", "no_room"}, 0.99),
        (True, None, {"pool_unwell", "exceeds_pool", "no_room"}, 0.0),
    ],
)
async def test_a_week_of_reasons(
    fifo: bool, meaning: Meaning | None, certain: set[str], right: float
) -> None:
    """What is claimed for certain is never wrong; without the strategy's meaning, it is never guessed."""
    found = await a_week(fifo=fifo, meaning=meaning)
    for (reason, truth), count in sorted(found.items()):
        print(f"{reason:13} {truth:24} {count:6}")  # noqa: T201  (shown where it fails)
    reasons = {reason for reason, _ in found}
    assert certain <= reasons
    assert ("behind_head" in reasons) == (meaning == "fifo")
    wrong = {(reason, truth) for reason, truth in found if reason in certain and truth != reason}
    assert wrong == set()
    share = sum(count for (reason, truth), count in found.items() if reason == truth) / found.total()
    assert share >= right
