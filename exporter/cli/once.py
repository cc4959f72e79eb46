"""`modelarts-exporter once`: polls every pool once, and writes the exposition to stdout or to a file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from exporter.app.wiring import Pollers, build_exposition
from exporter.cli.output import write_output
from exporter.common.errors import OutputFailed
from exporter.common.files import replace_file

if TYPE_CHECKING:
    from pathlib import Path

    from exporter.app.process import Process
    from exporter.settings.model import Settings


async def once(settings: Settings, process: Process, output: Path | None) -> int:
    """Poll every pool once and write the exposition.

    Args:
        settings: the configuration.
        process: what does not depend on it.
        output: the file to replace; None for stdout.

    Returns:
        0, or 1 if some pool or project could not be read; the rest is written all the same.

    Raises:
        OutputFailed: the exposition cannot be written.
    """
    renderer, exposition = build_exposition(settings, process)
    async with await Pollers.open(settings, process, max_pause=settings.poll.timeout) as pollers:
        results = [await project.once() for project in pollers.projects]
    if settings.state.path is None:
        _forget_counters(process)
    await renderer.catch_up()
    content = await exposition.scrape()
    if output is None:
        write_output(content)
    else:
        _replace(output, content)
    return 0 if all(result.ok for result in results) else 1


def _forget_counters(process: Process) -> None:
    """Leave out what is counted from one look to the next: without a state file there is only this look."""
    store = process.context.store
    for state in tuple(store.states.values()):
        store.publish(replace(state, throughput=None))


def _replace(output: Path, content: tuple[bytes, ...]) -> None:
    try:
        replace_file(output, content)
    except OSError as error:
        raise OutputFailed(str(output), error) from None
