"""Decodes the cloud's own count of a pool's workloads.

Source: the API reference's "Querying Dedicated Resource Pool Job Statistics" (ShowWorkloadStatistics) and
Huawei's SDK 3.1.219. An answer may leave out some of the nine statuses, and its total may include
those left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.api.json import decode
from exporter.api.schema import WireStatisticsAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping


def decode_statistics(body: bytes, *, where: str) -> Mapping[tuple[str, str], int]:
    """The number of workloads by (type, status), for the statuses in the answer.

    Args:
        body: the answer's bytes.
        where: the request, for the error.

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
