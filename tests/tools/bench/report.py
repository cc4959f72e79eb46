"""Findings -> Markdown."""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING

from tools.bench.figures import Table, Verdict, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tools.bench.figures import Findings


def lines(findings: Findings) -> Iterator[str]:
    """The report, line by line."""
    cores = len(os.sched_getaffinity(0))
    yield f"Python {platform.python_version()}, {cores} cores, {platform.machine()}."
    for table in (_verdicts(findings.verdicts), *findings.tables):
        yield from _table(table)


def _verdicts(verdicts: Iterable[Verdict]) -> Table:
    rows: list[tuple[str, ...]] = [
        (
            verdict.target,
            shown(verdict.limit, unit=verdict.unit),
            shown(verdict.measured, unit=verdict.unit),
            verdict.reached,
        )
        for verdict in verdicts
    ]
    return Table("To reach", ("figure", "at most", "measured", ""), rows)


def _table(table: Table) -> Iterator[str]:
    if not table.rows:
        return
    yield f"\n### {table.title}\n"
    yield _row(table.columns)
    yield "|---" + "|---:" * (len(table.columns) - 1) + "|"
    yield from map(_row, table.rows)
    if table.note:
        yield f"\n{table.note}"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
