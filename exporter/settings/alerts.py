"""How long a workload may wait before an alert fires. The alert rules join with these thresholds."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from exporter.common.validation import Section
from exporter.settings.project import Pattern  # noqa: TC001  (pydantic reads the annotations)
from exporter.settings.types import PositiveDuration


class ByPriority(Section):
    """Seconds by the priority of a workload. In the file, a priority is a key of its own: `3: 1h`."""

    priority_0: PositiveDuration | None = Field(default=None, alias="0")
    priority_1: PositiveDuration | None = Field(default=None, alias="1")
    priority_2: PositiveDuration | None = Field(default=None, alias="2")
    priority_3: PositiveDuration | None = Field(default=None, alias="3")
    default: PositiveDuration | None = Field(
        default=None, description="For every priority that is not given beside it."
    )

    def by_priority(self) -> dict[str, float]:
        """The seconds that are given, by priority or `default`."""
        return self.model_dump(by_alias=True, exclude_none=True)


def _form(value: Any) -> str:
    return "<priorities>" if isinstance(value, (dict, ByPriority)) else "<duration>"


WaitLimit = Annotated[
    Annotated[PositiveDuration, Tag("<duration>")] | Annotated[ByPriority, Tag("<priorities>")],
    Discriminator(_form),
]
"""Seconds for every priority, or by priority."""


class PendingAfter(Section):
    """How long workloads may wait, by type. A type that is not given keeps its threshold."""

    train: WaitLimit | None = Field(default=None, description="Training jobs.")
    infer: WaitLimit | None = Field(default=None, description="Inference services.")
    notebook: WaitLimit | None = Field(default=None, description="Notebooks.")
    x_infer: WaitLimit | None = Field(default=None, alias="x-infer", description="Workloads of type x-infer.")
    other: WaitLimit | None = Field(default=None, description="Types that are not documented.")

    def by_type_and_priority(self) -> dict[tuple[str, str], float]:
        """The seconds that are given, by type, and by priority or `default`."""
        given = ((key, getattr(self, name)) for name, key in _TYPE_KEYS.items())
        return {
            (kind, priority): seconds
            for kind, limit in given
            if limit is not None
            for priority, seconds in _by_priority(limit).items()
        }


_TYPE_KEYS = {name: field.alias or name for name, field in PendingAfter.model_fields.items()}


def _by_priority(limit: float | ByPriority) -> dict[str, float]:
    return limit.by_priority() if isinstance(limit, ByPriority) else {"default": limit}


class PoolAlerts(Section):
    """Exceptions for some pools."""

    match: Pattern = Field(description="Applies to pools in whose ID or display name it is found.")
    pending_after: PendingAfter = Field(
        description="As `alerts.pending_after`, for these pools. What it does not name stays as it is."
    )


class Alerts(Section):
    """When alerts fire."""

    pending_after: PendingAfter = Field(
        default=PendingAfter(),
        description="How long a workload may wait before `ModelArtsWorkloadWaitsTooLong` fires, by type.",
    )
    pools: tuple[PoolAlerts, ...] = Field(
        default=(),
        description="Exceptions for some pools. Where several match a pool, the first that names the type "
        "and the priority applies.",
    )


_HOURS = {"default": "4h", "3": "1h"}
_MINUTES = {"default": "30m", "3": "10m"}

DEFAULTS = PendingAfter.model_validate(
    {"train": _HOURS, "infer": _MINUTES, "notebook": _MINUTES, "x-infer": _MINUTES, "other": _HOURS}
)
"""Short for notebooks and services, whose users wait for them; long for training jobs."""
