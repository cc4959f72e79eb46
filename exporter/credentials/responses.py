"""Reads the answers of services that issue credentials: failures, JSON bodies, temporary keys."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

import msgspec

from exporter.common.errors import CredentialsError, ServerError, Throttled
from exporter.transport.http import DECODE_ERRORS

if TYPE_CHECKING:
    from exporter.transport.http import Request, Response

_Shape = TypeVar("_Shape")


def decoded(response: Response, shape: type[_Shape], source: str) -> _Shape:
    """Decode the answer's JSON body in its documented shape.

    Raises:
        CredentialsError: it has a different shape.
    """
    try:
        return msgspec.json.decode(response.body, type=shape)
    except DECODE_ERRORS as error:
        problem = str(error)
    # Raised outside of the except block: the decoding error contains the credentials.
    raise CredentialsError(f"the answer is not the documented one: {problem}", where=source)


def check_server(request: Request, response: Response, source: str) -> None:
    """Raise an error for a temporary failure of the service.

    Raises:
        Throttled: 429.
        ServerError: 5xx.
    """
    request_id = response.headers.get("x-request-id", "")
    what = f"HTTP {response.status} instead of credentials from {request.where}"
    if response.status == HTTPStatus.TOO_MANY_REQUESTS:
        raise Throttled(
            what,
            where=source,
            advice="too many requests, perhaps not only from this exporter; repeated after a pause",
            status=response.status,
            request_id=request_id,
            retry_after=response.retry_after(),
        )
    if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise ServerError(
            what,
            where=source,
            advice="repeated after a pause; if it persists, check the address",
            status=response.status,
            request_id=request_id,
        )


def require_ok(
    request: Request, response: Response, *, source: str, problem: str, advice: str = ""
) -> Response:
    """The answer, if its status is 200.

    Args:
        request: what was sent.
        response: its answer.
        source: the credential source's name.
        problem: what any other status means: `the metadata service gives no keys`.
        advice: what to do about it.

    Raises:
        Throttled, ServerError: see `check_server`.
        CredentialsError: any other status.
    """
    check_server(request, response, source)
    if response.status != HTTPStatus.OK:
        raise CredentialsError(f"{problem} (HTTP {response.status})", where=source, advice=advice)
    return response


def unix(moment: datetime) -> float:
    """Unix seconds; without a zone the time is in UTC, as everywhere in this API."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
