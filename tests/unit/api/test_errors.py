"""What an answer other than 200 means, and what to do about it."""

from __future__ import annotations

import pytest

from exporter.api.errors import error_for
from exporter.common.errors import (
    AnswerError,
    BadResponse,
    Forbidden,
    NotFound,
    ServerError,
    Throttled,
    Unauthorized,
)
from exporter.transport.http import Response

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


def refused(status: int, body: str = "", *, about_pool: bool = True, **headers: str) -> AnswerError:
    response = Response(
        status, {name.replace("_", "-"): text for name, text in headers.items()}, body.encode()
    )
    return error_for(
        response, where="GET https://x/y", source="the environment", now=NOW, about_pool=about_pool
    )


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, Unauthorized),
        (403, Forbidden),
        (404, NotFound),
        (429, Throttled),
        (500, ServerError),
        (503, ServerError),
        (302, BadResponse),
        (400, BadResponse),
        (418, BadResponse),
    ],
)
def test_each_status_is_its_own_kind_of_error(status: int, kind: type[AnswerError]) -> None:
    """The kind decides the outcome, whatever the body is."""
    for body in ("", "<html>", "[]", "[" * 100_000, '{"error_code": 5}'):
        assert type(refused(status, body)) is kind


@pytest.mark.parametrize(
    "body",
    [
        '{"error_code": "ModelArts.50015001", "error_msg": "Pool x not found."}',
        '{"errorCode": "ModelArts.50015001", "errorMsg": "Pool x\\nnot found."}',
        '{"error": {"code": "ModelArts.50015001", "message": "Pool x not found.", "title": "Not Found"}}',
    ],
)
def test_the_clouds_own_words_are_kept(body: str) -> None:
    """Code and message come in several shapes; both are in the error, on one line."""
    error = refused(404, body, x_request_id="r1")
    assert error.what == "HTTP 404, ModelArts.50015001: Pool x not found"
    assert (error.code, error.request_id) == ("ModelArts.50015001", "r1")
    assert "by ID (metadata.name), not by display name" in str(error)


def test_a_404_of_the_project_does_not_advise_on_pools() -> None:
    """The list of pools has no ID or display name that could be mistaken for the other."""
    body = '{"error_code": "ModelArts.50004000", "error_msg": "Not found."}'
    assert refused(404, body, about_pool=False).advice == "check region, project_id and discover.workspace_id"
    assert "display name" in refused(404, body).advice
    for about_pool in (True, False):
        assert "check endpoint and region" in refused(404, about_pool=about_pool).advice


def test_missing_permission_is_named() -> None:
    """403 says which permission to grant, or that the project is another's."""
    assert "modelarts:pool:list" in refused(403, '{"error_code": "ModelArts.0108", "error_msg": "no"}').advice
    assert "project_id" in refused(403, '{"error_code": "ModelArts.0210", "error_msg": "no"}').advice


def test_unauthorized_names_the_source_of_the_credentials() -> None:
    """401 says which credentials were used."""
    assert "the environment" in refused(401, date="Tue, 14 Nov 2023 22:13:20 GMT").advice


@pytest.mark.parametrize(
    ("date", "words"),
    [
        ("Tue, 14 Nov 2023 21:43:20 GMT", "1800 s ahead of"),
        ("Tue, 14 Nov 2023 22:43:20 GMT", "1800 s behind"),
    ],
)
def test_unauthorized_by_a_wrong_clock_says_by_how_much(date: str, words: str) -> None:
    """The answer's Date tells the skew; over 15 minutes it is the reason."""
    assert words in refused(401, date=date).advice


@pytest.mark.parametrize(
    ("text", "seconds"), [("30", 30.0), ("Tue, 14 Nov 2023 22:14:20 GMT", 60.0), ("soon", None), ("-1", None)]
)
def test_retry_after_in_both_forms(text: str, seconds: float | None) -> None:
    """Seconds or a date; anything else is as good as none."""
    error = refused(429, retry_after=text)
    assert isinstance(error, Throttled)
    assert error.retry_after == seconds


def test_a_date_in_retry_after_counts_from_the_answers_own() -> None:
    """This machine's clock may be off by minutes; the two dates of an answer are of one clock."""
    error = refused(429, retry_after="Tue, 14 Nov 2023 22:09:20 GMT", date="Tue, 14 Nov 2023 22:08:20 GMT")
    assert isinstance(error, Throttled)
    assert error.retry_after == 60.0


def test_the_gateways_limit_is_read_from_its_message() -> None:
    """The real text of APIGW.0308 names requests and window, whatever the status is."""
    body = (
        '{"error_msg": "The throttling threshold has been reached: policy user over ratelimit,'
        'limit:200,time:5 minute", "error_code": "APIGW.0308", "request_id": "x"}'
    )
    for status in (429, 503):
        error = refused(status, body)
        assert isinstance(error, Throttled)
        assert error.limit == (200, 300.0)


@pytest.mark.parametrize(
    "limit", ["limit:0,time:5 minute", "limit:5,time:0 minute", "limit:5,time:5 moon", ""]
)
def test_a_limit_that_makes_no_sense_is_none(limit: str) -> None:
    """No division by zero, no guess."""
    error = refused(429, f'{{"error_code": "APIGW.0308", "error_msg": "{limit}"}}')
    assert isinstance(error, Throttled)
    assert error.limit is None
