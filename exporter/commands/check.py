"""`modelarts-exporter check`: every configured pool polled once, told as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from exporter.assembly import Fetching, choice
from exporter.metrics.summary import summarise
from exporter.web.status import span

if TYPE_CHECKING:
    from exporter.assembly import Surroundings
    from exporter.metrics.summary import Choice
    from exporter.polling.project import ProjectPoller, Round
    from exporter.settings.model import Settings
    from exporter.snapshot.pool import PoolState

_PIPE_WIDTH = 240
"""Columns where there is no terminal: wide enough that no ID is broken."""


async def check(settings: Settings, around: Surroundings) -> int:
    """Poll every pool once; what is being done goes to stderr, the table to stdout.

    Returns:
        0 when every pool was read completely, else 1.
    """
    progress = Console(stderr=True, highlight=False, soft_wrap=True)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("pool", overflow="fold", min_width=20)
    table.add_column("outcome", no_wrap=True)
    for title in ("workloads", "waiting", "longest wait"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("what to do", overflow="fold", ratio=1)
    well = True
    async with Fetching(settings, around) as fetching:
        for project in fetching.projects:
            progress.print(f"asking {project.client.endpoint} about project {project.project_id}")
            done = await project.once(lambda state: progress.print(f"  {state.key.pool}: {state.outcome}"))
            _add_rows(table, project, done, choice(settings.workloads))
            well = well and done.well
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _PIPE_WIDTH
    console.print(table)
    return 0 if well else 1


def _add_rows(table: Table, project: ProjectPoller, done: Round, chosen: Choice) -> None:
    if done.undiscovered:
        outcome = Text(done.undiscovered.outcome, style="red")
        table.add_row(
            f"* (project {project.project_id})", outcome, "-", "-", "-", Text(str(done.undiscovered))
        )
    elif not done.states:
        advice = "no pool matches: look at discover.include and discover.exclude"
        table.add_row(f"* (project {project.project_id})", Text("ok", style="green"), "-", "-", "-", advice)
    for state in done.states:
        table.add_row(*_row(state, chosen))


def _row(state: PoolState, chosen: Choice) -> tuple[Text | str, ...]:
    # What the cloud says is text, never markup.
    pool = Text(
        state.key.pool if state.name in {None, state.key.pool} else f"{state.key.pool} ({state.name})"
    )
    outcome = Text(state.outcome or "-", style="green" if state.outcome == "ok" else "red")
    if state.listing is None:
        return pool, outcome, "-", "-", "-", Text(state.explanation)
    summary = summarise(state.listing, chosen)
    longest = "-" if summary.longest_pending is None else span(summary.longest_pending)
    counts = str(len(state.listing.workloads)), str(summary.waiting)
    return pool, outcome, *counts, longest, Text(state.explanation)
