"""Everything that the exporter exposes, for tests that hold queries against it."""

from __future__ import annotations

from exporter.metrics.groups import LABELS
from exporter.self_metrics import PREFIX, SelfMetrics

TARGET_LABELS = {"instance", "job"}
"""Prometheus gives them to every series."""


def metrics() -> dict[str, set[str]]:
    """Name as in PromQL -> labels, of everything that the exporter exposes."""
    known = {name: {*labels, *TARGET_LABELS} for name, labels in LABELS.items()}
    known |= {PREFIX + one.name: {*one.labels, *TARGET_LABELS} for one in SelfMetrics.declared()}
    for family in SelfMetrics().registry.collect():
        known |= {sample.name: TARGET_LABELS for sample in family.samples if sample.name not in known}
    return known | {name + "_bucket": {*labels, "le"} for name, labels in known.items()}
