"""Checks AK/SK signatures: SDK-HMAC-SHA256 of the request as received, after Huawei's guide to signing.

Shares no code with `exporter.credentials`, so that a mistake there is not repeated here.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote

from exporter.simulator.errors import unauthenticated

if TYPE_CHECKING:
    from collections.abc import Mapping

ALGORITHM: Final = "SDK-HMAC-SHA256"
MAX_CLOCK_SKEW: Final = 15 * 60.0
"""Seconds that `X-Sdk-Date` may differ from the server's clock."""

_AUTHORIZATION = re.compile(
    rf"{ALGORITHM} Access=(?P<ak>[^,\s]+), SignedHeaders=(?P<names>[a-z0-9;-]+), "
    r"Signature=(?P<hex>[0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """A request as received on the wire.

    Attributes:
        method: GET, POST, PUT.
        target: path and query as in the request line.
        headers: values by name in lower case.
        body: bytes.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Authorization:
    """The content of an Authorization header.

    Attributes:
        ak: the access key.
        signed_headers: names of the signed headers.
        signature: in hex.
    """

    ak: str
    signed_headers: tuple[str, ...]
    signature: str


def parse_authorization(header: str) -> Authorization:
    """Read an Authorization header.

    Raises:
        ApiError: 401, it does not have the documented form.
    """
    if (match := _AUTHORIZATION.fullmatch(header)) is None:
        raise unauthenticated("invalid Authorization header")
    return Authorization(match["ak"], tuple(match["names"].split(";")), match["hex"])


def verify_signature(request: ReceivedRequest, authorization: Authorization, sk: str, now: float) -> None:
    """Check a request's signature.

    Args:
        request: what was received.
        authorization: its Authorization header.
        sk: the secret of the access key.
        now: Unix seconds.

    Raises:
        ApiError: 401, the signature is not valid.
    """
    date, signed_headers = request.headers.get("x-sdk-date", ""), authorization.signed_headers
    if "x-sdk-date" not in signed_headers or "host" not in signed_headers or not date:
        raise unauthenticated("host and x-sdk-date must be signed")
    if abs(_parse_date(date) - now) > MAX_CLOCK_SKEW:
        raise unauthenticated("the signature has expired, check the clock")
    canonical = sha256(_canonical_request(request, signed_headers)).hexdigest()
    string_to_sign = f"{ALGORITHM}\n{date}\n{canonical}"
    expected = hmac.new(sk.encode(), string_to_sign.encode(), sha256).hexdigest()
    if not hmac.compare_digest(expected, authorization.signature):
        raise unauthenticated("verify aksk signature fail")


def _canonical_request(request: ReceivedRequest, signed_headers: tuple[str, ...]) -> bytes:
    path, _, query = request.target.partition("?")
    if query != _canonical_query(query):
        raise unauthenticated("the query is not sorted and encoded as it was signed")
    if list(signed_headers) != sorted(set(signed_headers)) or not request.headers.keys() >= set(
        signed_headers
    ):
        raise unauthenticated("SignedHeaders is not sorted, or names a header that is not there")
    lines = [
        request.method,
        "/".join(_encode(unquote(segment)) for segment in path.rstrip("/").split("/")) + "/",
        query,
        *(f"{name}:{request.headers[name]}" for name in signed_headers),
        "",
        ";".join(signed_headers),
        sha256(request.body).hexdigest(),
    ]
    # aiohttp keeps header bytes that are not UTF-8 as surrogates.
    return "\n".join(lines).encode("utf-8", "surrogateescape")


def _canonical_query(query: str) -> str:
    pairs = sorted(
        (unquote(name), unquote(value))
        for name, _, value in (part.partition("=") for part in query.split("&"))
    )
    return "&".join(f"{_encode(name)}={_encode(value)}" for name, value in pairs) if query else ""


def _encode(text: str) -> str:
    # quote() leaves letters, digits and `_.-~` as they are: exactly the documented set.
    return quote(text, safe="")


def _parse_date(date: str) -> float:
    try:
        return datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise unauthenticated("invalid x-sdk-date") from None
