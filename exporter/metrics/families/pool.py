"""Families of every watched pool, also of one that cannot be read: its state and its settings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from exporter.common.errors import OUTCOMES
from exporter.metrics.families.base import FOREVER, Family, Group, InfoFamily, LabelledFamily
from exporter.snapshot.pool import Expiring, PoolState

if TYPE_CHECKING:
    from exporter.metrics.thresholds import PendingThresholds


def _description(state: PoolState) -> tuple[str, str, str]:
    """A pool's type, queue strategy and parent. They do not expire: they hardly ever change."""
    if state.description is None:
        return "", "", ""
    description = state.description.value
    return description.type, description.queue_strategy, description.parent


def _not_up(state: PoolState) -> PoolState:
    """What to show once the listing is stale: not up, even if the last poll succeeded and the next hangs."""
    return replace(state, outcome=None) if state.up else state


STATE: Group[PoolState] = Group(
    name="state",
    title="Every watched pool",
    text="Also shown while the pool cannot be read.",
    source=lambda pool: Expiring(pool.state, pool.state.fresh_until),
    families=(
        Family(
            "modelarts_pool_up",
            "1 if the last listing of the pool succeeded, else 0; also 0 before the first.",
            lambda state: state.up,
        ),
        Family(
            "modelarts_pool_last_success_timestamp_seconds",
            "When the pool was last listed with success, in Unix time; absent before the first time.",
            lambda state: state.succeeded_at,
        ),
        InfoFamily(
            "modelarts_pool_info",
            "1; pool_name is the pool's display name, or its ID while no name is known; parent is the ID "
            "of the pool that a logical pool is a share of. Labels are empty where the API says nothing.",
            ("pool_name", "pool_type", "queue_strategy", "parent"),
            lambda state: (state.name or state.key.pool, *_description(state)),
        ),
        LabelledFamily(
            "modelarts_exporter_polls_total",
            "Polls of the pool, by how they ended.",
            ("outcome",),
            lambda state: (((outcome,), state.polls.get(outcome, 0)) for outcome in OUTCOMES),
            kind="counter",
        ),
    ),
    when_stale=_not_up,
)

SETTINGS: Group[PendingThresholds] = Group(
    name="settings",
    title="Configured limits",
    text="Also shown while the pool cannot be read.",
    source=lambda pool: Expiring(pool.thresholds, FOREVER),
    families=(
        LabelledFamily(
            "modelarts_pool_pending_threshold_seconds",
            "How long a workload may wait before the alert rules tell of it, from alerts.pending_after. "
            "Type and priority other hold for what is not documented.",
            ("type", "priority"),
            lambda thresholds: thresholds.seconds.items(),
        ),
    ),
)
