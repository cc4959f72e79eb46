"""Answers of the services that give credentials, nested or dated like no other."""

from __future__ import annotations

import time
from datetime import datetime  # noqa: TC003  (msgspec reads the annotations)
from typing import TYPE_CHECKING

import msgspec
import pytest

from exporter.common.errors import CredentialsError
from exporter.credentials.responses import decoded, unix
from exporter.transport.http import Response

if TYPE_CHECKING:
    from collections.abc import Iterator

NOON = 1_700_000_000.0


@pytest.fixture
def _far_from_greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "Asia/Kathmandu")
        time.tzset()
        yield
    time.tzset()


class Given(msgspec.Struct):
    """What every one of them tells."""

    expires_at: datetime


def expiry(text: str) -> float:
    answer = Response(200, {}, b'{"expires_at": "%s", "more": [1e400]}' % text.encode())
    return unix(decoded(answer, Given, "source").expires_at)


@pytest.mark.usefixtures("_far_from_greenwich")
@pytest.mark.parametrize(
    "text",
    [
        "2023-11-14T22:13:20Z",
        "2023-11-14T22:13:20",
        "2023-11-15T06:13:20+08:00",
        "2023-11-14T16:43:20-05:30",
        "2023-11-14T22:13:20.000000Z",
        "2023-11-14T22:13:20.000000001Z",
    ],
    ids=["utc", "no zone", "ahead", "behind", "µs", "ns"],
)
def test_an_end_is_the_same_moment_however_it_is_written(text: str) -> None:
    """Without a zone it is in UTC, wherever this machine stands."""
    assert expiry(text) == pytest.approx(NOON, abs=1e-5)


@pytest.mark.parametrize("text", ["2016-12-31T23:59:60Z", "2023-02-30T00:00:00Z", "tomorrow", "", "9" * 99])
def test_an_end_that_no_calendar_has_is_no_answer(text: str) -> None:
    """As every other answer that is not the documented one."""
    with pytest.raises(CredentialsError, match="not the documented one"):
        expiry(text)


@pytest.mark.parametrize("body", [b"[" * 200_000, b'{"expires_at": ' + b'{"a":' * 200_000, b"\xff", b""])
def test_a_body_nested_to_the_stacks_end_is_no_answer(body: bytes) -> None:
    """Nor is one that is no JSON."""
    with pytest.raises(CredentialsError):
        decoded(Response(200, {}, body), Given, "source")
