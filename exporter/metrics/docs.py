"""Writes docs/metrics.md from the tables of metrics: `make docs`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from exporter.metrics.groups import GROUPS
from exporter.self_metrics import PREFIX, SelfMetrics

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from exporter.metrics.families.base import Group, WorkloadGroup

_INTRODUCTION = """# Metrics

Generated from the tables in the code by `make docs`; do not edit.

"Waiting" means status Queue or Pending, "finished" means Completed, Terminated or Failed, and "active" means
every status that is not finished, documented or not. What is not known has no series; it is never 0. An empty
queue is 0; it is never absent. The text format and OpenMetrics have the same series.
"""


_OWN = """## The exporter itself

Besides the usual `process_*` and `python_*`. `once` shows none of these, nor those about reloads and lost log
lines; its other figures are those of the one call.
"""


def reference() -> str:
    """The page, in Markdown."""
    own = (
        (PREFIX + metric.name, metric.kind, metric.labels, metric.help) for metric in SelfMetrics.declared()
    )
    return "\n".join(
        (
            _INTRODUCTION,
            *(line for group in GROUPS for line in _section(group)),
            _OWN,
            *_table(own),
            "",
        )
    )


def _section(group: Group[Any] | WorkloadGroup) -> Iterator[str]:
    yield f"## {group.title}\n\n{group.text}\n\nLabels: {_code(group.labels)}, and\n"
    yield from _table(
        (family.name, family.kind.replace("gaugeh", "gauge h"), family.labels, family.help)
        for family in group.families
    )
    yield ""


def _table(rows: Iterable[tuple[str, str, tuple[str, ...], str]]) -> Iterator[str]:
    """Rows of name, kind, labels and help."""
    yield "| metric | type | labels | meaning |"
    yield "|---|---|---|---|"
    for name, kind, labels, meaning in rows:
        yield f"| `{name}` | {kind} | {_code(labels)} | {meaning} |"


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    sys.stdout.write(reference())
