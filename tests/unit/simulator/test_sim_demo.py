from __future__ import annotations

import re
from statistics import mean
from typing import TYPE_CHECKING, Any

import pytest
from support.fakes import FakeClock
from support.sim_client import connect

from exporter.simulator.demand import DAY
from exporter.simulator.demo import demo_cloud

if TYPE_CHECKING:
    from exporter.simulator.demo import DemoCloud

SPEED = 15.0
HOUR = 3600.0


@pytest.fixture(scope="module")
def standing() -> tuple[DemoCloud, FakeClock]:
    """The demo at its first moment, for tests that only look: the days before it take seconds to simulate."""
    clock = FakeClock()
    return demo_cloud(clock), clock


def listed(cloud: DemoCloud) -> list[dict[str, Any]]:
    return [item for pool in cloud.pools for item in pool.workloads()]


def test_the_demo_is_lively_from_the_first_moment(standing: tuple[DemoCloud, FakeClock]) -> None:
    """Every pool that works has jobs that wait and that run; all types and most statuses are there."""
    cloud, _ = standing
    for pool in cloud.pools[:3]:
        statuses = {item["status"] for item in pool.workloads()}
        assert {"Pending", "Running", "Terminated"} <= statuses
        assert re.fullmatch(r"[a-z0-9-]{36,63}", pool.profile.id)
        assert pool.profile.name
    items = listed(cloud)
    assert {item["type"] for item in items} == {"train", "infer", "notebook", "x-infer"}
    assert {"Queue", "Creating", "Completed", "Failed"} <= {item["status"] for item in items}
    [failed] = cloud.pools[3:]
    assert (failed.profile.phase, [item["status"] for item in failed.workloads()]) == (
        "CreationFailed",
        ["Pending"],
    )
    accelerators = {key for item in items for key in item["resourceRequirement"]} - {"cpu", "memory"}
    assert accelerators == {
        "huawei.com/ascend-snt9",
        "huawei.com/ascend-1980",
        "huawei.com/ascend-310",
        "nvidia.com/gpu",
    }


@pytest.mark.long
def test_the_rare_statuses_come_by(clock: FakeClock) -> None:
    """Abnormal and Terminating are seen within a simulated day."""
    cloud = demo_cloud(clock, speed=SPEED)
    seen = set()
    for _ in range(96):
        clock.advance(DAY / SPEED / 96)
        seen |= {item["status"] for item in listed(cloud)}
    assert {"Abnormal", "Terminating"} <= seen


@pytest.mark.long
def test_three_jobs_are_stuck_for_ever(clock: FakeClock) -> None:
    """One asks for more than its pool has, one for cards of another kind, and one waits in a failed pool."""
    cloud = demo_cloud(clock)
    stuck = {
        job.submission.uid: job.submission.job_name
        for pool in cloud.pools
        for job in pool.cluster.queue
        if job.submission.request.nodes > pool.profile.nodes or job.submission.accelerator
    }
    assert sorted(stuck.values()) == ["first-run", "ocr-on-the-wrong-cards", "pretrain-moe-too-large"]
    for days in (0, 1, 3):
        clock.advance(days * DAY)
        items = [item for item in listed(cloud) if item["uid"] in stuck]
        assert {item["uid"] for item in items} == stuck.keys()
        for item in items:
            assert item["status"] == "Pending"
            assert item["pendingDuration"] >= 5 * HOUR
            assert item["pendingDuration"] == int(clock.wall() - item["createTime"] / 1000)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 4))
