"""The documentation of all metrics, made from the tables that make the metrics: `make docs`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from exporter.metrics.families.base import POOL_LABELS, WORKLOAD_LABELS
from exporter.metrics.families.capacity import (
    CAPACITY_FAMILIES,
    CATALOGUE_FAMILIES,
    FITTING_FAMILIES,
    FREE_CARDS_FAMILIES,
)
from exporter.metrics.families.counters import THROUGHPUT_FAMILIES
from exporter.metrics.families.pool import (
    LISTING_FAMILIES,
    SETTING_FAMILIES,
    STATE_FAMILIES,
    WORKLOAD_FAMILIES,
)
from exporter.self_metrics import PREFIX, SelfMetrics

if TYPE_CHECKING:
    from collections.abc import Iterable

    from exporter.metrics.families.base import AnyFamily

_INTRODUCTION = """# Metrics

Made from the tables in the code by `make docs`; do not edit.

"Waiting" is status Queue or Pending, "finished" is Completed, Terminated or Failed, and "active" is every
status that is not finished, known or not. A series that cannot be known is absent, never 0; an empty queue is
0, never absent. The text format and OpenMetrics show the same series.
"""

_GIVES = """
## Of what a pool has to give

Phase and nodes come with the project's list of pools, every five poll intervals. Capacities are asked for
once in `capacity.interval`, unless `capacity.read` is `none`; a region may not have them. The cloud averages
them over a minute. Free cards come node by node where `capacity.read` is `nodes`.
"""

_THROUGHPUT = """
## What got through a pool

Counted by comparing each listing with those before it, workload by workload (by uid). The first listing only
makes known what is there. Also shown while the pool cannot be read. Without `state.path` everything begins
at 0 when the exporter starts; with it a restart goes on where it was, and counts what happened meanwhile.

A workload waits (Queue, Pending), has been started (Creating, Running, or any other status with a
runningDuration), or is finished (Completed, Terminated, Failed). Abnormal, Terminating and undocumented
statuses tell nothing: it stays what it was. Created is one not seen before; requeued is one that waits again.
One that two complete listings in a row lack has vanished: unless it was finished before, it counts as
finished with status `unknown`. An incomplete listing tells nothing of what it does not show; what such ones
have not shown for a day is forgotten, and counts nothing. One that was created over 15 minutes before the
pool was first listed (the cloud's clock and the exporter's may differ by so much) counts nothing when it
turns up later, only when it changes. What comes and goes between two listings is missed. A pool that
`discover` does not find any more keeps its counts for an hour, and goes on with them if it is found again. A
wait is the pendingDuration that the API gives once the workload has started; where it gives none, the time
from its creation, up to an interval too long. Of undocumented types and priorities the first eight of a pool
are counted by name, others as `other`.

Labels: {labels}, and
"""


def reference() -> str:
    """The page, in Markdown."""
    pool, workload = _code(POOL_LABELS), _code(WORKLOAD_LABELS)
    return "\n".join(
        (
            _INTRODUCTION,
            f"## Of every watched pool\n\nAlso of one that cannot be read. Labels: {pool}, and\n",
            *_table(map(_declared, (*STATE_FAMILIES, *SETTING_FAMILIES))),
            _THROUGHPUT.format(labels=pool),
            *_table(map(_declared, THROUGHPUT_FAMILIES)),
            f"\n## Of a pool's listing\n\nWhile it is younger than `poll.stale_after`. Labels: {pool}, and\n",
            *_table(map(_declared, LISTING_FAMILIES)),
            f"{_GIVES}\nLabels: {pool}, and\n",
            *_table(map(_declared, (*CATALOGUE_FAMILIES, *CAPACITY_FAMILIES, *FREE_CARDS_FAMILIES))),
            f"\n## Of what would fit\n\nWhile listing and capacity are known. Labels: {pool}, and\n",
            *_table(map(_declared, FITTING_FAMILIES)),
            "\n## Of single workloads\n",
            "Of those that `workloads.series` chooses, at most `workloads.limit` per pool.",
            f"Labels: {pool}, {workload}, and\n",
            *_table(map(_declared, WORKLOAD_FAMILIES)),
            "\n## Of the exporter itself\n\nBeside the usual `process_*` and `python_*`.\n",
            *_table(_own()),
            "",
        )
    )


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


_Row = tuple[str, str, tuple[str, ...], str]


def _table(rows: Iterable[_Row]) -> Iterable[str]:
    yield "| metric | type | labels | meaning |"
    yield "|---|---|---|---|"
    for name, kind, labels, meaning in rows:
        yield f"| `{name}` | {kind} | {_code(labels)} | {meaning} |"


def _declared(family: AnyFamily) -> _Row:
    kind = "gauge histogram" if family.kind == "gaugehistogram" else family.kind
    return family.name, kind, family.labels, family.help


def _own() -> Iterable[_Row]:
    self_metrics = SelfMetrics()
    declared = {
        id(metric): metric for metric in vars(self_metrics).values() if hasattr(metric, "_labelnames")
    }
    for metric in declared.values():
        [described] = metric.describe()
        if described.name.startswith(PREFIX):
            name = f"{described.name}_total" if described.type == "counter" else described.name
            yield name, described.type, metric._labelnames, described.documentation  # noqa: SLF001  (no public way)


if __name__ == "__main__":
    sys.stdout.write(reference())
