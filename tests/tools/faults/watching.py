"""One fault let loose on the running daemon: what is to be seen all the while, checked and measured."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from support.virtual_time import VirtualClock, run_virtually

from tools.faults.daemon import daemon_of
from tools.faults.world import A, B, C, world_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from exporter.simulator.iam import AuthAttempt
    from tools.faults.daemon import Scrape, Watched
    from tools.faults.fault import Fault
    from tools.faults.world import World

MINUTE = 60.0
STALE_AFTER = 5 * MINUTE
POOLS = (A, B, C)

_SETTLING = 2 * MINUTE
"""Seconds until every pool has been polled in the new state of things, be the poll ever so slow."""

CYCLE = 5
"""Minutes after which everything has been asked for again, the project's list of pools included."""

_AFTERWARDS = 10
"""Minutes that are watched after a fault that has no length of its own."""

_SERIES_LIMIT = 200
_LOGINS = frozenset({"token", "metadata-token", "security-key"})

_DISCOVERED = 7 * MINUTE
"""Seconds until a project's list of pools has been asked for twice more."""

_UP, _COMPLETE = "modelarts_pool_up", "modelarts_pool_listing_complete"
_WORKLOADS, _OWN_SERIES = "modelarts_pool_workloads", "modelarts_workload_status"
_POLLS, _REQUESTS = "modelarts_exporter_polls_total", "modelarts_exporter_api_requests_total"
_NAMES = (_UP, _COMPLETE, _WORKLOADS, _OWN_SERIES, _POLLS)


@dataclass(slots=True)
class Measured:
    """What a fault did.

    Attributes:
        outcomes: how the polls of the pools that were hit ended meanwhile.
        kept: after how many minutes their figures were gone; None while they stayed.
        usual: requests to the project's cloud in as many minutes without the fault.
        requests: requests meanwhile, those that did not get there included.
        refused: credentials refused in a row within 5 minutes, at most.
        recovery: seconds from its end until all was well.
    """

    outcomes: set[str] = field(default_factory=set)
    kept: int | None = None
    usual: int = 0
    requests: int = 0
    refused: int = 0
    recovery: float = 0.0


def measured(fault: Fault, folder: Path) -> Measured:
    """Let it happen, in a loop and a time of its own.

    Raises:
        AssertionError: the exporter is not as it should be.
    """
    random.seed(0)  # tenacity's jitter
    return run_virtually(_measured(fault, folder))


async def _measured(fault: Fault, folder: Path) -> Measured:
    clouds, machine = VirtualClock(), VirtualClock()
    async with (
        world_of(machine, clouds, folder, workloads=fault.workloads) as world,
        daemon_of(world, fault) as daemon,
    ):
        return await _Watch(fault, world, daemon, clouds).made()


