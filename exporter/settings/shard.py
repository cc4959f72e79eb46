"""Which of the pools this exporter watches, if several exporters share them."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, ValidationInfo, field_validator

from exporter.common.text import quote_name_or_hide
from exporter.common.validation import Section
from exporter.settings.types import Flag, WholeNumber

if TYPE_CHECKING:
    from collections.abc import Mapping

POD_NAME = "POD_NAME"
"""The variable that the downward API of Kubernetes usually sets. Not a setting, so without our prefix."""

_NOT_GIVEN: Any = None

_ORDINAL = re.compile(r"-(0|[1-9][0-9]{0,8})$", re.ASCII)
"""A StatefulSet names its pods, and their hosts, NAME-0, NAME-1 and so on."""


class Shard(Section):
    """One exporter's share of the pools. `total` comes first, because `index` is checked against it."""

    total: Annotated[
        WholeNumber,
        Field(ge=1, le=100),
        Flag("--shard.total", "N", "so many exporters share the pools (1: this one has all)"),
    ] = Field(default=1, description="How many exporters share the pools (see docs/scale-out.md).")
    index: Annotated[
        WholeNumber,
        Field(ge=0),
        Flag(
            "--shard.index",
            "I",
            "which of them this is, from 0 on (the ordinal of the StatefulSet's pod)",
        ),
    ] = Field(
        default=_NOT_GIVEN,
        validate_default=True,
        description="Which of them this is, counted from 0. By default the ordinal at the end of the pod's "
        "name (`POD_NAME`, else the host name), as a StatefulSet gives it; 0 where the total is 1.",
    )

    @field_validator("index", mode="before")
    @classmethod
    def _from_pod_name(cls, index: Any, info: ValidationInfo) -> Any:
        total = info.data.get("total", 1)  # missing if it is invalid
        if index is not _NOT_GIVEN:
            return index
        return 0 if total == 1 else _ordinal(total, info.context or {})

    @field_validator("index")
    @classmethod
    def _less_than_total(cls, index: int, info: ValidationInfo) -> int:
        total = info.data.get("total", index + 1)
        if index >= total:
            raise ValueError(f"must be less than shard.total ({total}), is {index}; the first one is 0")
        return index


def _ordinal(total: int, environ: Mapping[str, str]) -> int:
    """The ordinal at the end of the pod's name.

    Raises:
        ValueError: the name has none, or it is not less than the total.
    """
    name, source = environ.get(POD_NAME), POD_NAME
    if not name:
        name, source = socket.gethostname(), "the host name"
    named = f"{source} {quote_name_or_hide(name)}"
    found = _ORDINAL.search(name)
    if not found:
        raise ValueError(
            f"is missing, and {named} does not end with a number as a StatefulSet's pods do; "
            "give it, e.g. --shard.index=0 for the first one"
        )
    if (index := int(found[1])) >= total:
        raise ValueError(
            f"is {index} according to {named}, and must be less than shard.total ({total}); "
            "give it, or let the StatefulSet start at 0 (spec.ordinals.start)"
        )
    return index
