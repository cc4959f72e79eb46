"""Pool, row: why it waits. The pool is full, or fragmented, or broken, or something else holds jobs back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.models.units import BytesIEC, PercentUnit, Seconds

from grafana.boards import figures
from grafana.colours import ACCELERATOR, DEMAND, NODES, PHASE, STANDSTILL, STATUS, TYPE
from grafana.layout import Section
from grafana.panels import COUNT, dashed, figure, fixed, graph
from grafana.queries import RUNNING, WAITING, Query, largest, series, total, utilisation

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.stat import Panel as Figure
    from grafana_foundation_sdk.builders.timeseries import Panel as Graph

_FREE = "modelarts_pool_free_accelerators"
_MOST_FREE = "modelarts_pool_free_accelerators_max_per_node"
_FITTING = "modelarts_pool_fitting_workloads"
_FITTING_FOR = "modelarts_pool_oldest_fitting_seconds"
_HEAD_FOR = f"time() - min({series('modelarts_pool_queue_head_since_timestamp_seconds')})"

_TALL = 10
"""So that a legend of three fits below a narrow graph."""

_NO_CAPACITY = "No capacity known: see capacity.read of the exporter's configuration"
_NO_NODES = "Set capacity.read: nodes in the exporter's configuration"


def section() -> Section:
    """The row."""
    return Section("Why is it waiting?", (*_figures(), *_cards(), *_room(), *_movement(), *_besides_cards()))


def _figures() -> tuple[Figure, ...]:
    there, held = (total(series(f"modelarts_pool_{what}_accelerators")) for what in ("capacity", "allocated"))
    return (
        figure(
            "Cards free",
            "Cards of the pool that no workload holds, on nodes of any state. None: the pool is full.",
            Query(f"{there} - {held}"),
        ),
        figure(
            "Most free on one node",
            "Free cards on the node that has most of them; with capacity.read: nodes. Many free, and few "
            "here: the pool is fragmented.",
            Query(largest(series(_MOST_FREE))),
        ),
        figures.fitting(),
        figure(
            "Oldest has fitted for",
            "For how long one and the same waiting workload has fitted into what is free. A few minutes mean "
            "nothing, for capacities are averages over a minute.",
            Query(f"floor({largest(series(_FITTING_FOR))})"),
            unit=Seconds,
            decimals=1,
            steps=STANDSTILL,
        ),
        figure(
            "Head of the queue for",
            "For how long the same workload has been first in the queue; of several pools, the longest.",
            Query(_HEAD_FOR),
            unit=Seconds,
            decimals=1,
            steps=STANDSTILL,
        ),
        _phase(),
    )


def _phase() -> Figure:
    panel = figure(
        "Phase",
        "What the cloud says of the pool as a whole; of several, each phase that occurs.",
        Query(f"count by (phase) ({series('modelarts_pool_phase')} == 1)", "{{phase}}"),
        show="name",
    )
    for phase, colour in PHASE.items():
        panel.override_by_name(phase, [fixed(colour)])
    return panel


def _cards() -> tuple[Graph, ...]:
    asked = graph(
        "Cards asked for, and there",
        "Accelerators that waiting workloads ask for and running ones asked for, and how many the pool has; "
        "kinds without any are left out.",
        *(Query(f"{cards} > 0", f"{{{{accelerator}}}} {name}") for name, cards in _by_role("accelerators")),
    ).override_by_regexp("/capacity$/", [dashed()])
    for name, colour in DEMAND.items():
        asked.override_by_regexp(f"/{name}$/", [fixed(colour)])
    held = graph(
        "Held, of what is there",
        "What workloads hold, as a share of what the pool has. With one at its limit and the others low, "
        "that one is what jobs wait for.",
        Query(utilisation("accelerators", "accelerator"), "{{accelerator}}"),
        Query(utilisation("cpu_cores"), "CPU cores"),
        Query(utilisation("memory_bytes"), "memory"),
        unit=PercentUnit,
        colours=ACCELERATOR | {"CPU cores": "orange", "memory": "yellow"},
    ).no_value(_NO_CAPACITY)
    return asked, held


def _room() -> tuple[Graph, ...]:
    return (
        graph(
            "Free cards",
            "Free cards of available nodes in all, and dashed on the node that has most of them. Apart: "
            "fragmented. Both near 0: full.",
            Query(total(series(_FREE), "accelerator"), "{{accelerator}}"),
            Query(largest(series(_MOST_FREE), "accelerator"), "{{accelerator}}, on one node"),
            colours=ACCELERATOR | {f"{kind}, on one node": colour for kind, colour in ACCELERATOR.items()},
        )
        .override_by_regexp("/on one node$/", [dashed()])
        .no_value(_NO_NODES),
        graph(
            "Fit, but wait",
            "Waiting workloads whose whole request is no more than what is free, each on its own.",
            Query(total(series(_FITTING), "type"), "{{type}}"),
            stacked=True,
            colours=TYPE,
        ).no_value(_NO_CAPACITY),
    )


def _movement() -> tuple[Graph, ...]:
    return (
        graph(
            "Standing still",
            "For how long the same workload has been first in the queue, and for how long one has fitted "
            "without being started; of several pools, the longest. A line that only climbs: nothing moves.",
            Query(_HEAD_FOR, "head of the queue"),
            Query(largest(series(_FITTING_FOR)), "oldest that fits"),
            unit=Seconds,
            colours={"head of the queue": "orange", "oldest that fits": "purple"},
        ),
        graph(
            "Longest in a passing status",
            "The longest that a workload has been Creating, Abnormal or Terminating; over half an hour an "
            "alert fires. It may hold cards that others wait for.",
            Query(largest(series("modelarts_pool_longest_in_status_seconds"), "status"), "{{status}}"),
            unit=Seconds,
            colours=STATUS,
        ),
    )


def _besides_cards() -> tuple[Graph, ...]:
    nodes = graph(
        "Nodes by state",
        "Abnormal nodes have cards that nobody can use.",
        Query(total(series("modelarts_pool_nodes"), "state"), "{{state}}"),
        stacked=True,
        colours=NODES,
        height=_TALL,
    )
    return nodes, _asked("CPU cores", "cpu_cores", COUNT), _asked("Memory", "memory_bytes", BytesIEC)


def _asked(title: str, of: str, unit: str) -> Graph:
    return graph(
        f"{title} asked for, and there",
        f"{title} that waiting workloads ask for and running ones asked for, and how much the pool has.",
        *(Query(amount, name) for name, amount in _by_role(of)),
        unit=unit,
        colours=DEMAND,
        width=6,
        height=_TALL,
    ).override_by_regexp("/capacity$/", [dashed()])


def _by_role(of: str) -> tuple[tuple[str, str], ...]:
    """In the words of `DEMAND`; cards by accelerator."""
    by = ("accelerator",) if of == "accelerators" else ()
    requested = f"modelarts_pool_requested_{of}"
    return (
        ("waiting", total(series(requested, WAITING), *by)),
        ("running", total(series(requested, RUNNING), *by)),
        ("capacity", total(series(f"modelarts_pool_capacity_{of}"), *by)),
    )
