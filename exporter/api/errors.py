"""An answer that is not 200 -> the error that says what happened and what to do about it."""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from exporter.common.errors import (
    AnswerError,
    BadResponse,
    Forbidden,
    NotFound,
    ServerError,
    Throttled,
    Unauthorized,
)
from exporter.common.secrets import redacted
from exporter.transport.http import DECODE_ERRORS

if TYPE_CHECKING:
    from exporter.transport.http import Response

MAX_SKEW = 15 * 60
"""Seconds by which the clocks may differ before signatures are refused (API Gateway documentation)."""


_THROTTLED = ("APIGW.0308", "APIG.0308")
_WRONG_PROJECT = "ModelArts.0210"
_LIMIT = re.compile(
    r"limit:\s*(?P<requests>\d{1,9})\s*,\s*time:\s*(?P<count>\d{1,6})\s*(?P<unit>[a-z]+)", re.IGNORECASE
)
_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_LONGEST_MESSAGE = 300
_LONGEST_BODY = 2**16
"""Bytes of a refusal's body that is looked into; the longest of the known shapes have a few hundred."""


def error_for(  # noqa: PLR0911  (one return per kind of answer reads best)
    response: Response, *, where: str, source: str, now: float
) -> AnswerError:
    """The error for an answer whose status is not 200.

    Args:
        response: the answer.
        where: what was asked.
        source: where the credentials came from, for the advice.
        now: Unix seconds, to tell by how much the clocks differ.
    """
    code, message = (redacted(text, response.secrets) for text in _code_and_message(response.body))
    code, message = code[:80], message[:_LONGEST_MESSAGE].rstrip(".")
    status = response.status
    what = f"HTTP {status}" + (f", {code}" if code else "") + (f": {message}" if message else "")
    parts: dict[str, Any] = {
        "where": where,
        "status": status,
        "code": code,
        "request_id": redacted(response.headers.get("x-request-id", "")[:80], response.secrets),
    }
    if status == HTTPStatus.TOO_MANY_REQUESTS or code in _THROTTLED:
        return Throttled(
            what,
            **parts,
            advice="fewer requests are needed: raise poll.interval, or ask for a higher limit",
            retry_after=_retry_after(response, now),
            limit=_limit(message),
        )
    match status:
        case HTTPStatus.UNAUTHORIZED:
            return Unauthorized(what, **parts, advice=_unauthorized(source, response, now))
        case HTTPStatus.FORBIDDEN:
            return Forbidden(what, **parts, advice=_forbidden(code))
        case HTTPStatus.NOT_FOUND:
            return NotFound(what, **parts, advice=_not_found(code))
        case _ if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return ServerError(what, **parts, advice="the cloud's own trouble; it is asked again")
        case _ if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            # Without the query, which is where a login page is told who comes.
            target = redacted(response.headers.get("location", "").partition("?")[0], response.secrets)
            return BadResponse(
                f"HTTP {status}, a redirect to {target[:200] or 'nowhere'}",
                **parts,
                advice="check that the endpoint is ModelArts and that no login page answers in its place",
            )
        case _:
            return BadResponse(what, **parts, advice="check endpoint, region and project_id")


def _unauthorized(source: str, response: Response, now: float) -> str:
    advice = f"the credentials came from {source}: check that they are right, active and not locked"
    date = date_of(response)
    skew = None if date is None else now - date
    if skew is not None and abs(skew) > MAX_SKEW:
        direction = "ahead of" if skew > 0 else "behind"
        return (
            f"this machine's clock is {abs(skew):.0f} s {direction} the cloud's, 900 s are tolerated: set it"
        )
    return advice


def _not_found(code: str) -> str:
    if code.startswith("ModelArts."):
        return "pools are named by ID (metadata.name), not by display name"
    return "this is not ModelArts speaking, or it does not know the API: check endpoint and region"


def _forbidden(code: str) -> str:
    if code == _WRONG_PROJECT:
        return "project_id does not belong to these credentials: check project_id and region"
    return "the credentials are good but lack a permission: grant modelarts:pool:list and modelarts:pool:get"


def date_of(response: Response) -> float | None:
    """When the answer was given, by the clock of who gave it, in Unix seconds; None where it does not say."""
    return _http_date(response.headers.get("date", ""))


def _http_date(text: str) -> float | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # of a year, a zone or a second that no calendar has
        return None
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


def _retry_after(response: Response, now: float) -> float | None:
    text = response.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    date = _http_date(text) if text else None
    if date is None:
        return None
    # Both dates are by the cloud's clock; this machine's may be off.
    said = _http_date(response.headers.get("date", ""))
    return max(0.0, date - (now if said is None else said))


def _limit(message: str) -> tuple[int, float] | None:
    """`policy user over ratelimit,limit:200,time:5 minute` -> (200, 300.0)."""
    match = _LIMIT.search(message)
    if match is None:
        return None
    unit = _UNITS.get(match["unit"].lower().removesuffix("s"))
    requests, seconds = int(match["requests"]), int(match["count"]) * (unit or 0)
    return (requests, float(seconds)) if requests and seconds else None


def _code_and_message(body: bytes) -> tuple[str, str]:
    """The cloud's code and message, in any of its shapes; empty where the body has none of them."""
    if len(body) > _LONGEST_BODY:
        return "", ""
    try:
        answer = msgspec.json.decode(body)
    except DECODE_ERRORS:
        return "", ""
    match answer:
        case {"error_code": str(code), "error_msg": str(message)}:
            pass
        case {"errorCode": str(code), "errorMsg": str(message)}:
            pass
        case {"error": {"code": str() | int() as number, "message": str(message)}}:
            code = str(number)
        case _:
            return "", ""
    return code, " ".join(message.split())