@dataclass(slots=True)
class _Watch:
    """The watch over one fault."""

    fault: Fault
    world: World
    daemon: Watched
    clock: VirtualClock
    found: Measured = field(default_factory=Measured)

    async def made(self) -> Measured:
        """Everything in order: all is well, the fault, all is well again."""
        minutes = self.fault.minutes or _AFTERWARDS
        await self.clock.sleep(MINUTE)
        usual = -await self._sent()
        await self.clock.sleep(CYCLE * MINUTE)
        usual += await self._sent()
        self.found.usual = usual * minutes // CYCLE
        before = await self._scrape()
        assert not self._unwell(before, POOLS), "not even well without the fault"
        sent = await self._sent()
        async with self.fault.happens(self.world):
            attempts = len(self.world.simulator.iam.attempts)
            for minute in range(1, self.fault.minutes + 1):
                await self.clock.sleep(MINUTE)
                await self._check(minute, before)
            await self._check_advice()
            self.found.requests = await self._sent() - sent
        self.found.recovery = await self._recovered()
        if not self.fault.minutes:
            await self.clock.sleep(minutes * MINUTE - self.found.recovery)
            self.found.requests = await self._sent() - sent
        self.found.refused = _refused_in_a_row(list(self.world.simulator.iam.attempts)[attempts:])
        return self.found

    async def _check(self, minute: int, before: Scrape) -> None:
        now = await self._scrape()
        assert await self.daemon.healthy()
        hit = () if self.fault.shown == "well" else self.fault.hits
        others = [pool for pool in POOLS if pool not in hit]
        assert not (unwell := self._unwell(now, others)), f"minute {minute}: others suffer: {unwell}"
        if minute * MINUTE < (_DISCOVERED if self.fault.shown == "gone" else _SETTLING):
            return
        for pool in hit:
            self._check_hit(pool, minute, now, before)
            self.found.outcomes |= _ended(pool, before, now)

    def _check_hit(self, pool: str, minute: int, now: Scrape, before: Scrape) -> None:
        said = f"minute {minute}, {pool}: "
        match self.fault.shown:
            case "gone":
                assert now.sum(_UP, pool=pool) is None, said + "is still there"
            case "short":
                assert now.sum(_COMPLETE, pool=pool) == 0, said + "is not told to be incomplete"
            case _:
                assert now.sum(_UP, pool=pool) == 0, said + "is up"
                self._check_age(pool, minute, now, before, said)

    def _check_age(self, pool: str, minute: int, now: Scrape, before: Scrape, said: str) -> None:
        """What was read last stays as it was until it is stale, and is gone from then on."""
        figures = now.sum(_WORKLOADS, pool=pool)
        if figures is None:
            assert minute * MINUTE >= STALE_AFTER - 1.1 * MINUTE, said + "figures are gone too early"
            assert now.sum(_OWN_SERIES, pool=pool) is None, said + "workloads stay without their pool"
            self.found.kept = self.found.kept or minute
        else:
            assert minute * MINUTE <= STALE_AFTER + MINUTE / 2, said + "figures are stale and still there"
            assert figures == before.sum(_WORKLOADS, pool=pool), said + "figures have changed"

    async def _check_advice(self) -> None:
        """The status page says of each pool that is down what happened; what to do."""
        if self.fault.shown == "down" and self.fault.minutes:
            explanations = await self.daemon.explanations()
            assert len(explanations) == len(self.fault.hits)
            assert all("; " in explanation for explanation in explanations), explanations

    async def _recovered(self) -> float:
        ended = self.clock.monotonic()
        while (await self.daemon.scrape([_UP])).sum(_UP) != len(POOLS) or self._unwell(
            await self._scrape(), POOLS
        ):
            waited = self.clock.monotonic() - ended
            assert waited < self.fault.well_within, f"not well after {waited:.0f} s"
            await self.clock.sleep(1.0)
        return self.clock.monotonic() - ended

    async def _scrape(self) -> Scrape:
        return await self.daemon.scrape(_NAMES)

    def _unwell(self, scrape: Scrape, pools: Iterable[str]) -> Mapping[str, object]:
        """What is not as it should be in a healthy pool, by pool."""
        wrong = {}
        for pool in pools:
            workloads = len(self.world.pool(pool).workloads)
            shown = tuple(scrape.sum(name, pool=pool) for name in (_UP, _COMPLETE, _WORKLOADS, _OWN_SERIES))
            if shown != (1, 1, workloads, min(_SERIES_LIMIT, workloads)):
                wrong[pool] = shown
        return wrong

    async def _sent(self) -> int:
        """Requests to the project's cloud so far, whether they got there or not."""
        counted = (await self.daemon.scrape([_REQUESTS])).sum(_REQUESTS) or 0.0
        arrived = self.world.simulator.requests
        logins = sum(recorded.endpoint in _LOGINS for recorded in arrived)
        logins += sum(
            self.world.network.turned_away[entrance.port]
            for entrance in (self.world.issuer, self.world.metadata)
        )
        # What is still without an answer has arrived, and is counted later.
        return max(round(counted) - len(self.world.other.requests) + logins, len(arrived))


def _ended(pool: str, before: Scrape, now: Scrape) -> set[str]:
    """How polls have ended between two scrapes."""
    then = before.by("outcome", _POLLS, pool=pool)
    return {
        outcome
        for outcome, count in now.by("outcome", _POLLS, pool=pool).items()
        if count > then.get(outcome, 0)
    }


def _refused_in_a_row(attempts: Iterable[AuthAttempt]) -> int:
    """The most refusals of one credential in a row within 5 minutes."""
    rows: dict[str, list[float]] = defaultdict(list)
    most = 0
    for attempt in attempts:
        row = rows[attempt.principal]
        if attempt.accepted:
            row.clear()
            continue
        row.append(attempt.at)
        most = max(most, sum(at > attempt.at - 5 * MINUTE for at in row))
    return most
