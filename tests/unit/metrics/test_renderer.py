"""The renderer beside a store that changes while it works."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from support.fakes import LateWorker, fake_context
from support.shown import ALL, KEY, THRESHOLDS, WAITING, state

from exporter.metrics.renderer import Renderer
from exporter.metrics.summary import Detail
from exporter.metrics.thresholds import Thresholds


async def test_a_pool_that_is_removed_while_it_is_rendered_is_not_put_back() -> None:
    """After a reload that drops a pool, no scrape shows it again, however late its text is ready."""
    worker = LateWorker()
    context = fake_context(worker=worker)
    renderer = Renderer(context, detail=ALL)
    context.store.publish(state(WAITING))
    rendering = asyncio.ensure_future(renderer.catch_up())
    await worker.asked()
    context.store.forget(KEY)
    worker.work()
    await rendering
    assert KEY not in renderer.pools


async def test_only_what_has_changed_is_rendered() -> None:
    """A reload without a change of what is shown renders nothing; one with a change renders every pool."""
    context = fake_context()
    renderer = Renderer(context, detail=ALL, thresholds=THRESHOLDS)

    async def rendered(most: int | None = None) -> float | None:
        await renderer.catch_up(most)
        return context.self_metrics.registry.get_sample_value(
            "modelarts_exporter_render_duration_seconds_count"
        )

    keys = [KEY._replace(pool=f"pool-{index}") for index in range(5)]
    for key in keys:
        context.store.publish(replace(state(WAITING), key=key))
    assert await rendered() == 5.0
    pools = renderer.pools
    renderer.configure(ALL, Thresholds(THRESHOLDS.rules))
    assert (await rendered(), renderer.pools is pools) == (5.0, True)
    context.store.publish(replace(state(), key=keys[0]))
    assert await rendered() == 6.0
    renderer.configure(Detail("none", 0), THRESHOLDS)
    context.store.forget(keys[4])
    assert await rendered(3) == 8.0
    assert renderer.pools.keys() == set(keys[:4])
    assert await rendered() == 10.0
    assert {pool.detail for pool in renderer.pools.values()} == {Detail("none", 0)}
    assert pools.keys() == set(keys)
