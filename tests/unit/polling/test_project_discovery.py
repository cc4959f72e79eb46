"""Pools that are discovered: which they are, and what is told while they are not known."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs
from support.projects import EVERYTHING, FORBIDDEN, INTERVAL, Cloud, StepClock, project, run

from exporter.polling.pool_list import LIST_INTERVALS
from exporter.polling.selection import Discovery
from exporter.snapshot.pool import PoolKey, PoolState
from exporter.snapshot.store import SnapshotStore

if TYPE_CHECKING:
    from exporter.polling.project import ProjectPoller


async def test_discovered_pools_appear_and_vanish() -> None:
    """A new pool is polled after the next list; one that two lists lack loses everything at once."""
    look = INTERVAL * LIST_INTERVALS
    cloud_names = {"pool-a": "A", "pool-b": "B"}
    cloud: Cloud

    def change() -> None:
        cloud.names = {"pool-b": "B", "pool-c": "C"}

    clock = StepClock(until=look + 1.5 * INTERVAL, at={0.5 * look: change})
    cloud = Cloud(clock, cloud_names)
    poller = project(cloud, EVERYTHING)
    start = clock.monotonic()
    await run(poller, clock)
    assert {key.pool for key in poller.context.store.states} == {"pool-b", "pool-c"}
    assert max(moment for pool, moment in cloud.listed if pool == "pool-a") <= start + look + INTERVAL
    assert min(moment for pool, moment in cloud.listed if pool == "pool-c") >= start + look
    assert counted(poller) == {"pools": 2.0, "pools_discovered_total": 3.0, "pools_gone_total": 1.0}


def counted(poller: ProjectPoller) -> dict[str, float | None]:
    labels = {"region": "r", "project_id": "p"}
    names = ("pools", "pools_discovered_total", "pools_gone_total")
    registry = poller.context.self_metrics.registry
    return {name: registry.get_sample_value(f"modelarts_exporter_{name}", labels) for name in names}


async def test_pools_that_a_reload_keeps_are_not_discovered_again() -> None:
    """What was watched before counts neither as new nor as gone; where nothing is found, 0 pools are told."""
    clock = StepClock(until=1.0)
    store = SnapshotStore()
    store.publish(PoolState(PoolKey("r", "p", "pool-a"), name="A"))
    poller = project(Cloud(clock, {"pool-a": "A", "pool-b": "B"}), EVERYTHING, store)
    with capture_logs() as logs:
        await run(poller, clock)
    assert [line["pool"] for line in logs if line["event"] == "pool discovered"] == ["pool-b"]
    assert counted(poller) == {"pools": 2.0, "pools_discovered_total": 1.0, "pools_gone_total": 0.0}

    clock = StepClock(until=1.0)
    poller = project(Cloud(clock, {"pool-a": "A"}), Discovery(re.compile("nothing"), None))
    await run(poller, clock)
    assert counted(poller) == {"pools": 0.0, "pools_discovered_total": 0.0, "pools_gone_total": 0.0}


async def test_a_selection_of_no_pool_is_told() -> None:
    """One warning when it begins, as after a reload that misspells `include`; one line when it is over."""
    look = INTERVAL * LIST_INTERVALS
    cloud: Cloud

    def rename() -> None:
        cloud.names = {"pool-a": "Team A"}

    clock = StepClock(until=3.5 * look, at={2.5 * look: rename})
    cloud = Cloud(clock, {"pool-a": "A", "pool-b": "B"})
    with capture_logs() as logs:
        await run(project(cloud, Discovery(re.compile("Team"), None)), clock)
    told = [(line["log_level"], line["listed"]) for line in logs if "select" in line["event"]]
    assert told == [("warning", 2), ("info", 1)]


@pytest.mark.parametrize("names", [{}, {"pool-a": "A"}])
async def test_nothing_to_tell_of_a_selection(names: dict[str, str]) -> None:
    """Where the project has no pools, or some are selected."""
    clock = StepClock(until=INTERVAL)
    with capture_logs() as logs:
        await run(project(Cloud(clock, names), EVERYTHING), clock)
    assert not [line for line in logs if "select" in line["event"]]


@pytest.mark.parametrize(
    ("include", "exclude", "watched"),
    [
        (".*", None, {"pool-a", "pool-b"}),
        ("Team B", None, {"pool-b"}),
        ("pool-", "-a$", {"pool-b"}),
        (".*", "Team", set()),
    ],
)
async def test_discovery_by_id_or_display_name(include: str, exclude: str | None, watched: set[str]) -> None:
    """Both expressions are searched for in the ID and in the display name."""
    clock = StepClock(until=1.0)
    discovery = Discovery(re.compile(include), re.compile(exclude) if exclude else None)
    poller = project(Cloud(clock, {"pool-a": "Team A", "pool-b": "Team B"}), discovery)
    await run(poller, clock)
    assert {key.pool for key in poller.context.store.states} == watched
    assert poller.settled


async def test_a_failed_look_keeps_what_was_discovered() -> None:
    """Pools do not vanish because their list cannot be had; the failure has a metric."""
    look = INTERVAL * LIST_INTERVALS
    cloud: Cloud

    def fail() -> None:
        cloud.names = FORBIDDEN

    clock = StepClock(until=1.5 * look, at={0.5 * look: fail})
    cloud = Cloud(clock, {"pool-a": "A"})
    poller = project(cloud, EVERYTHING)
    await run(poller, clock)
    assert {key.pool for key in poller.context.store.states} == {"pool-a"}
    labels = {"region": "r", "project_id": "p"}
    assert (
        poller.context.self_metrics.registry.get_sample_value("modelarts_exporter_discovery_up", labels)
        == 0.0
    )


@pytest.mark.parametrize("told_before", [None, 1])
async def test_while_none_is_discovered_zero_pools_are_told(told_before: int | None) -> None:
    """After a start, and after a reload, when nobody polls what was watched before."""
    clock = StepClock(until=1.0)
    poller = project(Cloud(clock, FORBIDDEN), EVERYTHING)
    if told_before:
        poller.context.self_metrics.pools.labels("r", "p").set(told_before)
    await run(poller, clock)
    assert counted(poller)["pools"] == 0.0


async def test_zero_pools_are_told_before_the_first_answer() -> None:
    """A cloud that does not answer must not hide that nothing is watched."""
    clock = StepClock(until=1.0)
    cloud = Cloud(clock, {})
    cloud.hangs = True
    poller = project(cloud, EVERYTHING)
    await run(poller, clock)
    assert counted(poller)["pools"] == 0.0


async def test_discovery_that_fails_at_the_start_is_tried_again_soon() -> None:
    """Nothing is watched until the list can be had, so it is asked for at the pace of polls."""
    cloud: Cloud

    def recover() -> None:
        cloud.names = {"pool-a": "A"}

    clock = StepClock(until=1.5 * INTERVAL, at={0.5 * INTERVAL: recover})
    cloud = Cloud(clock, FORBIDDEN)
    poller = project(cloud, EVERYTHING)
    await run(poller, clock)
    assert [pool for pool, _ in cloud.listed] == ["pool-a"]
