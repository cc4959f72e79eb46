"""Everything that the exporter exposes, for tests that hold queries against it."""

from __future__ import annotations

from exporter.metrics.families.base import POOL_LABELS, WORKLOAD_LABELS
from exporter.metrics.families.pool import FAMILIES, WORKLOAD_FAMILIES
from exporter.self_metrics import SelfMetrics

TARGET_LABELS = {"instance", "job"}
"""Prometheus gives them to every series."""


def metrics() -> dict[str, set[str]]:
    """Name as in PromQL -> labels, of everything that the exporter exposes."""
    known = {
        family.name: {
            *POOL_LABELS,
            *(WORKLOAD_LABELS if family in WORKLOAD_FAMILIES else ()),
            *family.labels,
            *TARGET_LABELS,
        }
        for family in FAMILIES
    }
    self_metrics = SelfMetrics()
    for metric in vars(self_metrics).values():
        if hasattr(metric, "_labelnames"):
            [described] = metric.describe()
            suffix = "_total" if described.type == "counter" else ""
            known[described.name + suffix] = {*metric._labelnames, *TARGET_LABELS}
    for family in self_metrics.registry.collect():
        known |= {sample.name: TARGET_LABELS for sample in family.samples if sample.name not in known}
    return known | {name + "_bucket": {*labels, "le"} for name, labels in known.items()}
