"""The long run, short: so that it cannot rot, and nothing that it would find at once waits for it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from tools.soak.clock import FastClock
from tools.soak.figures import Trend, findings
from tools.soak.journal import Journal, Span
from tools.soak.plan import HOUR, Plan
from tools.soak.run import Run
from tools.soak.watch import Watch
from tools.soak.world import World

from exporter.simulator.cluster import JobEvent
from exporter.simulator.pools import WorkloadQuery

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.long

SHORT = Plan(
    seconds=4,
    speed=1000,
    trouble=(0.2 * HOUR, 0.4 * HOUR),
    quiet=0.2 * HOUR,
    reload=0.5 * HOUR,
    turnover=0.5 * HOUR,
    rotation=1 * HOUR,
    look=0.5,
    settling=2,
    patience=24 * HOUR,
)
SUCCESS = (
    'modelarts_pool_last_success_timestamp_seconds{pool="%s"} %r\n'
    'modelarts_pool_listing_complete{pool="%s"} 1\n'
)


@pytest.mark.timeout(400)  # a machine with much else to do takes its time
async def test_a_few_seconds_of_the_long_run(tmp_path: Path) -> None:
    """Hours of churn and trouble: nothing lost, invented or left over, and every counter is the journal's."""
    course = await Run(SHORT, tmp_path).whole()
    del course.watch.wrong["stuck"]  # a busy machine may be late, which is no fault of ours
    assert not course.watch.wrong, course.watch.examples
    assert course.tracebacks == []
    assert course.watch.checked > 0
    assert course.agreeing > 0
    assert {"The run", "The exporter's process"} <= {table.title for table in findings(course).tables}


def test_a_journal_knows_what_was_lost_and_what_was_invented() -> None:
    """Only what existed all the while must be shown, and only what existed for a moment may be."""
    journal = Journal()
    journal.take_up(
        [
            JobEvent(1.0, "created", "stays"),
            JobEvent(2.0, "created", "goes before"),
            JobEvent(3.0, "created", "goes meanwhile"),
            JobEvent(9.0, "vanished", "goes before"),
            JobEvent(15.0, "created", "comes meanwhile"),
            JobEvent(16.0, "vanished", "goes meanwhile"),
            JobEvent(25.0, "created", "comes later"),
        ]
    )
    span = Span(10.0, 20.0, earliest=10.0)
    assert journal.lost(set(), span) == {"stays"}
    everything = {"stays", "goes before", "goes meanwhile", "comes meanwhile", "comes later", "never was"}
    assert journal.invented(everything, span) == {"goes before", "comes later", "never was"}


def test_a_listing_that_fills_its_page_is_of_no_one_moment() -> None:
    """The exporter looks for more behind it, and what it reads again there has gone on."""
    shown = Counter({("train", "Running"): 500})
    for told, off in ((499, 1), (500, 0)):
        journal = Journal()
        journal.listed(1.0, Counter({("train", "Queue"): told}))
        assert bool(journal.miscounted(shown, Span(1.0, 2.0, earliest=1.0))) == bool(off)


def test_a_watch_finds_what_is_wrong() -> None:
    """Workloads of nobody and missing ones, counters that go back, and what deleted pools leave behind."""
    clock = FastClock(1.0, 0.0, 0.0)
    world = World(clock)
    watch = Watch(world, clock, stale_after=10.0, grace=-1.0)
    pool = world.staying[0]
    [uid, *_] = [item["uid"] for item in pool.workloads()]
    pool.select(WorkloadQuery(sort=True, ascend=True))
    name, now = pool.profile.id, clock.wall()
    empty = f'modelarts_pool_workloads{{pool="{name}",type="train",status="Queue"}} 0\n'
    watch.compare(SUCCESS % (name, now, name) + empty, now)
    assert watch.wrong["lost"] == len(pool.journal.living)
    assert uid in pool.journal.living
    watch.successes.clear()
    read = empty + f'modelarts_workload_status{{pool="{name}",uid="nobody",status="Queue"}} 1\n'
    watch.compare(SUCCESS % (name, now, name) + read, now)
    assert watch.wrong["invented"] == 1
    assert watch.wrong["miscounted"]
    assert watch.wrong["lost"] == 2 * len(pool.journal.living)
    watch.compare(SUCCESS % (name, now, name) + read, now + 11.0)
    assert watch.wrong["stale"] == 1
    world.replace_pool()
    [gone] = world.deleted
    counter = '# TYPE x_total counter\nx_total{a="b"} %d\n'
    assert watch.inspect(counter % 2) == 1
    watch.inspect(counter % 1 + f'y{{pool="{gone}"}} 1\n')
    assert (watch.wrong["went back"], watch.wrong["left over"]) == (1, 1)


def test_a_trend_is_of_the_time_after_the_start() -> None:
    """A first tenth of warming up is left out; what grows later shows in the later slope."""
    week = 7 * 86400.0
    points = [(index * week, 50.0 if index < 10 else 100.0 + max(0, index - 60)) for index in range(100)]
    trend = Trend.of(points)
    assert (trend.start, trend.largest) == (100.0, 139.0)
    assert trend.late_slope > trend.slope > 0
