"""A project's pace."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from exporter.api.rate_limit import RateLimiter
from exporter.common.errors import Throttled

if TYPE_CHECKING:
    from support.fakes import FakeClock


@pytest.fixture
def rate_limiter(clock: FakeClock) -> RateLimiter:
    return RateLimiter("p", requests_per_second=10, concurrency=2, clock=clock)


async def moments(rate_limiter: RateLimiter, clock: FakeClock, count: int) -> list[float]:
    start = clock.monotonic()
    sent = []
    for _ in range(count):
        async with rate_limiter.slot():
            sent.append(round(clock.monotonic() - start, 6))
    return sent


async def test_requests_are_evenly_spaced(rate_limiter: RateLimiter, clock: FakeClock) -> None:
    """Ten a second is one every 100 ms, without a burst at the start."""
    assert await moments(rate_limiter, clock, 4) == [0.0, 0.1, 0.2, 0.3]


async def test_no_more_than_so_many_in_flight(rate_limiter: RateLimiter) -> None:
    """A third request waits until one of two has ended."""
    end = asyncio.Event()
    running = 0

    async def request() -> None:
        nonlocal running
        async with rate_limiter.slot():
            running += 1
            await end.wait()

    tasks = [asyncio.create_task(request()) for _ in range(3)]
    for _ in range(20):
        await asyncio.sleep(0)
    assert running == 2
    end.set()
    await asyncio.gather(*tasks)
    assert running == 3


async def test_retry_after_pauses_the_whole_project(rate_limiter: RateLimiter, clock: FakeClock) -> None:
    """Nothing is sent for as long as the cloud says; then the pace goes on."""
    rate_limiter.refused(30.0, None)
    assert rate_limiter.paused_for() == 30.0
    assert await moments(rate_limiter, clock, 2) == [30.0, 30.1]


async def test_the_limit_in_the_message_is_kept_to(rate_limiter: RateLimiter, clock: FakeClock) -> None:
    """`limit:200,time:5 minute` is one request every 1.5 s from then on; a higher limit changes nothing."""
    rate_limiter.refused(2.0, (200, 300.0))
    rate_limiter.refused(2.0, (10_000, 1.0))
    assert await moments(rate_limiter, clock, 3) == [2.0, 3.5, 5.0]


async def test_a_limit_that_is_not_named_again_is_forgotten(
    rate_limiter: RateLimiter, clock: FakeClock
) -> None:
    """An odd `limit:1,time:1 day` slows a project for an hour, and then it is polled as usual."""
    rate_limiter.refused(None, (1, 86_400.0))
    assert await moments(rate_limiter, clock, 3) == [1.0, 301.0, 601.0]
    clock.advance(3600.0 - 601.0)
    assert await moments(rate_limiter, clock, 3) == [0.0, 0.1, 0.2]


async def test_a_limit_lasts_an_hour_from_when_it_was_last_named(
    rate_limiter: RateLimiter, clock: FakeClock
) -> None:
    """The one that goes on being named stays; an odd one beside it does not stay with it."""
    rate_limiter.refused(1.0, (1, 86_400.0))
    clock.advance(1800.0)
    rate_limiter.refused(1.0, (200, 300.0))
    clock.advance(1800.0)
    assert await moments(rate_limiter, clock, 3) == [0.0, 1.5, 3.0]
    clock.advance(1800.0)
    assert await moments(rate_limiter, clock, 3) == [0.0, 0.1, 0.2]


@pytest.mark.parametrize("retry_after", [0.0, 1.0])
async def test_pauses_double_though_the_cloud_asks_for_shorter_ones(
    rate_limiter: RateLimiter, clock: FakeClock, retry_after: float
) -> None:
    """`Retry-After: 0` lets nobody storm a cloud that refuses on and on."""
    pauses = []
    for _ in range(5):
        rate_limiter.refused(retry_after, None)
        pauses.append(rate_limiter.paused_for())
        clock.advance(rate_limiter.paused_for())
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0]


async def test_pauses_double_until_a_request_goes_through(
    rate_limiter: RateLimiter, clock: FakeClock
) -> None:
    """Where the cloud does not say how long, each refusal in a row doubles the pause, up to its window."""
    pauses = []
    for _ in range(6):
        rate_limiter.refused(None, (200, 10.0))
        pauses.append(round(rate_limiter.paused_for()))
        clock.advance(rate_limiter.paused_for())
    assert pauses == [1, 2, 4, 8, 10, 10]
    rate_limiter.accepted()
    rate_limiter.refused(None, None)
    assert round(rate_limiter.paused_for()) == 1


async def test_an_absurd_retry_after_counts_as_none(rate_limiter: RateLimiter) -> None:
    """More than an hour is a mistake, and the silence would outlast it; an hour is kept to."""
    rate_limiter.refused(3600.1, None)
    assert rate_limiter.paused_for() == 1.0
    rate_limiter.refused(3600.0, None)
    assert rate_limiter.paused_for() == 3600.0


async def test_a_pause_never_outlasts_an_hour(rate_limiter: RateLimiter, clock: FakeClock) -> None:
    """A limit beyond reason, refusal after refusal, is a mistake that would silence a project for ever."""
    for _ in range(20):
        rate_limiter.refused(None, (1, 1e12))
        assert rate_limiter.paused_for() <= 3600.0
        clock.advance(3600.0)


async def test_who_has_no_patience_is_refused(clock: FakeClock) -> None:
    """A command that somebody waits for says so instead of waiting for half an hour."""
    rate_limiter = RateLimiter("p", requests_per_second=10, concurrency=2, max_pause=10.0, clock=clock)
    rate_limiter.refused(1800.0, None)
    with pytest.raises(Throttled, match="lasts another 1800 s"):
        await moments(rate_limiter, clock, 1)
    assert clock.slept == []


async def test_patience_is_for_pauses_and_not_for_a_slow_pace(clock: FakeClock) -> None:
    """Under a limit of one request in 5 minutes everybody gets a turn, however late."""
    rate_limiter = RateLimiter("p", requests_per_second=1 / 300, concurrency=2, max_pause=10.0, clock=clock)
    assert await moments(rate_limiter, clock, 3) == [0.0, 300.0, 600.0]


async def test_refusals_of_requests_under_way_count_once(rate_limiter: RateLimiter) -> None:
    """Eight requests in flight that are all refused are one reason to pause, not eight."""
    for _ in range(8):
        rate_limiter.refused(None, None)
    assert rate_limiter.paused_for() == 1.0
