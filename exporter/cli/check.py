"""`modelarts-exporter check`: every configured pool polled once, told as a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from exporter.app.status import share_view
from exporter.app.wiring import Fetching
from exporter.common.text import escape_unprintable
from exporter.metrics.summary import Choice, summarise
from exporter.web.status import format_duration

if TYPE_CHECKING:
    from exporter.app.context import Surroundings
    from exporter.polling.project import ProjectPoller
    from exporter.polling.round import Round
    from exporter.settings.model import Settings
    from exporter.snapshot.pool import PoolState

_PIPE_WIDTH = 240
"""Columns where there is no terminal: wide enough that no ID is broken."""

_WIDE = 170
"""Columns from which on advice has room beside the figures."""

_GREEN = ("ok", "none here")


@dataclass(frozen=True, slots=True)
class _Row:
    pool: str
    outcome: str
    workloads: str = "-"
    waiting: str = "-"
    longest: str = "-"
    advice: str = ""


async def check(settings: Settings, around: Surroundings) -> int:
    """Poll every pool once; what is being done goes to stderr, the table to stdout.

    Returns:
        0 when every pool was read completely, else 1.
    """
    progress = Console(stderr=True, highlight=False, soft_wrap=True)
    rows: list[_Row] = []
    slow: list[str] = []
    well = True
    async with await Fetching.opened(settings, around, patience=settings.poll.timeout) as fetching:
        for project in fetching.projects:
            if project.concerned:
                progress.print(f"asking {project.client.endpoint} about project {project.project_id}")
            done = await project.once(lambda state: progress.print(f"  {state.key.pool}: {state.outcome}"))
            rows += _rows(project, done)
            well = well and done.well
            if excess := project.pace.excess(len(done.states)):
                slow.append(f"project {project.project_id} cannot be read within poll.interval: {excess}")
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _PIPE_WIDTH
    _print(rows, console)
    if share := share_view(fetching):
        console.print(
            f"shard {share.index} of {share.total} (the first is 0); other shards watch {share.elsewhere}"
            " of the pools"
        )
    for line in slow:
        console.print(line, soft_wrap=True)
    return 0 if well else 1


def _rows(project: ProjectPoller, done: Round) -> list[_Row]:
    everything = f"all of project {project.project_id}"
    if done.undiscovered:
        return [_Row(everything, done.undiscovered.outcome, advice=done.undiscovered.explanation)]
    if not done.states and done.elsewhere:
        return [_Row(everything, "none here", advice=f"other shards watch its pools: {done.elsewhere}")]
    if not done.states:
        advice = "no pool is discovered: look at discover.include, discover.exclude and discover.workspace_id"
        return [_Row(everything, "no pools", advice=advice)]
    return [_row(state) for state in done.states]


def _row(state: PoolState) -> _Row:
    name = escape_unprintable(state.name or state.key.pool)
    pool = state.key.pool if name == state.key.pool else f"{state.key.pool} ({name})"
    outcome = state.outcome or "-"
    if state.listing is None:
        return _Row(pool, outcome, advice=state.explanation)
    summary = summarise(state.listing, Choice("none", 0))
    longest = "-" if summary.longest_pending is None else format_duration(summary.longest_pending)
    counts = str(len(state.listing.workloads)), str(summary.waiting)
    return _Row(pool, outcome, *counts, longest, state.explanation)


def _print(rows: list[_Row], console: Console) -> None:
    """A table; what to do stands in its last column, or below it where the terminal is narrow."""
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
        # What the cloud says is text, never markup.
        cells = (Text(row.pool), outcome, row.workloads, row.waiting, row.longest)
        table.add_row(*cells, *((Text(row.advice),) if wide else ()))
    console.print(table)
    for row in rows:
        if row.advice and not wide:
            console.print(Text.assemble((row.pool, "bold"), ": ", row.advice))
