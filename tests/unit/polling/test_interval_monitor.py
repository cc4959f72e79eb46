"""Pools that cannot be polled as often as they should be: who is told, when it begins, when it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs
from support.projects import FORBIDDEN, INTERVAL, Cloud, StepClock, project, run

from exporter.api.rate_limit import RateLimiter
from exporter.polling.schedule import POLLS, IntervalMonitor
from exporter.self_metrics import SelfMetrics

if TYPE_CHECKING:
    from exporter.polling.project import ProjectPoller
    from exporter.snapshot.pool import Listing

MANY = 100
"""With a request a second as long a line as 1,000 have with ten, and quicker to try."""

HOUR = 3600.0


class SlowCloud(Cloud):
    """One that is asked at a pace, and takes its time to answer."""

    def __init__(self, clock: StepClock, *, requests_per_second: float, concurrency: int) -> None:
        super().__init__(clock, {})
        self.takes = 0.0
        self._rate_limiter = RateLimiter(
            "p", requests_per_second=requests_per_second, concurrency=concurrency, clock=clock
        )

    async def listing(self, pool: str) -> Listing:
        async with self._rate_limiter.slot():
            await self.clock.sleep(self.takes)
            return await super().listing(pool)


def ids(count: int) -> tuple[str, ...]:
    return tuple(f"pool-{number}" for number in range(count))


def told(poller: ProjectPoller, name: str) -> float | None:
    project = {"region": "r", "project_id": "p"}
    return poller.context.self_metrics.registry.get_sample_value(f"modelarts_exporter_{name}", project)


def about_pace(logs: Any) -> list[Any]:
    return [entry for entry in logs if "within poll.interval" in entry["event"]]


def pace(*, pools: int, requests_per_second: float = 10.0, interval: float = INTERVAL) -> IntervalMonitor:
    made = IntervalMonitor(
        region="r",
        project_id="p",
        interval=interval,
        requests_per_second=requests_per_second,
        self_metrics=SelfMetrics(),
    )
    made.set_pools(pools)
    return made


async def test_more_pools_than_the_pace_allows_are_told_at_once_and_measured() -> None:
    """Each is read every 100 s: one warning says so and what to do, and the metric tells."""
    clock = StepClock(HOUR / 2)
    cloud = SlowCloud(clock, requests_per_second=1.0, concurrency=8)
    poller = project(cloud, ids(MANY), requests_per_second=1.0)
    with capture_logs() as logs:
        await run(poller, clock)
    [line] = about_pace(logs)
    assert (line["log_level"], line["project_id"], line["pools"]) == ("warning", "p", MANY)
    assert "need at least 1.67 requests a second" in line["reason"]
    assert "every 100 s at best" in line["reason"]
    for remedy in ("poll.interval", "poll.requests_per_second", "shard.total"):
        assert remedy in line["reason"]
    assert told(poller, "poll_interval_seconds") == pytest.approx(100.0, rel=0.1)
    assert told(poller, "poll_interval_target_seconds") == INTERVAL


@pytest.mark.parametrize("count", [1, 3, 7, 50])
async def test_pools_that_are_polled_in_time_are_told_as_such(count: int) -> None:
    """Jitter, and the first wait until a pool's own moment, are no lateness."""
    clock = StepClock(HOUR / 2)
    cloud = SlowCloud(clock, requests_per_second=10.0, concurrency=8)
    cloud.takes = 0.2
    poller = project(cloud, ids(count))
    with capture_logs() as logs:
        await run(poller, clock)
    assert about_pace(logs) == []
    assert told(poller, "poll_interval_seconds") == pytest.approx(INTERVAL, rel=0.05)


