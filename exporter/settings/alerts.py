"""How long a workload may wait before somebody is told; the alert rules join against it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from exporter.settings.base import Section
from exporter.settings.project import Pattern  # noqa: TC001  (pydantic reads the annotations)
from exporter.settings.types import PositiveDuration


class ByPriority(Section):
    """Seconds by a workload's priority.

    Attributes:
        priority_0: and so on; in the file the priority alone, `3: 1h`.
        default: for every priority that is not named beside it; None leaves those as they are without this.
    """

    priority_0: PositiveDuration | None = Field(default=None, alias="0")
    priority_1: PositiveDuration | None = Field(default=None, alias="1")
    priority_2: PositiveDuration | None = Field(default=None, alias="2")
    priority_3: PositiveDuration | None = Field(default=None, alias="3")
    default: PositiveDuration | None = None

    def named(self) -> dict[str, float]:
        """Seconds by priority; `default` is a key like the others."""
        return self.model_dump(by_alias=True, exclude_none=True)


def _form(value: Any) -> str:
    return "<priorities>" if isinstance(value, (dict, ByPriority)) else "<duration>"


Patience = Annotated[
    Annotated[PositiveDuration, Tag("<duration>")] | Annotated[ByPriority, Tag("<priorities>")],
    Discriminator(_form),
]
"""Seconds, whatever the priority; or by priority."""


class PendingAfter(Section):
    """How long workloads may wait, by type.

    Attributes:
        train: training jobs.
        infer: inference services.
        notebook: notebooks.
        x_infer: workloads of type x-infer.
        other: types that are not documented.
    """

    train: Patience | None = None
    infer: Patience | None = None
    notebook: Patience | None = None
    x_infer: Patience | None = Field(default=None, alias="x-infer")
    other: Patience | None = None

    def named(self) -> dict[tuple[str, str], float]:
        """Seconds by type and priority; `default` is a priority like the others."""
        given = ((key, getattr(self, name)) for name, key in _TYPE_KEYS.items())
        return {
            (kind, priority): seconds
            for kind, patience in given
            if patience is not None
            for priority, seconds in _by_priority(patience).items()
        }


_TYPE_KEYS = {name: field.alias or name for name, field in PendingAfter.model_fields.items()}


def _by_priority(patience: float | ByPriority) -> dict[str, float]:
    return patience.named() if isinstance(patience, ByPriority) else {"default": patience}


class PoolAlerts(Section):
    """What differs for some pools.

    Attributes:
        match: applies to pools in whose ID or display name it is found.
        pending_after: as `alerts.pending_after`, for these pools. What it does not name stays as it is.
    """

    match: Pattern
    pending_after: PendingAfter


class Alerts(Section):
    """When somebody is told.

    Attributes:
        pending_after: how long a workload may wait before `ModelArtsWorkloadWaitsTooLong` fires, by type.
        pools: exceptions for some pools. Where several match a pool, the first that names the type and the
            priority applies.
    """

    pending_after: PendingAfter = PendingAfter()
    pools: tuple[PoolAlerts, ...] = ()


_PATIENT = {"default": "4h", "3": "1h"}
_HURRIED = {"default": "30m", "3": "10m"}

DEFAULTS = PendingAfter.model_validate(
    {"train": _PATIENT, "infer": _HURRIED, "notebook": _HURRIED, "x-infer": _HURRIED, "other": _PATIENT}
)
"""Somebody sits before a notebook, and a service is missed; a training job has time."""
