"""The statistics of a pool's workloads -> how many there are, by type and status.

Source: the API reference's "Querying Dedicated Resource Pool Job Statistics" (ShowWorkloadStatistics) and
Huawei's SDK 3.1.219. Of the nine statuses only some may appear; a total may count more of them than appear.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.api.json import decode
from exporter.api.schema import WireStatisticsAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping


def decode_statistics(body: bytes, *, where: str) -> Mapping[tuple[str, str], int]:
    """How many workloads by (type, status), of the statuses that appear.

    Args:
        body: the answer's bytes.
        where: what was asked, for the error.

    Raises:
        BadResponse: it has another shape.
    """
    answer = decode(body, WireStatisticsAnswer, what="statistics", where=where)
    return {
        (item.type, status): count
        for item in answer.statistics.items or ()
        for status, count in item.status.items()
        if count
    }