async def test_slow_answers_are_told_when_they_begin_and_when_they_are_over() -> None:
    """One line each, though the settings would do: 20 pools, two at a time, 20 s an answer."""
    clock = StepClock(2 * HOUR, {0.5 * HOUR: lambda: takes(20.0), HOUR: lambda: takes(0.1)})
    cloud = SlowCloud(clock, requests_per_second=10.0, concurrency=2)

    def takes(seconds: float) -> None:
        cloud.takes = seconds

    takes(0.1)
    with capture_logs() as logs:
        await run(project(cloud, ids(20)), clock)
    begins, over = about_pace(logs)
    assert begins["log_level"] == "warning"
    assert "poll.concurrency" in begins["reason"]
    assert over["log_level"] == "info"


@pytest.mark.parametrize(
    ("interval", "late", "figures"),
    [
        (2.0, 2.4, "every 2.4 s, not every 2 s;"),
        (0.5, 0.6, "every 0.6 s, not every 0.5 s;"),
        (60.0, 70.123, "every 70.1 s, not every 60 s;"),
        (3600.0, 5000.0, "every 5000 s, not every 3600 s;"),
    ],
)
def test_lateness_is_told_in_figures_that_differ(interval: float, late: float, figures: str) -> None:
    """With short intervals too, where whole seconds would be the same."""
    watched = pace(pools=1, interval=interval)
    with capture_logs() as logs:
        watched.observe(interval + POLLS * (late - interval))  # the mean is `late` after it
    [line] = about_pace(logs)
    assert figures in line["reason"]


@pytest.mark.parametrize(
    ("pools", "interval", "rate", "best"),
    [(12, 1.0, "12", "1.2"), (101, 10.0, "10.1", "10.1"), (6001, 600.0, "10.002", "600.1")],
)
def test_overload_is_told_in_figures_that_differ(pools: int, interval: float, rate: str, best: str) -> None:
    """What is needed is never the same as what is set, however close."""
    excess = pace(pools=0, interval=interval).overload(pools)
    assert excess
    assert f"need at least {rate} requests a second, and poll.requests_per_second is 10," in excess
    assert f"every {best} s at best" in excess


def test_one_late_poll_is_no_falling_behind() -> None:
    """A poll that takes over half an interval leaves out a moment."""
    watched = pace(pools=1)
    with capture_logs() as logs:
        for seconds in (60.0, 120.0, 60.0):
            watched.observe(seconds)
    assert logs == []


async def test_pools_that_cannot_be_read_are_not_late_besides() -> None:
    """They are told as such; to poll them more often would be no cure."""
    clock = StepClock(HOUR / 2)
    cloud = SlowCloud(clock, requests_per_second=10.0, concurrency=8)
    cloud.takes, cloud.crash = 40.0, FORBIDDEN
    poller = project(cloud, ids(1))
    with capture_logs() as logs:
        await run(poller, clock)
    assert about_pace(logs) == []
    assert told(poller, "poll_interval_seconds") is None


@pytest.mark.parametrize(
    ("pools", "per_second", "interval", "enough"),
    [(600, 10.0, 60.0, True), (601, 10.0, 60.0, False), (1_000, 20.0, 60.0, True), (1, 0.001, 60.0, False)],
)
def test_what_the_settings_allow(pools: int, per_second: float, interval: float, *, enough: bool) -> None:
    """At the edge too: a request a pool is the least."""
    made = pace(pools=0, requests_per_second=per_second, interval=interval)
    assert (made.overload(pools) is None) is enough


def test_pools_that_go_take_their_excess_with_them() -> None:
    """And with the last of them there is nothing to be late."""
    watched = pace(pools=0)
    with capture_logs() as logs:
        watched.set_pools(1_000)
        watched.set_pools(1_001)
        watched.observe(INTERVAL)
        watched.set_pools(10)
        watched.set_pools(0)
    assert [entry["log_level"] for entry in logs] == ["warning", "info"]
    assert not any("poll_interval" in name for name in samples(watched.self_metrics))


def samples(self_metrics: SelfMetrics) -> list[str]:
    return [sample.name for family in self_metrics.registry.collect() for sample in family.samples]
