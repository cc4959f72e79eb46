"""`modelarts-exporter once`: one poll, the exposition on stdout."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from exporter.app.wiring import Fetching, serving

if TYPE_CHECKING:
    from exporter.app.process import Process
    from exporter.settings.model import Settings


async def once(settings: Settings, process: Process) -> int:
    """Poll every pool once and print the exposition.

    Returns:
        0, or 1 when some pool or project could not be read; what could be read is printed all the same.
    """
    renderer, exposition = serving(settings, process)
    async with await Fetching.opened(settings, process, patience=settings.poll.timeout) as fetching:
        results = [await project.once() for project in fetching.projects]
    await renderer.catch_up()
    sys.stdout.buffer.writelines(await exposition.scrape())
    sys.stdout.buffer.flush()
    return 0 if all(result.ok for result in results) else 1
