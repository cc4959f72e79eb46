"""The project's list of pools: used for discovery, display names, and descriptions of the pools."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import structlog

from exporter.common.errors import IncompleteList, PollError
from exporter.snapshot.pool import Expiring

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from exporter.api.client import Client
    from exporter.api.pools import ListedPools
    from exporter.context import Context
    from exporter.polling.memory import KnownPools
    from exporter.polling.publish import Publisher
    from exporter.snapshot.pool import PoolDescription, PoolKey

log = structlog.get_logger(__name__)


BATCH = 100
"""Pools that are handled before others get their turn: 10,000 at once would stop scrapes for a second."""

LIST_INTERVALS = 5
"""Poll intervals between two requests for the list of pools: pools and names change rarely."""


@dataclass(slots=True, kw_only=True)
class PoolList:
    """The newest list of a project's pools. After a failed request, the previous list stays.

    Attributes:
        region: where the project is.
        project_id: the project.
        workspace_id: the workspace whose pools are listed.
        client: asks the cloud.
        context: clock, self metrics and snapshot store.
        publisher: publishes the pools' states.
        interval: seconds between two polls of a pool.
        discovers: whether the list decides which pools are watched.
        known: the list, as it outlives a configuration.
    """

    region: str
    project_id: str
    workspace_id: str
    client: Client
    context: Context
    publisher: Publisher
    interval: float
    discovers: bool
    known: KnownPools

    @property
    def names(self) -> Mapping[str, str]:
        """The display names by ID."""
        return self.known.names

    def wait(self) -> float:
        """Seconds until the list is due. A reload does not make it due."""
        if self.known.due_at is None:
            return 0.0
        # poll.interval may have become shorter.
        return max(0.0, min(self.known.due_at - self.context.clock.monotonic(), self._interval))

    def postpone(self) -> None:
        """Do without the list until it would be due again."""
        self._ask_again(soon=False)

    async def refresh(self, watched: AbstractSet[str] = frozenset()) -> PollError | None:
        """Ask for the list; returns the error if that failed.

        Args:
            watched: the pools that are watched or remembered. Those that the list lacks are in `doubtful`
                once, and the list is asked for again soon: an answer may be short or empty by mistake.
        """
        # A reload may cancel this. Then the list is due soon, but not at once: reloads may come in a storm.
        self._ask_again(soon=True)
        error: PollError | None = None
        try:
            listed = await self.client.pools(self.workspace_id)
        except PollError as failure:
            error = failure
        else:
            error = self._learn(listed, watched)
        self._report(error.outcome if error else "ok", str(error or ""))
        doubtful = bool(error or self.known.doubtful or not self.known.pools)
        self._ask_again(soon=self.discovers and doubtful)
        return error

    def _learn(self, listed: ListedPools, watched: AbstractSet[str]) -> PollError | None:
        known = self.known
        known.read_at = self.context.clock.monotonic()
        if not listed.whole:
            # Which of the known pools are on the pages that are missing is not known.
            known.pools = {**(known.pools or {}), **listed.pools}
            known.names = _names(known.pools)
            return IncompleteList(
                f"the list of pools has {len(listed.pools)} and says that there are more",
                where=f"project {self.project_id}",
                advice="known pools stay watched; configure pools that are missing by ID (pools)",
            )
        known.pools, known.names = listed.pools, _names(listed.pools)
        lacking = watched - listed.pools.keys()
        known.doubtful, known.lacking = lacking - known.lacking, lacking
        return None

    def _ask_again(self, *, soon: bool) -> None:
        self.known.due_at = self.context.clock.monotonic() + (self.interval if soon else self._interval)

    @property
    def _interval(self) -> float:
        return self.interval * LIST_INTERVALS

    async def publish(self, watched: Sequence[PoolKey], lasting: float) -> None:
        """Put what the list says of the watched pools into their states.

        Args:
            watched: the pools.
            lasting: seconds after the answer from which it is no longer shown.
        """
        if self.known.pools is None:
            return
        fresh_until = self.known.read_at + lasting
        for index, key in enumerate(watched):
            if index % BATCH == 0:
                await asyncio.sleep(0)
            listed, state = self.known.pools.get(key.pool), self.context.store.states.get(key)
            if listed is None or state is None:
                continue
            if state.description is None or state.description.value is not listed:
                description = Expiring(listed, fresh_until)
                await self.publisher.publish(key, partial(replace, name=listed.name, description=description))

    def show_outcome(self) -> None:
        """Set the metric to how the last request ended, if there was one: a new configuration may need it."""
        if self.discovers and self.known.outcome is not None:
            discovery_up = self.context.self_metrics.discovery_up
            discovery_up.labels(self.region, self.project_id).set(self.known.outcome == "ok")

    def _report(self, outcome: str, reason: str) -> None:
        """Log once when listing the pools begins to fail, and once when it works again."""
        before, self.known.outcome = self.known.outcome or "ok", outcome
        self.show_outcome()
        if outcome == before:
            return
        report = log.bind(region=self.region, project_id=self.project_id, outcome=outcome)
        if outcome == "ok":
            report.info("the project's pools are listed again")
        elif outcome == IncompleteList.outcome:
            report.warning("the project's list of pools is not whole", reason=reason)
        elif self.discovers:
            report.error("the project's pools cannot be listed, so no pool can be discovered", reason=reason)
        else:
            report.warning(
                "the project's pools cannot be listed, so display names are not updated", reason=reason
            )


def _names(pools: Mapping[str, PoolDescription]) -> Mapping[str, str]:
    return {pool: description.name for pool, description in pools.items()}
