"""What one poll does to what is known of a pool."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs
from support.fakes import LateWorker, NoThread, fake_context

from exporter.app.status import pool_views
from exporter.common.errors import NotFound, PollError, RequestTimeout, Throttled
from exporter.lifecycle.tracker import Tracker
from exporter.metrics.pool_text import render_pool
from exporter.metrics.summary import Detail
from exporter.polling.pool import PoolPoller, similar_pools
from exporter.polling.publish import Publisher
from exporter.snapshot.pool import Expiring, Listing, PoolKey, PoolState
from exporter.snapshot.resources import Amounts, PoolCapacity
from exporter.snapshot.workload import Workload
from exporter.waiting.strategies import Strategies

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from support.fakes import FakeClock

KEY = PoolKey("r", "p", "pool-a")
TIMEOUT = RequestTimeout("no whole answer within 10 s", where="GET x", advice="check the endpoint")


class Cloud:
    """Answers one listing after the other, or fails with it."""

    def __init__(self, *answers: Listing | PollError) -> None:
        self.answers = list(answers)

    async def read(self) -> Listing:
        match self.answers.pop(0):
            case Listing() as listing:
                return listing
            case error:
                raise error


def poller(
    clock: FakeClock, *answers: Listing | PollError, names: dict[str, str] | None = None
) -> PoolPoller:
    return PoolPoller(
        key=KEY,
        read=Cloud(*answers).read,
        names=lambda: names or {},
        context=(context := fake_context(clock)),
        publisher=Publisher(context, Strategies()),
        tracker=Tracker(context),
        stale_after=300.0,
        estimates=False,
        under_way=asyncio.Semaphore(1),
    )


async def test_success_and_failure(clock: FakeClock) -> None:
    """A failed poll keeps the last listing and its age, and says what went wrong."""
    listing = Listing((Workload(uid="u"),))
    polls = poller(clock, listing, TIMEOUT)
    first = await polls.poll()
    assert (first.up, first.outcome, first.succeeded_at, first.listing) == (True, "ok", clock.wall(), listing)
    clock.advance(60.0)
    second = await polls.poll()
    assert (second.up, second.outcome, second.listing) == (False, "timeout", listing)
    assert (second.succeeded_at, second.read_at) == (first.succeeded_at, first.attempted_at)
    assert second.attempted_at == clock.monotonic()
    assert second.fresh_until == first.fresh_until
    assert second.explanation == "no whole answer within 10 s; check the endpoint"
    assert second.polls == {"ok": 1, "timeout": 1}
    assert polls.context.store.states[KEY] is second


async def test_what_fits_follows_the_listing(clock: FakeClock) -> None:
    """Each listing is held against the capacity that is known; a failed poll changes nothing of it."""
    waiting = Workload(uid="u", type="train", status="Queue", cpu_cores=8.0)
    polls = poller(clock, Listing((waiting,)), TIMEOUT, Listing(()))
    capacity = PoolCapacity(Amounts(16.0), Amounts(8.0))
    polls.context.store.publish(PoolState(KEY, capacity=Expiring(capacity, clock.monotonic() + 300.0)))
    first = (await polls.poll()).waiting
    assert first is not None
    assert first.value.fitting is not None
    assert first.value.fitting["train"] == 1
    assert (await polls.poll()).waiting is first
    last = (await polls.poll()).waiting
    assert last is not None
    assert last.value.fitting is not None
    assert last.value.fitting["train"] == 0


async def test_a_capacity_that_comes_while_listings_are_compared_is_kept(clock: FakeClock) -> None:
    """They are compared off the event loop, and the poll goes on from what is known afterwards."""
    capacity = Expiring(PoolCapacity(Amounts(16.0), Amounts(8.0)), clock.monotonic() + 300.0)

    class Meanwhile(NoThread):
        def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            polls.context.store.publish(replace(polls.context.store.states[KEY], capacity=capacity))
            return super().submit(work, *args, **kwargs)

    polls = poller(clock, Listing((Workload(uid="u", status="Creating"),)))
    polls = replace(polls, tracker=Tracker(replace(polls.context, worker=Meanwhile())))
    polls.register()
    state = await polls.poll()
    assert state.capacity is capacity
    assert state.waiting is not None


async def test_what_fits_is_found_out_off_the_event_loop(clock: FakeClock) -> None:
    """A capacity that is published while the worker is at it meets the new listing all the same."""
    waiting = Workload(uid="u", type="train", status="Queue", cpu_cores=8.0)
    polls, worker = poller(clock, Listing((waiting,))), LateWorker()
    context = replace(polls.context, worker=worker)
    polls = replace(polls, context=context, publisher=Publisher(context, Strategies()))
    full, roomy = (Expiring(PoolCapacity(Amounts(16.0), Amounts(held)), 2_000.0) for held in (16.0, 8.0))
    polls.context.store.publish(PoolState(KEY, capacity=full))
    poll = asyncio.ensure_future(polls.poll())
    await worker.asked()
    assert polls.context.store.states[KEY].listing is None
    polls.context.store.publish(replace(polls.context.store.states[KEY], capacity=roomy))
    while not poll.done():
        worker.work()
        await asyncio.sleep(0)
    state = polls.context.store.states[KEY]
    assert (state.outcome, state.polls, state.capacity) == ("ok", {"ok": 1}, roomy)
    assert state.waiting is not None
    assert state.waiting.value.fitting is not None
    assert state.waiting.value.fitting["train"] == 1


async def test_an_incomplete_listing_is_up_and_says_so(clock: FakeClock) -> None:
    """What could be read is shown; the outcome tells that it is short."""
    state = await poller(clock, Listing((), complete=False, shortfall="offset is ignored")).poll()
    assert (state.up, state.outcome, state.explanation) == (True, "incomplete", "offset is ignored")


async def test_a_watched_pool_is_known_before_its_first_poll(clock: FakeClock) -> None:
    """It is there without an outcome; watching again loses nothing."""
    polls = poller(clock, Listing(()))
    polls.register()
    assert (polls.context.store.states[KEY].up, polls.context.store.states[KEY].outcome) == (False, None)
    state = await polls.poll()
    polls.register()
    assert polls.context.store.states[KEY] is state


async def test_one_line_per_change_of_state(clock: FakeClock) -> None:
    """Nothing is logged while a pool stays as it is."""
    good, short = Listing(()), Listing((), complete=False, shortfall="short")
    polls = poller(clock, good, good, TIMEOUT, TIMEOUT, TIMEOUT, short, short, good)
    with capture_logs() as logs:
        for _ in range(8):
            await polls.poll()
    assert [(line["log_level"], line["outcome"]) for line in logs] == [
        ("info", "ok"),
        ("error", "timeout"),
        ("warning", "incomplete"),
        ("info", "ok"),
    ]


async def test_a_missing_pool_is_explained_with_what_may_be_meant(clock: FakeClock) -> None:
    """The display name was configured instead of the ID: the ID is in the explanation."""
    missing = NotFound("HTTP 404", where="GET x", advice="by ID", status=404, code="ModelArts.50015001")
    state = await poller(clock, missing, names={"pool-0123": "pool-a"}).poll()
    assert state.outcome == "not_found"
    assert state.explanation.endswith("did you mean pool-0123 (pool-a)?")


async def test_time_in_a_status_that_should_pass_is_watched(clock: FakeClock) -> None:
    """It counts from the first poll that saw the workload so, over failed polls too, until that changes."""

    def listing(status: str) -> Listing:
        return Listing((Workload(uid="u", status=status), Workload(uid="v", status="Running")))

    statuses = ("Running", "Terminating", "Terminating", "Abnormal", "Abnormal", "Completed", "Abnormal")
    first, *others = map(listing, statuses)
    polls = poller(clock, first, others[0], TIMEOUT, *others[1:])
    seen = []
    for _ in range(8):
        state = await polls.poll()
        assert state.listing is not None
        seen.append([workload.in_status for workload in state.listing.workloads])
        clock.advance(60.0)
    assert [times[0] for times in seen] == [None, 0.0, 0.0, 120.0, 0.0, 60.0, None, 0.0]
    assert {times[1] for times in seen} == {None}


@pytest.mark.parametrize("jump", [86_400.0, -86_400.0])
async def test_a_clock_that_is_set_ages_nothing(clock: FakeClock, jump: float) -> None:
    """Time in a status, and the ages on the status page, count what has passed, not what the clock says."""
    listing = Listing((Workload(uid="u", status="Terminating"),))
    polls = poller(clock, listing, listing)
    await polls.poll()
    clock.advance(60.0)
    clock.set_ahead(jump)
    state = await polls.poll()
    assert state.listing is not None
    assert [workload.in_status for workload in state.listing.workloads] == [60.0]
    assert state.succeeded_at == clock.wall()
    clock.advance(5.0)
    clock.set_ahead(-jump)
    [view] = pool_views([render_pool(state, Detail("none", 0))], clock)
    assert (view.attempted_ago, view.data_age) == (5.0, 5.0)


async def test_durations_are_counted(clock: FakeClock) -> None:
    """The poll's time, waits included, is in the state and in the histogram."""
    polls = poller(clock, Throttled("HTTP 429", where="GET x", status=429))
    state = await polls.poll()
    assert state.outcome == "throttled"
    assert state.duration == 0.0
    assert (
        polls.context.self_metrics.registry.get_sample_value("modelarts_exporter_poll_duration_seconds_count")
        == 1.0
    )


