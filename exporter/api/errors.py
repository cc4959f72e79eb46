"""Maps an answer other than 200 to the error that says what happened and what to do."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from exporter.common.clock import MAX_SKEW
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

_THROTTLED_CODES = ("APIGW.0308", "APIG.0308")
_WRONG_PROJECT_CODE = "ModelArts.0210"
_LIMIT = re.compile(
    r"limit:\s*(?P<requests>\d{1,9})\s*,\s*time:\s*(?P<count>\d{1,6})\s*(?P<unit>[a-z]+)", re.IGNORECASE
)
_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_MAX_MESSAGE = 300
_MAX_BODY = 2**16
"""Bytes. A longer body is not searched for the cloud's code and message; known ones have a few hundred."""


def error_for(  # noqa: PLR0911  (one return per kind of answer reads best)
    response: Response, *, where: str, source: str, now: float, about_pool: bool = True
) -> AnswerError:
    """The error for an answer whose status is not 200.

    Args:
        response: the answer.
        where: the request.
        source: where the credentials came from, for the advice.
        now: Unix seconds, to compare with the answer's `Date`.
        about_pool: whether one pool was asked about, not the project.
    """
    code, message = (redacted(text, response.secrets) for text in _code_and_message(response.body))
    code, message = code[:80], message[:_MAX_MESSAGE].rstrip(".")
    status = response.status
    what = f"HTTP {status}" + (f", {code}" if code else "") + (f": {message}" if message else "")
    parts: dict[str, Any] = {
        "where": where,
        "status": status,
        "code": code,
        "request_id": redacted(response.headers.get("x-request-id", "")[:80], response.secrets),
    }
    if status == HTTPStatus.TOO_MANY_REQUESTS or code in _THROTTLED_CODES:
        return Throttled(
            what,
            **parts,
            advice="raise poll.interval, or ask the cloud for a higher limit",
            retry_after=response.retry_after(now),
            limit=_limit(message),
        )
    match status:
        case HTTPStatus.UNAUTHORIZED:
            return Unauthorized(what, **parts, advice=_unauthorized(source, response, now))
        case HTTPStatus.FORBIDDEN:
            return Forbidden(what, **parts, advice=_forbidden(code))
        case HTTPStatus.NOT_FOUND:
            return NotFound(what, **parts, advice=_not_found(code, about_pool=about_pool))
        case _ if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return ServerError(what, **parts, advice="an error of the cloud; the request is repeated")
        case _ if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            # The query of a redirect to a login page may hold secrets.
            target = redacted(response.headers.get("location", "").partition("?")[0], response.secrets)
            return BadResponse(
                f"HTTP {status}, a redirect to {target[:200] or 'nowhere'}",
                **parts,
                advice="check that the endpoint is ModelArts, and that no login page answers instead",
            )
        case _:
            return BadResponse(what, **parts, advice="check endpoint, region and project_id")


def _unauthorized(source: str, response: Response, now: float) -> str:
    advice = f"the credentials came from {source}: check that they are right, active and not locked"
    skew = None if response.date is None else now - response.date
    if skew is not None and abs(skew) > MAX_SKEW:
        direction = "ahead of" if skew > 0 else "behind"
        return (
            f"this machine's clock is {abs(skew):.0f} s {direction} the cloud's, {MAX_SKEW:.0f} s are "
            "allowed: set the clock; if it is right, that of the cloud's server is wrong"
        )
    return advice


def _not_found(code: str, *, about_pool: bool) -> str:
    if code.startswith("ModelArts."):
        if about_pool:
            return "check the pool: pools are named by ID (metadata.name), not by display name"
        return "check region, project_id and discover.workspace_id"
    return "the endpoint is not ModelArts, or lacks this API: check endpoint and region"


def _forbidden(code: str) -> str:
    if code == _WRONG_PROJECT_CODE:
        return "project_id does not belong to these credentials: check project_id and region"
    return "the credentials are valid but lack a permission: grant modelarts:pool:list and modelarts:pool:get"


def _limit(message: str) -> tuple[int, float] | None:
    """`policy user over ratelimit,limit:200,time:5 minute` -> (200, 300.0)."""
    match = _LIMIT.search(message)
    if match is None:
        return None
    unit = _UNITS.get(match["unit"].lower().removesuffix("s"))
    requests, seconds = int(match["requests"]), int(match["count"]) * (unit or 0)
    return (requests, float(seconds)) if requests and seconds else None


def _code_and_message(body: bytes) -> tuple[str, str]:
    """The cloud's error code and message, in any of its documented shapes; empty if there is none."""
    if len(body) > _MAX_BODY:
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
