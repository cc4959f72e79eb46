"""The pools of a project: which they are, when they are polled, when they go."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import pytest
from fakes import FakeClock, NoThread
from structlog.testing import capture_logs

from exporter.errors import Forbidden, PollError
from exporter.polling.absence import LONG
from exporter.polling.discovery import Discovery
from exporter.polling.project import CATALOGUE_INTERVALS, ProjectPoller
from exporter.snapshot.catalogue import CatalogueEntry
from exporter.snapshot.pool import Listing, PoolKey, PoolState
from exporter.snapshot.store import SnapshotStore
from exporter.snapshot.workload import Workload
from exporter.telemetry import Telemetry
from exporter.throughput.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.api.client import Client

INTERVAL = 60.0
FORBIDDEN = Forbidden("HTTP 403", where="GET pools", status=403)
EVERYTHING = Discovery(re.compile(".*"), None)


class Stop(Exception):
    """Ends a run that would go on for ever."""


class Cloud:
    """A project whose pools are as told; remembers when each was listed."""

    def __init__(self, clock: FakeClock, names: dict[str, str] | PollError) -> None:
        self.clock = clock
        self.names = names
        self.listed: list[tuple[str, float]] = []
        self.crash: Exception | None = None
        self.hangs = False

    async def pools(self, _: str) -> dict[str, CatalogueEntry]:
        if self.hangs:
            await self.clock.sleep(3600.0)
        if isinstance(self.names, PollError):
            raise self.names
        return {pool: CatalogueEntry(name) for pool, name in self.names.items()}

    async def listing(self, pool: str) -> Listing:
        self.listed.append((pool, self.clock.monotonic()))
        if self.crash:
            raise self.crash
        return Listing(())


class StepClock(FakeClock):
    """Time that moves to the earliest moment anybody waits for, once everybody waits.

    Args:
        until: seconds after which the run ends.
        at: what to do at which second.
    """

    def __init__(self, until: float, at: dict[float, Callable[[], None]] | None = None) -> None:
        super().__init__()
        self._end = self.monotonic() + until
        self._events = sorted((self.monotonic() + moment, act) for moment, act in (at or {}).items())
        self._sleepers: list[tuple[float, asyncio.Event]] = []

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        self._sleepers.append((self.monotonic() + max(0.0, seconds), woken))
        await woken.wait()

    async def tick(self) -> None:
        """Let time pass until the end."""
        while True:
            for _ in range(30):
                await asyncio.sleep(0)
            self._sleepers.sort(key=lambda one: one[0])
            if self._events and (not self._sleepers or self._events[0][0] <= self._sleepers[0][0]):
                moment, act = self._events.pop(0)
                self.advance(moment - self.monotonic())
                act()
                continue
            moment, woken = self._sleepers.pop(0)
            if moment > self._end:
                raise Stop
            self.advance(max(0.0, moment - self.monotonic()))
            woken.set()


def project(
    cloud: Cloud, pools: tuple[str, ...] | Discovery, store: SnapshotStore | None = None
) -> ProjectPoller:
    client: Client = cloud  # type: ignore[assignment]  # the two questions a project asks
    return ProjectPoller(
        region="r",
        project_id="p",
        pools=pools,
        workspace_id="0",
        client=client,
        store=store or SnapshotStore(),
        ledger=Ledger(Telemetry(), NoThread()),
        interval=INTERVAL,
        stale_after=300.0,
        estimates=False,
        worker=NoThread(),
        clock=cloud.clock,
        telemetry=Telemetry(),
        cross_check="off",
    )


async def run(poller: ProjectPoller, clock: StepClock) -> None:
    with pytest.raises(ExceptionGroup) as caught:  # noqa: PT012  (both end together)
        async with asyncio.TaskGroup() as group:
            group.create_task(poller.run())
            group.create_task(clock.tick())
    if not caught.group_contains(Stop):
        raise caught.value


async def test_pools_are_polled_at_once_and_then_spread_over_the_interval() -> None:
    """Every pool is tried right at the start, later once in each interval, each at its own moment."""
    clock = StepClock(until=10 * INTERVAL)
    names = tuple(f"pool-{index}" for index in range(6))
    cloud = Cloud(clock, {})
    start = clock.monotonic()
    await run(project(cloud, names), clock)
    assert {pool for pool, moment in cloud.listed if moment == start} == set(names)
    for pool in names:
        moments = [moment for other, moment in cloud.listed if other == pool]
        assert 9 <= len(moments) <= 11
    later = sorted(
        moment for _, moment in cloud.listed if start + 4 * INTERVAL <= moment < start + 5 * INTERVAL
    )
    assert len({round(moment) for moment in later}) >= 5


async def test_names_come_from_the_projects_list() -> None:
    """Configured pools get their display names; a project that may not be listed has none and works."""
    clock = StepClock(until=1.0)
    poller = project(Cloud(clock, {"pool-a": "Team A"}), ("pool-a", "pool-b"))
    await run(poller, clock)
    states = poller.store.states
    assert states[PoolKey("r", "p", "pool-a")].name == "Team A"
    assert states[PoolKey("r", "p", "pool-b")].name is None

    clock = StepClock(until=1.0)
    poller = project(Cloud(clock, FORBIDDEN), ("pool-a",))
    await run(poller, clock)
    assert poller.store.states[PoolKey("r", "p", "pool-a")].outcome == "ok"


async def test_discovered_pools_appear_and_vanish() -> None:
    """A new pool is polled after the next look; one that is gone loses everything at once."""
    look = INTERVAL * CATALOGUE_INTERVALS
    cloud_names = {"pool-a": "A", "pool-b": "B"}
    cloud: Cloud

    def change() -> None:
        cloud.names = {"pool-b": "B", "pool-c": "C"}

    clock = StepClock(until=1.5 * look, at={0.5 * look: change})
    cloud = Cloud(clock, cloud_names)
    poller = project(cloud, EVERYTHING)
    start = clock.monotonic()
    await run(poller, clock)
    assert {key.pool for key in poller.store.states} == {"pool-b", "pool-c"}
    assert max(moment for pool, moment in cloud.listed if pool == "pool-a") <= start + look
    assert min(moment for pool, moment in cloud.listed if pool == "pool-c") >= start + look
    assert counted(poller) == {"pools": 2.0, "pools_discovered_total": 3.0, "pools_gone_total": 1.0}


def counted(poller: ProjectPoller) -> dict[str, float | None]:
    labels = {"region": "r", "project_id": "p"}
    names = ("pools", "pools_discovered_total", "pools_gone_total")
    registry = poller.telemetry.registry
    return {name: registry.get_sample_value(f"modelarts_exporter_{name}", labels) for name in names}


async def test_pools_that_a_reload_keeps_are_not_discovered_again() -> None:
    """What was watched before counts neither as new nor as gone; where nothing is found, 0 pools are told."""
    clock = StepClock(until=1.0)
    store = SnapshotStore()
    store.publish(PoolState(PoolKey("r", "p", "pool-a"), name="A"))
    poller = project(Cloud(clock, {"pool-a": "A", "pool-b": "B"}), EVERYTHING, store)
    with capture_logs() as logs:
        await run(poller, clock)
    assert [line["pool"] for line in logs if line["event"] == "pool is discovered"] == ["pool-b"]
    assert counted(poller) == {"pools": 2.0, "pools_discovered_total": 1.0, "pools_gone_total": 0.0}

    clock = StepClock(until=1.0)
    poller = project(Cloud(clock, {"pool-a": "A"}), Discovery(re.compile("nothing"), None))
    await run(poller, clock)
    assert counted(poller) == {"pools": 0.0, "pools_discovered_total": 0.0, "pools_gone_total": 0.0}


async def test_what_the_projects_list_says_gets_old_slowly() -> None:
    """Phase and nodes live until the list has failed twice; they come with the first look."""
    clock = StepClock(until=1.0)
    poller = project(Cloud(clock, {"pool-a": "A"}), EVERYTHING)
    start = clock.monotonic()
    await run(poller, clock)
    entry = poller.store.states[PoolKey("r", "p", "pool-a")].entry
    assert entry is not None
    assert entry.value == CatalogueEntry("A")
    assert entry.fresh_until == start + 2 * CATALOGUE_INTERVALS * INTERVAL


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
    assert {key.pool for key in poller.store.states} == watched
    assert poller.settled


async def test_a_failed_look_keeps_what_was_discovered() -> None:
    """Pools do not vanish because their list cannot be had; the failure has a metric."""
    look = INTERVAL * CATALOGUE_INTERVALS
    cloud: Cloud

    def fail() -> None:
        cloud.names = FORBIDDEN

    clock = StepClock(until=1.5 * look, at={0.5 * look: fail})
    cloud = Cloud(clock, {"pool-a": "A"})
    poller = project(cloud, EVERYTHING)
    await run(poller, clock)
    assert {key.pool for key in poller.store.states} == {"pool-a"}
    labels = {"region": "r", "project_id": "p"}
    assert poller.telemetry.registry.get_sample_value("modelarts_exporter_discovery_up", labels) == 0.0


@pytest.mark.parametrize("told_before", [None, 1])
async def test_while_none_is_discovered_zero_pools_are_told(told_before: int | None) -> None:
    """After a start, and after a reload, when nobody polls what was watched before."""
    clock = StepClock(until=1.0)
    poller = project(Cloud(clock, FORBIDDEN), EVERYTHING)
    if told_before:
        poller.telemetry.pools.labels("r", "p").set(told_before)
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


async def test_pools_no_longer_configured_go_when_the_configuration_is_read_again() -> None:
    """What an earlier configuration watched and this one does not is forgotten at the start."""
    clock = StepClock(until=1.0)
    store = SnapshotStore()
    store.publish(PoolState(PoolKey("r", "p", "pool-old")))
    store.publish(PoolState(PoolKey("r", "other", "pool-old")))
    await run(project(Cloud(clock, {}), ("pool-a",), store), clock)
    assert set(store.states) == {PoolKey("r", "other", "pool-old"), PoolKey("r", "p", "pool-a")}


async def test_a_pool_polled_lately_is_not_due_because_of_a_reload() -> None:
    """Reading the configuration again costs no extra requests for pools that stay."""
    clock = StepClock(until=INTERVAL - 1)
    store = SnapshotStore()
    attempted_at = clock.monotonic() - 0.5
    store.publish(PoolState(PoolKey("r", "p", "pool-a"), outcome="ok", attempted_at=attempted_at))
    cloud = Cloud(clock, {})
    await run(project(cloud, ("pool-a", "pool-b"), store), clock)
    assert "pool-a" not in {pool for pool, _ in cloud.listed}
    assert "pool-b" in {pool for pool, _ in cloud.listed}


@pytest.mark.parametrize(
    ("names", "until", "kept"),
    [
        ({"pool-a": "A"}, LONG - INTERVAL, {"pool-a", "pool-gone"}),
        ({"pool-a": "A"}, LONG + INTERVAL, {"pool-a"}),
        (FORBIDDEN, LONG + INTERVAL, {"pool-a", "pool-gone"}),
    ],
    ids=["not found for a while", "not found for long", "nothing can be found"],
)
async def test_what_is_remembered_goes_only_when_its_pool_is_known_to_be_gone(
    names: dict[str, str] | PollError, until: float, kept: set[str]
) -> None:
    """Of pools that a state file tells of, those go that are not found for long after the start."""
    clock = StepClock(until=until)
    poller = project(Cloud(clock, names), EVERYTHING)
    for pool in ("pool-a", "pool-gone"):
        await poller.ledger.record(PoolKey("r", "p", pool), Listing(()), 0.0)
    await poller.ledger.record(PoolKey("r", "other", "pool-a"), Listing(()), 0.0)
    await run(poller, clock)
    assert {key.pool for key in poller.ledger.pools if key.project_id == "p"} == kept
    assert PoolKey("r", "other", "pool-a") in poller.ledger.pools


@pytest.mark.parametrize("mistake", [{}, {"pool-b": "B"}], ids=["empty", "short"])
async def test_a_pool_that_comes_back_goes_on_counting(mistake: dict[str, str]) -> None:
    """Answers that lack it by mistake, even again and again, end its watching, not its counters."""
    look = INTERVAL * CATALOGUE_INTERVALS
    every = {"pool-a": "A", "pool-b": "B"}
    cloud: Cloud

    def say(names: dict[str, str]) -> Callable[[], None]:
        return lambda: setattr(cloud, "names", names)

    # Absent at every other look, over more than an hour.
    answers = {(index - 0.5) * look: say(mistake if index % 2 else every) for index in range(1, 20)}
    clock = StepClock(until=19.5 * look, at=answers)
    cloud = Cloud(clock, every)
    poller = project(cloud, EVERYTHING)
    key = PoolKey("r", "p", "pool-a")
    job = Workload(uid="u", type="train", status="Queue")
    await poller.ledger.record(key, Listing(()), 0.0)
    _, passed = await poller.ledger.record(key, Listing((job,)), 60.0)
    await run(poller, clock)
    assert key not in poller.store.states
    remembered = poller.ledger.throughput(key)
    assert remembered is not None
    assert remembered.created == passed.created


async def test_what_is_not_configured_any_more_is_forgotten_at_once() -> None:
    """Nobody's mistake: the configuration says so."""
    clock = StepClock(until=1.0)
    poller = project(Cloud(clock, {}), ("pool-a",))
    await poller.ledger.record(PoolKey("r", "p", "pool-old"), Listing(()), 0.0)
    await run(poller, clock)
    assert {key.pool for key in poller.ledger.pools} == {"pool-a"}


