"""Which part of the pools is watched, where several exporters share them."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, ValidationInfo, field_validator

from exporter.settings.base import Section
from exporter.settings.types import WholeNumber  # noqa: TC001  (pydantic reads the annotations)

if TYPE_CHECKING:
    from collections.abc import Mapping

POD_NAME = "POD_NAME"
"""What Kubernetes' downward API is usually asked to set; no setting of ours, so without our prefix."""

_NOT_GIVEN: Any = None

_ORDINAL = re.compile(r"-(0|[1-9][0-9]{0,8})$", re.ASCII)
"""A StatefulSet calls its pods NAME-0, NAME-1 and so on, and their hosts likewise."""


class Shard(Section):
    """One exporter's share of the pools.

    The order of the fields matters: an index is one of so many.

    Attributes:
        total: how many exporters share the pools (see docs/scale-out.md).
        index: which of them this is, counted from 0. By default the ordinal at the end of the pod's name
            (`POD_NAME`, else the host name), as a StatefulSet gives it; 0 where the total is 1.
    """

    total: Annotated[WholeNumber, Field(ge=1, le=100)] = 1
    index: Annotated[WholeNumber, Field(ge=0)] = Field(default=_NOT_GIVEN, validate_default=True)

    @field_validator("index", mode="before")
    @classmethod
    def _by_the_pods_name(cls, index: Any, info: ValidationInfo) -> Any:
        total = info.data.get("total", 1)  # not there where it is wrong by itself
        if index is not _NOT_GIVEN:
            return index
        return 0 if total == 1 else _ordinal(total, info.context or {})

    @field_validator("index")
    @classmethod
    def _one_of_them(cls, index: int, info: ValidationInfo) -> int:
        total = info.data.get("total", index + 1)
        if index >= total:
            raise ValueError(f"must be less than shard.total ({total}), is {index}; the first one is 0")
        return index


def _ordinal(total: int, environ: Mapping[str, str]) -> int:
    """The ordinal at the end of the pod's name.

    Raises:
        ValueError: the name has none, or one that is too great.
    """
    name, told = environ.get(POD_NAME), POD_NAME
    if not name:
        name, told = socket.gethostname(), "the host name"
    found = _ORDINAL.search(name)
    if not found:
        raise ValueError(
            f"is missing, and {told} '{name}' ends with no number as a StatefulSet's pods do; give it, e.g. "
            "--shard.index=0 for the first one"
        )
    if (index := int(found[1])) >= total:
        raise ValueError(
            f"is {index} by {told} '{name}', and must be less than shard.total ({total}); give it, or let "
            "the StatefulSet begin at 0 (spec.ordinals.start)"
        )
    return index
