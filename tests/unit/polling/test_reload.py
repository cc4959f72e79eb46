"""What a reload must not lose: what is known, what is not due, and what the cloud asked for."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from support.projects import EVERYTHING, FORBIDDEN, INTERVAL, Cloud, StepClock, project, run

from exporter.polling.memory import Memories, ProjectAt
from exporter.polling.pool_list import LIST_INTERVALS
from exporter.polling.selection import Discovery
from exporter.snapshot.pool import PoolKey

if TYPE_CHECKING:
    from exporter.common.clock import Clock
    from exporter.common.errors import Forbidden
    from exporter.polling.project import ProjectPoller

LIST = INTERVAL * LIST_INTERVALS


def watched(poller: ProjectPoller) -> set[str]:
    return {key.pool for key in poller.context.store.states}


async def run_for(seconds: float, clock: StepClock, poller: ProjectPoller) -> None:
    """Until the next reload, or the end."""
    clock.extend(seconds)
    await run(poller, clock)


async def test_a_reload_while_the_list_fails_stops_no_poll() -> None:
    """The pools of the last list are polled on and on, at the usual pace."""
    clock = StepClock(until=0.0)
    cloud = Cloud(clock, {"pool-a": "A", "pool-b": "B"})
    poller = project(cloud, EVERYTHING)
    await run_for(INTERVAL / 2, clock, poller)
    cloud.names = FORBIDDEN
    cloud.listed.clear()
    poller = project(cloud, EVERYTHING, before=poller)
    await run_for(4 * INTERVAL, clock, poller)
    assert min(Counter(pool for pool, _ in cloud.listed)[pool] for pool in ("pool-a", "pool-b")) >= 3
    samples = {"region": "r", "project_id": "p"}
    registry = poller.context.self_metrics.registry
    assert registry.get_sample_value("modelarts_exporter_pools", samples) == 2.0


async def test_pools_by_id_go_on_when_they_are_to_be_discovered_and_cannot_be() -> None:
    """The list has never been read: what is watched already and is selected stays so."""
    clock = StepClock(until=0.0)
    cloud = Cloud(clock, FORBIDDEN)
    poller = project(cloud, ("pool-a",))
    await run_for(1.0, clock, poller)
    poller = project(cloud, EVERYTHING, before=poller)
    await run_for(4 * INTERVAL, clock, poller)
    assert len(cloud.listed) >= 4


async def test_another_selection_is_made_from_the_last_list() -> None:
    """At once, also while the list cannot be read."""
    clock = StepClock(until=0.0)
    cloud = Cloud(clock, {"pool-a": "A", "pool-b": "B"})
    poller = project(cloud, Discovery(re.compile("^A$"), None))
    await run_for(1.0, clock, poller)
    assert watched(poller) == {"pool-a"}
    cloud.names = FORBIDDEN
    poller = project(cloud, Discovery(re.compile("^B$"), None), before=poller)
    poller.context.store.forget(PoolKey("r", "p", "pool-a"))  # as the reload does
    await run_for(1.0, clock, poller)
    assert watched(poller) == {"pool-b"}
    assert poller.settled


@pytest.mark.parametrize(
    ("names", "due"), [({"pool-a": "A"}, LIST), (FORBIDDEN, INTERVAL)], ids=["well", "failing"]
)
async def test_reloads_do_not_make_the_list_due(names: dict[str, str] | Forbidden, due: float) -> None:
    """Ten of them in a minute: the list is asked for as often as without, also while it fails."""
    clock = StepClock(until=0.0)
    cloud = Cloud(clock, names)
    poller = project(cloud, EVERYTHING)
    for _ in range(10):
        await run_for(5.0, clock, poller)
        poller = project(cloud, EVERYTHING, before=poller)
    assert len(cloud.asked) == 1
    start = clock.monotonic()
    await run_for(LIST, clock, poller)
    assert cloud.asked[1] - start == pytest.approx(due - 50.0, abs=2.0)


async def test_reloads_that_cut_the_request_for_the_list_do_not_repeat_it_at_once() -> None:
    """A storm of reloads while the cloud hangs is one request in a poll interval."""
    clock = StepClock(until=0.0)
    cloud = Cloud(clock, {})
    cloud.hangs = True
    poller = project(cloud, EVERYTHING)
    for _ in range(11):
        await run_for(6.0, clock, poller)
        poller = project(cloud, EVERYTHING, before=poller)
    assert len(cloud.asked) == 2


def test_a_project_that_nobody_uses_is_forgotten_but_for_its_pause() -> None:
    """Or it would be a way around the pause to take the project out and put it back."""
    clock: Clock = StepClock(until=0.0)
    now = clock.monotonic()
    used, unused, paused = (ProjectAt("r", project_id, "https://cloud") for project_id in "abc")
    memories = Memories()
    before = {key: memories.of(key, clock) for key in (used, unused, paused)}
    before[paused].api.pace.paused_until = now + 60.0
    memories.keep({used}, now)
    assert memories.of(used, clock) is before[used]
    assert memories.of(unused, clock) is not before[unused]
    assert memories.of(paused, clock).api is before[paused].api
    memories.keep({used}, now + 60.0)
    assert memories.of(paused, clock).api is not before[paused].api
