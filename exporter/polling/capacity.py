"""What the pools of one project have to give: asked for beside their listings, at its own pace."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import structlog

from exporter.errors import PollError
from exporter.polling.endpoint import OptionalEndpoint
from exporter.polling.schedule import lifetime
from exporter.snapshot.dated import Dated
from exporter.snapshot.fitting import refitted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.api.client import Client
    from exporter.clock import Clock
    from exporter.snapshot.capacity import Capacity
    from exporter.snapshot.pool import PoolKey
    from exporter.snapshot.store import SnapshotStore
    from exporter.telemetry import Telemetry

log = structlog.get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class CapacityPoller:
    """Asks what the watched pools of one project have, and what of it is held.

    Whatever goes wrong here costs a pool its capacity, and nothing else: it is up all the same.

    Attributes:
        region: where the project is.
        project_id: the project.
        client: asks the cloud.
        store: where the pools' states are.
        interval: seconds between two requests.
        stale_after: seconds that a capacity may be shown after the last success.
        clock: the time, and waits.
        telemetry: where it is told whether it works.
    """

    region: str
    project_id: str
    client: Client
    store: SnapshotStore
    interval: float
    stale_after: float
    clock: Clock
    telemetry: Telemetry
    _runtime: OptionalEndpoint = field(init=False)
    _outcome: str = "ok"

    def __post_init__(self) -> None:
        self._runtime = OptionalEndpoint(self.clock)

    async def run(self) -> None:
        """Ask for ever."""
        while True:
            await self.poll()
            await self.clock.sleep(self.interval)

    async def poll(self) -> None:
        """Ask once, if there is anybody to ask for."""
        if not self._watched():
            return
        try:
            await self._take(await self._runtime.ask(self.client.capacities))
        except PollError as error:
            self._report(error.outcome, str(error))
        else:
            self._report("ok", "")

    def _watched(self) -> list[PoolKey]:
        return [key for key in self.store.states if key[:2] == (self.region, self.project_id)]

    async def _take(self, capacities: Mapping[str, Capacity]) -> None:
        fresh_until = self.clock.monotonic() + lifetime(self.stale_after, self.interval)
        for key in self._watched():
            state = self.store.states.get(key)
            if state is not None and (capacity := capacities.get(key.pool)):
                state = replace(state, capacity=Dated(capacity, fresh_until))
                self.store.publish(refitted(state, self.clock.monotonic()))
                # Thousands of workloads are looked at for each pool; others get their turn in between.
                await asyncio.sleep(0)

    def _report(self, outcome: str, reason: str) -> None:
        """Say when capacities cannot be had any more, or can again."""
        self.telemetry.capacity_up.labels(self.region, self.project_id).set(outcome == "ok")
        if outcome == self._outcome:
            return
        self._outcome = outcome
        report = log.bind(region=self.region, project_id=self.project_id, outcome=outcome)
        if outcome == "ok":
            report.info("the pools' capacities are read again")
        elif outcome == "not_found":
            report.warning(
                "the pools' capacities are not to be had here; asked again once an hour, "
                "or never with capacity.read: none",
                reason=reason,
            )
        else:
            report.warning("the pools' capacities cannot be read", reason=reason)
