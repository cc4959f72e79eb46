"""The project's list of pools: used for discovery, display names, and descriptions of the pools."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import structlog

from exporter.common.errors import PollError
from exporter.polling.publish import publish
from exporter.snapshot.pool import Expiring

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from exporter.api.client import Client
    from exporter.context import Context
    from exporter.snapshot.pool import PoolDescription, PoolKey

log = structlog.get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class PoolList:
    """The newest list of a project's pools. After a failed request, the previous list stays.

    Attributes:
        region: where the project is.
        project_id: the project.
        workspace_id: the workspace whose pools are listed.
        client: asks the cloud.
        context: clock, self metrics and snapshot store.
        discovers: whether the list decides which pools are watched.
        names: the display names by ID.
    """

    region: str
    project_id: str
    workspace_id: str
    client: Client
    context: Context
    discovers: bool
    # Made once per answer, because every poll of every pool needs it.
    names: Mapping[str, str] = field(default_factory=dict)
    _pools: Mapping[str, PoolDescription] = field(default_factory=dict)
    _outcome: str = "ok"

    async def refresh(self) -> PollError | None:
        """Ask for the list; returns the error if that failed."""
        try:
            pools = await self.client.pools(self.workspace_id)
        except PollError as error:
            self._report(error.outcome, str(error))
            return error
        self._pools = pools
        self.names = {pool: description.name for pool, description in pools.items()}
        self._report("ok", "")
        return None

    async def publish(self, watched: Iterable[PoolKey], fresh_until: float) -> None:
        """Put what the list says of the watched pools into their states.

        Args:
            watched: the pools.
            fresh_until: the monotonic moment from which it is no longer shown.
        """
        for key in watched:
            listed, state = self._pools.get(key.pool), self.context.store.states.get(key)
            if listed is None or state is None:
                continue
            if state.description is None or state.description.value is not listed:
                description = Expiring(listed, fresh_until)
                await publish(self.context, key, partial(replace, name=listed.name, description=description))

    def _report(self, outcome: str, reason: str) -> None:
        """Log once when listing the pools begins to fail, and once when it works again."""
        if self.discovers:
            discovery_up = self.context.self_metrics.discovery_up
            discovery_up.labels(self.region, self.project_id).set(outcome == "ok")
        if outcome == self._outcome:
            return
        self._outcome = outcome
        report = log.bind(region=self.region, project_id=self.project_id, outcome=outcome)
        if outcome == "ok":
            report.info("the project's pools are listed again")
        elif self.discovers:
            report.error("the project's pools cannot be listed, so no pool can be discovered", reason=reason)
        else:
            report.warning(
                "the project's pools cannot be listed, so display names are not updated", reason=reason
            )
