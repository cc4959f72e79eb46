"""Decodes the cloud's own count of a pool's workloads.

Source: the API reference's "Querying Dedicated Resource Pool Job Statistics" (ShowWorkloadStatistics) and
Huawei's SDK 3.1.219. An answer may leave out some of the nine statuses, and its total may include
those left out. One page calls the field `statics` and quotes the counts; both forms are accepted. What is
missing is not 0.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from exporter.api.json import decode
from exporter.api.schema import WireStatisticsAnswer
from exporter.common.errors import BadResponse

if TYPE_CHECKING:
    from collections.abc import Mapping


def decode_statistics(body: bytes, *, where: str) -> Mapping[tuple[str, str], int] | None:
    """The number of workloads by (type, status), for the statuses in the answer; None if it has no counts.

    Args:
        body: the answer's bytes.
        where: the request, for the error.

    Raises:
        BadResponse: it has another shape.
    """
    answer = decode(body, WireStatisticsAnswer, what="statistics", where=where, strict=False)
    statistics = answer.statistics or answer.statics
    if statistics is None:
        raise BadResponse(
            "the answer is not statistics in JSON: it has no field of that name",
            where=where,
            status=HTTPStatus.OK,
            advice="check that the endpoint is ModelArts",
        )
    counts = statistics.items
    if counts is None or any(count.status is None for count in counts):
        return None
    return {
        (count.type, status): number
        for count in counts
        for status, number in (count.status or {}).items()
        if number
    }
