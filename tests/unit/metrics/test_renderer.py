"""The renderer beside a store that changes while it works."""

from __future__ import annotations

import asyncio

from support.fakes import LateWorker, fake_context
from support.shown import ALL, KEY, WAITING, state

from exporter.metrics.renderer import Renderer


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
