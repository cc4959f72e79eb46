"""The table of all metrics about pools and workloads, group by group.

Rendering, the order of an exposition and docs/metrics.md follow this table. A new family goes into its group
in `exporter.metrics.families`; a new group goes there too, and gets one line here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exporter.metrics.families.capacity import CAPACITY, CLOUD_COUNT, DESCRIPTION, EVENTS, FREE_CARDS
from exporter.metrics.families.counters import THROUGHPUT
from exporter.metrics.families.listing import LISTING, WAIT_RATIO
from exporter.metrics.families.pool import SETTINGS, STATE
from exporter.metrics.families.waiting import WAITING
from exporter.metrics.families.workload import WORKLOADS

if TYPE_CHECKING:
    from exporter.metrics.families.base import Group, PoolFamily, WorkloadGroup

POOL_GROUPS: tuple[Group[Any], ...] = (
    STATE,
    SETTINGS,
    THROUGHPUT,
    DESCRIPTION,
    CAPACITY,
    CLOUD_COUNT,
    FREE_CARDS,
    EVENTS,
    LISTING,
    WAIT_RATIO,
    WAITING,
)

GROUPS: tuple[Group[Any] | WorkloadGroup, ...] = (*POOL_GROUPS, WORKLOADS)
"""In the order of the exposition."""

FAMILIES: tuple[PoolFamily[Any], ...] = tuple(family for group in GROUPS for family in group.families)

LABELS = {family.name: (*group.labels, *family.labels) for group in GROUPS for family in group.families}
"""All labels of a family's series (besides `le`), by the family's name."""
