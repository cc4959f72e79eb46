"""What the services that give credentials have in common in their answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

import msgspec

from exporter.common.errors import CredentialsError, ServerError, Throttled
from exporter.transport.http import DECODE_ERRORS

if TYPE_CHECKING:
    from exporter.transport.http import Request, Response

_Shape = TypeVar("_Shape")

_TOO_MANY_REQUESTS = 429
_SERVER_ERROR = 500


def decoded(response: Response, shape: type[_Shape], source: str) -> _Shape:
    """The answer's JSON body in its documented shape.

    Raises:
        CredentialsError: it has another one.
    """
    try:
        return msgspec.json.decode(response.body, type=shape)
    except DECODE_ERRORS as error:
        problem = str(error)
    # Raised here, not above: what a decoding error carries along may be the credentials.
    raise CredentialsError(f"the answer is not the documented one: {problem}", where=source)


def check_server(request: Request, response: Response, source: str) -> None:
    """Tell a service that fails for now from one that refuses.

    Raises:
        Throttled: 429.
        ServerError: 5xx.
    """
    request_id = response.headers.get("x-request-id", "")
    what = f"HTTP {response.status} instead of credentials from {request.where}"
    if response.status == _TOO_MANY_REQUESTS:
        seconds = response.headers.get("retry-after", "").strip()
        raise Throttled(
            what,
            where=source,
            advice="there were too many requests, not only from here perhaps; asked again after a pause",
            status=response.status,
            request_id=request_id,
            retry_after=float(seconds) if seconds.isascii() and seconds.isdigit() else None,
        )
    if response.status >= _SERVER_ERROR:
        raise ServerError(
            what,
            where=source,
            advice="asked again after a pause; if it lasts, check that this is the right address",
            status=response.status,
            request_id=request_id,
        )


def unix(moment: datetime) -> float:
    """Unix seconds; a moment without a zone is in UTC, as everywhere in this API."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
