"""`modelarts-exporter once`: polls every pool once, and prints the exposition to stdout."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from exporter.app.wiring import Pollers, build_exposition

if TYPE_CHECKING:
    from exporter.app.process import Process
    from exporter.settings.model import Settings


async def once(settings: Settings, process: Process) -> int:
    """Poll every pool once and print the exposition.

    Returns:
        0, or 1 if some pool or project could not be read; the rest is printed all the same.
    """
    renderer, exposition = build_exposition(settings, process)
    async with await Pollers.open(settings, process, max_pause=settings.poll.timeout) as pollers:
        results = [await project.once() for project in pollers.projects]
    await renderer.catch_up()
    sys.stdout.buffer.writelines(await exposition.scrape())
    sys.stdout.buffer.flush()
    return 0 if all(result.ok for result in results) else 1
