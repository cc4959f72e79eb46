"""`modelarts-exporter once`: one poll, the exposition on stdout."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from exporter.assembly import Fetching, choice, thresholds
from exporter.metrics.exposition import Exposition
from exporter.metrics.renderer import Renderer

if TYPE_CHECKING:
    from exporter.assembly import Surroundings
    from exporter.settings.model import Settings


async def once(settings: Settings, around: Surroundings) -> int:
    """Poll every pool once and print the exposition.

    Returns:
        0, or 1 when some pool or project could not be read; what could be read is printed all the same.
    """
    renderer = Renderer(
        around.store,
        clock=around.clock,
        telemetry=around.telemetry,
        worker=around.worker,
        choice=choice(settings.workloads),
        thresholds=thresholds(settings.alerts),
    )
    exposition = Exposition(renderer, around.telemetry.registry, clock=around.clock)
    async with await Fetching.opened(settings, around, patience=settings.poll.timeout) as fetching:
        results = [await project.once() for project in fetching.projects]
    await renderer.catch_up()
    sys.stdout.buffer.writelines(await exposition.scrape())
    sys.stdout.buffer.flush()
    return 0 if all(result.well for result in results) else 1
