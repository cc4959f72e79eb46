"""`modelarts-exporter check`: polls every configured pool once, and prints a table."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from exporter.app.status import share_view
from exporter.app.wiring import Pollers
from exporter.cli.accelerators import accelerator_remarks
from exporter.cli.output import tell, write_output
from exporter.common.text import escape_unprintable
from exporter.metrics.summary import Detail, summarise
from exporter.web.status import format_duration

if TYPE_CHECKING:
    from exporter.app.process import Process
    from exporter.polling.project import ProjectPoller, ProjectResult
    from exporter.settings.model import Settings
    from exporter.snapshot.pool import PoolState

_PIPE_WIDTH = 240
"""Columns without a terminal: wide enough that no ID is broken."""

_WIDE = 170
"""Columns from which on the advice fits beside the figures."""

_GREEN = ("ok", "none here")


@dataclass(frozen=True, slots=True)
class _Row:
    pool: str
    outcome: str
    workloads: str = "-"
    waiting: str = "-"
    longest: str = "-"
    advice: str = ""


class _Table(StringIO):
    """Takes what rich prints, and lets rich see whether stdout is a terminal."""

    def isatty(self) -> bool:
        """Whether stdout is one."""
        return sys.stdout is not None and sys.stdout.isatty()


async def check(settings: Settings, process: Process) -> int:
    """Poll every pool once. Progress goes to stderr, the table to stdout.

    Returns:
        0 if every pool was read completely, else 1.

    Raises:
        OutputFailed: the table cannot be written.
    """
    rows: list[_Row] = []
    remarks: list[str] = []
    ok = True
    async with await Pollers.open(settings, process, max_pause=settings.poll.timeout) as pollers:
        for project in pollers.projects:
            if not project.selection.nothing_here:
                tell(f"asking {project.client.endpoint} about project {project.project_id}")
            result = await project.once(lambda state: tell(f"  {state.key.pool}: {state.outcome}"))
            rows += _rows(project, result)
            ok = ok and result.ok
            for state in result.states:
                remarks += accelerator_remarks(state)
            if excess := project.monitor.overload(len(result.states)):
                remarks.append(f"project {project.project_id} cannot be read within poll.interval: {excess}")
    table = _Table()
    console = Console(file=table, highlight=False)
    if not console.is_terminal:
        console.width = _PIPE_WIDTH
    _print(rows, console)
    if share := share_view(pollers):
        console.print(
            f"shard {share.index} of {share.total} (the first is 0); other shards watch {share.elsewhere}"
            " of the pools"
        )
    for line in remarks:
        console.print(Text(line), soft_wrap=True)  # Text, for it may hold the cloud's words
    write_output(table.getvalue())
    return 0 if ok else 1


def _rows(project: ProjectPoller, result: ProjectResult) -> list[_Row]:
    everything = f"all of project {project.project_id}"
    if error := result.discovery_error:  # an incomplete list has pools all the same
        return [*map(_row, result.states), _Row(everything, error.outcome, advice=error.explanation)]
    if not result.states and result.elsewhere:
        return [_Row(everything, "none here", advice=f"other shards watch its pools: {result.elsewhere}")]
    if not result.states:
        advice = "no pool is discovered: look at discover.include, discover.exclude and discover.workspace_id"
        return [_Row(everything, "no pools", advice=advice)]
    return [_row(state) for state in result.states]


def _row(state: PoolState) -> _Row:
    name = escape_unprintable(state.name or state.key.pool)
    pool = state.key.pool if name == state.key.pool else f"{state.key.pool} ({name})"
    outcome = state.outcome or "-"
    if state.listing is None:
        return _Row(pool, outcome, advice=state.explanation)
    summary = summarise(state.listing, Detail("none", 0))
    longest = "-" if summary.longest_pending is None else format_duration(summary.longest_pending)
    counts = str(len(state.listing.workloads)), str(summary.waiting)
    return _Row(pool, outcome, *counts, longest, state.explanation)


def _print(rows: list[_Row], console: Console) -> None:
    """Print the table, with the advice in its last column, or below it if the terminal is narrow."""
    wide = console.width >= _WIDE
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("pool", overflow="fold")
    table.add_column("outcome", no_wrap=True)
    for title in ("workloads", "waiting", "longest wait"):
        table.add_column(title, justify="right", no_wrap=True)
    if wide:
        table.add_column("what to do", overflow="fold")
    for row in rows:
        outcome = Text(row.outcome, style="green" if row.outcome in _GREEN else "red")
        # Text, so that nothing from the cloud is read as markup.
        cells = (Text(row.pool), outcome, row.workloads, row.waiting, row.longest)
        table.add_row(*cells, *((Text(row.advice),) if wide else ()))
    console.print(table)
    for row in rows:
        if row.advice and not wide:
            console.print(Text.assemble((row.pool, "bold"), ": ", row.advice))