async def test_what_got_through_before_the_start_is_shown_before_the_first_poll() -> None:
    """Counters that a state file kept never go back, not even for the time of a poll."""
    clock = FakeClock()
    poller = project(Cloud(clock, {}), ("pool-a",))
    key = PoolKey("r", "p", "pool-a")
    _, passed = await poller.ledger.record(key, Listing(()), 0.0)
    pool = poller._poller("pool-a")
    pool.watch()
    assert (state := poller.store.states[key]).outcome is None
    assert state.throughput is passed


async def test_an_unexpected_error_ends_the_poller() -> None:
    """A defect is not swallowed: it ends the run, and with it the process."""
    clock = StepClock(until=10.0)
    cloud = Cloud(clock, {})
    cloud.crash = ZeroDivisionError()
    with pytest.raises(ExceptionGroup) as caught:
        await run(project(cloud, ("pool-a",)), clock)
    assert caught.group_contains(ZeroDivisionError)


async def test_once_polls_every_pool_and_says_what_could_not_be_found_out() -> None:
    """A round tells every pool's state; a project whose pools cannot be discovered is not well."""
    clock = FakeClock()
    polled: list[str] = []
    done = await project(Cloud(clock, {}), ("pool-a", "pool-b")).once(
        lambda state: polled.append(state.key.pool)
    )
    assert (done.well, sorted(polled)) == (True, ["pool-a", "pool-b"])
    undiscovered = await project(Cloud(clock, FORBIDDEN), EVERYTHING).once()
    assert (undiscovered.well, undiscovered.undiscovered) == (False, FORBIDDEN)


@pytest.mark.parametrize("pools", [("pool-a",), EVERYTHING], ids=["configured", "discovered"])
async def test_once_tells_what_the_projects_list_says(pools: tuple[str, ...] | Discovery) -> None:
    """Phase, type and nodes are there after one round, as they are in the daemon."""
    round_ = await project(Cloud(FakeClock(), {"pool-a": "A"}), pools).once()
    [state] = round_.states
    assert state.entry is not None
    assert state.entry.value == CatalogueEntry("A")