@pytest.mark.parametrize(
    ("pool", "near"),
    [
        ("Team A", "pool-1 (Team A)"),
        ("team a", "pool-1 (Team A)"),
        ("pool-2", "pool-3 or pool-1 (Team A)"),
        ("something else", ""),
        ("pool-1", ""),
    ],
)
def test_similar_pools(pool: str, near: str) -> None:
    """Close IDs and display names, both told with the ID; a known pool, just deleted, is not mistyped."""
    assert similar_pools(pool, {"pool-1": "Team A", "pool-3": "pool-3", "elsewhere": "Other"}) == near


async def test_limited_label_values_are_told_once(clock: FakeClock) -> None:
    """One warning when they begin, and again when they begin anew."""
    limited, fine = (
        Listing((), limited={"length": 3, "kinds": 0}),
        Listing((), limited={"length": 0, "kinds": 0}),
    )
    polls = poller(clock, fine, limited, limited, TIMEOUT, limited, fine, limited)
    with capture_logs() as logs:
        for _ in range(7):
            await polls.poll()
    told = [line for line in logs if line["event"].startswith("some label values")]
    assert [(line["too_long"], line["too_many"], line["pool"]) for line in told] == [(3, 0, KEY.pool)] * 2


@pytest.mark.parametrize("ahead", [7200.0, -7200.0])
async def test_success_is_dated_by_the_clouds_clock_where_ours_is_wrong(
    clock: FakeClock, ahead: float
) -> None:
    """Where ours is wrong Prometheus, whose clock is right, would take fresh data for two hours old."""
    right = clock.wall()
    clock.set_ahead(ahead)
    polls = poller(clock, Listing((), clock_ahead=ahead))
    assert (await polls.poll()).succeeded_at == right