def test_queues_build_up_in_the_day_and_drain_in_the_night(seed: int) -> None:
    """Over simulated days the queues are clearly longer in the afternoon than at the end of the night."""
    clock = FakeClock()
    cloud = demo_cloud(clock, seed=seed, speed=SPEED)
    by_hour: dict[int, list[int]] = {hour: [] for hour in range(24)}
    for step in range(24 * 12):
        clock.advance(DAY / 24 / SPEED)
        for pool in cloud.pools:
            pool.free_by_node()
        # The demo starts at 15:00.
        by_hour[(15 + step + 1) % 24].append(sum(len(pool.cluster.queue) for pool in cloud.pools))
    afternoon = mean(mean(by_hour[hour]) for hour in range(14, 19))
    dawn = mean(mean(by_hour[hour]) for hour in range(4, 9))
    assert afternoon > 1.5 * dawn


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 4))
def test_some_jobs_wait_for_hours_and_start_all_the_same(seed: int) -> None:
    """Large jobs starve behind small ones for real hours, but they do start."""
    clock = FakeClock()
    cloud = demo_cloud(clock, seed=seed)
    longest = 0.0
    for _ in range(20):
        clock.advance(2 * HOUR)
        for pool in cloud.pools:
            pool.free_by_node()
            waits = (
                job.pending_duration(clock.wall()) for job in pool.cluster.jobs if job.started is not None
            )
            longest = max(longest, *waits, 0.0)
    assert longest > 2 * HOUR


@pytest.mark.long
def test_the_same_seed_gives_the_same_cloud() -> None:
    """Everything listed is equal, now and later; another seed gives another cloud."""
    clocks = [FakeClock() for _ in range(3)]
    clouds = [demo_cloud(clock, seed=seed) for clock, seed in zip(clocks, (4, 4, 5), strict=True)]
    for _ in range(2):
        first, second, other = (listed(cloud) for cloud in clouds)
        assert first == second
        assert first != other
        for clock in clocks:
            clock.advance(HOUR)


def test_a_waiting_job_tells_what_is_documented_and_leaves_the_rest_out(clock: FakeClock) -> None:
    """Positions count from 1 in the pool's queue, or are -1, or not there; durations fit the clock."""
    told = set()
    for pool in demo_cloud(clock, seed=6).pools:
        items = {str(item["uid"]): item for item in pool.workloads()}
        for place, job in enumerate(pool.cluster.queue, start=1):
            item = items[job.submission.uid]
            assert item["status"] == ("Pending" if place <= 5 else "Queue")
            position = item.get("pendingPosition")
            assert position in {place, -1, None}
            told.add(min(int(str(position)), 1) if position is not None else None)
            assert item["pendingDuration"] == int(clock.wall() - job.submission.created)
            assert not item.keys() & {"flavor", "runningDuration", "hostIps", "nodes"}
    assert told == {1, -1, None}


def test_a_running_job_tells_where_it_runs(standing: tuple[DemoCloud, FakeClock]) -> None:
    """Its hosts, joined by commas, the cards on each, and no position."""
    [pool, *_] = standing[0].pools
    running = [item for item in pool.workloads() if item["status"] == "Running"]
    for item in running:
        nodes = item["nodes"]
        assert isinstance(nodes, list)
        assert item["hostIps"] == ",".join(node["hostIp"] for node in nodes)
        assert all(re.fullmatch("[01]{16}", node["npuTopologyPlacement"]) for node in nodes)
        assert "pendingPosition" not in item
    assert any(len(str(item["hostIps"]).split(",")) > 1 for item in running)


async def test_the_demo_answers_its_own_user(standing: tuple[DemoCloud, FakeClock]) -> None:
    """The user, project and pools that the demo hands out fit together."""
    cloud, clock = standing
    token = cloud.simulator.iam.log_in(cloud.user.domain, cloud.user.name, cloud.user.password)
    headers = {"X-Auth-Token": token.value}
    async with connect(cloud.simulator, clock) as client:
        for pool in cloud.pools:
            path = f"/v2/{cloud.project_id}/pools/{pool.profile.id}/workloads"
            async with client.session.get(client.base + path, headers=headers) as answer:
                body = await answer.json()
            assert body["items"] == pool.workloads()[:500]
            assert body["total"] == len(pool.workloads())
