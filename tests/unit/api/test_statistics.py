"""The cloud's own counts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from support.cloud import POOL, cloud_of, jobs

from exporter.api.statistics import decode_statistics
from exporter.common.errors import BadResponse

if TYPE_CHECKING:
    from support.fakes import FakeClock

EXAMPLE = {
    "statistics": {
        "total": 234,
        "items": [{"type": "train", "total": 234, "status": {"Pending": 0, "Queue": 234, "Running": None}}],
    }
}


def test_the_documented_example() -> None:
    """By type and status, as far as told."""
    assert decode_statistics(json.dumps(EXAMPLE).encode(), where="GET x") == {("train", "Queue"): 234}


def test_the_other_documented_form() -> None:
    """One page calls the field `statics`, and quotes the counts."""
    body = b'{"statics": {"items": [{"type": "infer", "status": {"Running": "7", "Queue": "0"}}]}}'
    assert decode_statistics(body, where="GET x") == {("infer", "Running"): 7}


@pytest.mark.parametrize(
    "statistics",
    ["{}", '{"items": null}', '{"items": [{"type": "train"}]}', '{"items": [{"type": "a", "status": null}]}'],
)
def test_an_answer_without_counts_is_no_count(statistics: str) -> None:
    """It is not 0, and no error either: the listing is not checked then."""
    assert decode_statistics(f'{{"statistics": {statistics}}}'.encode(), where="GET x") is None


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"statistics": 7}', b'{"statistics": {"items": [1]}}'], ids=str
)
def test_another_shape_is_an_error(body: bytes) -> None:
    """A count that was not understood is none; it is never 0."""
    with pytest.raises(BadResponse, match="is not statistics in JSON"):
        decode_statistics(body, where="GET x")


async def test_the_client_asks_for_them(clock: FakeClock) -> None:
    """One request of its own endpoint."""
    async with cloud_of(clock, jobs(3)) as cloud:
        assert await cloud.client.statistics(POOL) == {("train", "Queue"): 3}
        assert cloud.sample("api_requests_total", endpoint="statistics", code="200") == 1.0
