"""Makes the status page's view of the pools."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.common.text import escape_unprintable
from exporter.web.status import PoolView, ShareView

if TYPE_CHECKING:
    from collections.abc import Iterable

    from exporter.app.wiring import Pollers
    from exporter.common.clock import Clock
    from exporter.metrics.pool_text import RenderedPool


def pool_views(pools: Iterable[RenderedPool], clock: Clock) -> list[PoolView]:
    """Every pool as it is now."""
    now = clock.monotonic()
    return [_view(pool, now) for pool in pools]


def share_view(pollers: Pollers | None) -> ShareView | None:
    """This exporter's share of the pools; None if it watches all, or polls nothing yet."""
    if pollers is None or pollers.shard.total == 1:
        return None
    elsewhere = sum(project.elsewhere for project in pollers.projects)
    return ShareView(pollers.shard.index, pollers.shard.total, elsewhere)


def _view(pool: RenderedPool, now: float) -> PoolView:
    state, fresh = pool.state, pool.fresh(now)
    summary = pool.summary if fresh else None
    return PoolView(
        region=state.key.region,
        project_id=state.key.project_id,
        pool=state.key.pool,
        name=None if state.name is None else escape_unprintable(state.name),
        outcome=state.outcome,
        explanation=state.explanation,
        attempted_ago=_ago(now, state.attempted_at),
        data_age=_ago(now, state.read_at),
        duration=state.duration,
        workloads=sum(summary.workloads.values()) if summary else None,
        waiting=summary.waiting if summary else None,
        longest_pending=summary.longest_pending if summary else None,
        complete=summary.complete if summary else None,
        stale=state.listing is not None and not fresh,
    )


def _ago(now: float, moment: float | None) -> float | None:
    return None if moment is None else now - moment
