"""What the services that give credentials have in common in their answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

import msgspec

from exporter.errors import CredentialsError, ServerError

if TYPE_CHECKING:
    from exporter.transport import Request, Response

_Shape = TypeVar("_Shape")

UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for a body of another shape, in another encoding, or nested too deeply."""

_SERVER_ERROR = 500


def decoded(response: Response, shape: type[_Shape], source: str) -> _Shape:
    """The answer's JSON body in its documented shape.

    Raises:
        CredentialsError: it has another one.
    """
    try:
        return msgspec.json.decode(response.body, type=shape)
    except UNDECODABLE as error:
        problem = str(error)
    # Raised here, not above: what a decoding error carries along may be the credentials.
    raise CredentialsError(f"the answer is not the documented one: {problem}", where=source)


def check_server(request: Request, response: Response) -> None:
    """Tell a service that fails for now from one that refuses.

    Raises:
        ServerError: 5xx.
    """
    if response.status >= _SERVER_ERROR:
        raise ServerError(
            f"HTTP {response.status} instead of credentials",
            where=request.where,
            status=response.status,
            request_id=response.headers.get("x-request-id", ""),
        )


def unix(moment: datetime) -> float:
    """Unix seconds; a moment without a zone is in UTC, as everywhere in this API."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
