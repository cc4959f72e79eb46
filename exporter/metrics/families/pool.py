"""Families of every watched pool, also of one that cannot be read: its state and its settings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from exporter.common.errors import OUTCOMES
from exporter.metrics.families.base import FOREVER, Family, Group, LabelledFamily
from exporter.snapshot.pool import Expiring, PoolState

if TYPE_CHECKING:
    from exporter.metrics.thresholds import PendingThresholds


def _type_and_strategy(state: PoolState) -> tuple[str, str]:
    """A pool's type and queue strategy. They do not expire: like the name, they hardly ever change."""
    return (
        (state.description.value.type, state.description.value.queue_strategy)
        if state.description
        else ("", "")
    )


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
        LabelledFamily(
            "modelarts_pool_info",
            "1; pool_name is the pool's display name. The other labels are empty where the API says nothing. "
            "Absent while the name is not known.",
            ("pool_name", "pool_type", "queue_strategy"),
            lambda state: () if state.name is None else (((state.name, *_type_and_strategy(state)), 1),),
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
