"""PromQL over the exporter's metrics. A name that no table of the exporter holds fails here, not in Grafana.

Two exporters may watch the same pools: every series of a pool is taken once, whichever of them exposes it.
"""

from __future__ import annotations

from dataclasses import dataclass

from exporter.metrics.families.base import POOL_LABELS
from exporter.metrics.groups import LABELS

POOL = ", ".join(POOL_LABELS)
WORKLOAD = f"{POOL}, uid"
"""What tells pools, and workloads, apart."""

SCOPE = ('region=~"$region"', 'project_id=~"$project"', 'pool=~"$pool"')
"""The board's choice of pools."""

WAITING = 'status=~"Queue|Pending"'
RUNNING = 'status="Running"'
ACTIVE = 'status!~"Completed|Terminated|Failed"'

_BUCKET = "_bucket"
_WORST = 10


@dataclass(frozen=True, slots=True)
class Query:
    """One target of a panel.

    Attributes:
        expression: PromQL.
        legend: what its series are called; Grafana fills in `{{label}}`.
    """

    expression: str
    legend: str = ""


def series(metric: str, *conditions: str) -> str:
    """The metric of the chosen pools (and of the chosen types, where it has them), with all its own labels.

    Args:
        metric: a name from the exporter's tables; of a histogram, with `_bucket`.
        conditions: further matchers.

    Raises:
        KeyError: no table holds the metric.
    """
    labels, selector = _selected(metric, conditions)
    return f"max by ({labels}) ({selector})"


def grown(metric: str, over: str, *conditions: str) -> str:
    """By how much a counter of the chosen pools grew in the time before, such as `1h`; else as `series`."""
    labels, selector = _selected(metric, conditions)
    return f"max by ({labels}) (increase({selector}[{over}]))"


def _selected(metric: str, conditions: tuple[str, ...]) -> tuple[str, str]:
    """The metric's labels, and the selector of its chosen series."""
    labels = [*LABELS[metric.removesuffix(_BUCKET)]]
    matchers = [*SCOPE, *(('type=~"$type"',) if "type" in labels else ()), *conditions]
    if metric.endswith(_BUCKET):
        labels.append("le")
    return ", ".join(labels), f"{metric}{{{','.join(matchers)}}}"


def total(expression: str, *by: str) -> str:
    """The sum, by labels if any are given."""
    return _aggregated("sum", expression, by)


def largest(expression: str, *by: str) -> str:
    """The maximum, by labels if any are given."""
    return _aggregated("max", expression, by)


def _aggregated(how: str, expression: str, by: tuple[str, ...]) -> str:
    return f"{how} by ({', '.join(by)}) ({expression})" if by else f"{how}({expression})"


def named(expression: str) -> str:
    """With the label `pool_name`: the pool's display name, or its ID while the name is not known."""
    scope = ",".join(SCOPE)
    names = (
        f"modelarts_pool_info{{{scope}}} or on ({POOL}) "
        f'label_replace(modelarts_pool_up{{{scope}}}, "pool_name", "$1", "pool", "(.+)")'
    )
    # One name each, also while two exporters disagree about it.
    one = f"topk by ({POOL}) (1, group by ({POOL}, pool_name) ({names}))"
    return f"({expression}) * on ({POOL}) group_left (pool_name) {one}"


def worst(expression: str) -> str:
    """The ten pools with the highest value at the end of the time range, over all of it, with their names.

    A plain `topk` chooses anew at each step, and a graph would show fragments of many more than ten.

    Args:
        expression: one series per pool; selectors without a range.
    """
    at_the_end = expression.replace("}", "} @ end()")
    return named(f"({expression}) and on ({POOL}) topk({_WORST}, {at_the_end})")


def of_status(metric: str, status: str, *conditions: str) -> str:
    """A workload's metric, of the workloads in a status."""
    return together(series(metric, *conditions), series("modelarts_workload_status", status))


def together(expression: str, chosen: str) -> str:
    """An expression over workloads, of those that another holds too."""
    return f"({expression}) and on ({WORKLOAD}) ({chosen})"


def of_allowed(waits: str) -> str:
    """Waits as shares of what `alerts.pending_after` allows.

    Args:
        waits: seconds, with a pool's labels, type and priority.
    """
    return _joined_with_allowed(waits, "/")


def allowed(waits: str) -> str:
    """How long each of these may wait, in seconds; as for `of_allowed`."""
    return _joined_with_allowed(waits, "* 0 +")


def _joined_with_allowed(waits: str, operator: str) -> str:
    # As the alert rules do: what is not documented has the threshold of "other".
    ways = (
        ("type, priority", ()),
        ("type", ('priority="other"',)),
        ("priority", ('type="other"',)),
        ("", ('type="other"', 'priority="other"')),
    )
    return " or ".join(
        f"{waits} {operator} on ({', '.join(filter(None, (POOL, labels)))}) group_left () "
        f"{series('modelarts_pool_pending_threshold_seconds', *conditions)}"
        for labels, conditions in ways
    )


def utilisation(of: str, *by: str) -> str:
    """What workloads hold of what the chosen pools have, as a share.

    Args:
        of: `accelerators`, `cpu_cores` or `memory_bytes`.
        by: labels, if any.
    """
    held, there = series(f"modelarts_pool_allocated_{of}"), series(f"modelarts_pool_capacity_{of}")
    return f"{total(held, *by)} / ({total(there, *by)} > 0)"


def firing(*conditions: str) -> str:
    """The alerts of `deploy/prometheus/rules` that fire and want somebody to act."""
    matchers = ('alertname=~"ModelArts.*"', 'alertstate="firing"', 'severity=~"page|ticket"', *conditions)
    return f"ALERTS{{{','.join(matchers)}}}"


RULES_LOADED = "modelarts:pool_fresh"
"""Recorded by the same rules: there is no telling otherwise whether nothing fires or nothing is watched."""


def data_age() -> str:
    """Seconds since each pool was last listed with success."""
    return f"time() - {series('modelarts_pool_last_success_timestamp_seconds')}"


def past_quantile(share: float, metric: str, over: str, *by: str) -> str:
    """A quantile of what pools' (counter) histograms took up in the time before; nothing without any."""
    # Whether two exporters count the same twice makes no difference here, and telling is what costs most.
    _, selector = _selected(f"{metric}{_BUCKET}", ())
    taken_up = total(f"increase({selector}[{over}])", "le", *by)
    return f"histogram_quantile({share}, {taken_up}) >= 0"


def quantile(share: float, metric: str, *by: str) -> str:
    """A quantile of one of the exporter's own (counter) histograms, over the graph's interval."""
    rates = total(rate(metric + _BUCKET), "le", *by)
    return f"histogram_quantile({share}, {rates})"


def rate(metric: str, *conditions: str) -> str:
    """How fast one of the exporter's own counters grows, per second."""
    return f"rate({own(metric, *conditions)}[$__rate_interval])"


def own(metric: str, *conditions: str) -> str:
    """A metric of the chosen exporters about themselves."""
    matchers = ",".join(('instance=~"$instance"', *conditions))
    return f"{metric}{{{matchers}}}"
