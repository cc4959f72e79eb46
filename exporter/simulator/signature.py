"""SDK-HMAC-SHA256 recomputed from what arrived on the wire, after Huawei's guide to signing.

Written apart from `exporter.credentials`: a mistake there must not be repeated here.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote

from exporter.simulator.refusals import not_authenticated

if TYPE_CHECKING:
    from collections.abc import Mapping

ALGORITHM: Final = "SDK-HMAC-SHA256"
LARGEST_SKEW: Final = 15 * 60.0
"""Seconds that `X-Sdk-Date` may be off."""

_AUTHORIZATION = re.compile(
    rf"{ALGORITHM} Access=(?P<ak>[^,\s]+), SignedHeaders=(?P<names>[a-z0-9;-]+), "
    r"Signature=(?P<hex>[0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True)
class Arrived:
    """A request as it came over the wire.

    Attributes:
        method: GET, POST, PUT.
        target: path and query, as they stood in the request line.
        headers: names in lower case.
        body: bytes.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """What an Authorization header says.

    Attributes:
        ak: which key.
        names: the signed headers.
        signature: in hex.
    """

    ak: str
    names: tuple[str, ...]
    signature: str


def claim(authorization: str) -> Claim:
    """Read an Authorization header.

    Raises:
        Refusal: it has not the documented form.
    """
    if (match := _AUTHORIZATION.fullmatch(authorization)) is None:
        raise not_authenticated("invalid Authorization header")
    return Claim(match["ak"], tuple(match["names"].split(";")), match["hex"])


def verify(arrived: Arrived, claimed: Claim, sk: str, now: float) -> None:
    """Check a request's signature.

    Raises:
        Refusal: it does not hold.
    """
    date = arrived.headers.get("x-sdk-date", "")
    if "x-sdk-date" not in claimed.names or "host" not in claimed.names or not date:
        raise not_authenticated("host and x-sdk-date must be signed")
    if abs(_moment(date) - now) > LARGEST_SKEW:
        raise not_authenticated("the signature has expired, check the clock")
    text = f"{ALGORITHM}\n{date}\n{sha256(_canonical(arrived, claimed.names)).hexdigest()}"
    expected = hmac.new(sk.encode(), text.encode(), sha256).hexdigest()
    if not hmac.compare_digest(expected, claimed.signature):
        raise not_authenticated("verify aksk signature fail")


def _canonical(arrived: Arrived, names: tuple[str, ...]) -> bytes:
    path, _, query = arrived.target.partition("?")
    if query != _canonical_query(query):
        raise not_authenticated("the query is not sorted and encoded as it was signed")
    if list(names) != sorted(set(names)) or not arrived.headers.keys() >= set(names):
        raise not_authenticated("SignedHeaders is not sorted, or names a header that is not there")
    lines = [
        arrived.method,
        "/".join(_encode(unquote(segment)) for segment in path.rstrip("/").split("/")) + "/",
        query,
        *(f"{name}:{arrived.headers[name]}" for name in names),
        "",
        ";".join(names),
        sha256(arrived.body).hexdigest(),
    ]
    # aiohttp keeps header bytes that are no UTF-8 as surrogates.
    return "\n".join(lines).encode("utf-8", "surrogateescape")


def _canonical_query(query: str) -> str:
    pairs = sorted(
        (unquote(name), unquote(value))
        for name, _, value in (part.partition("=") for part in query.split("&"))
    )
    return "&".join(f"{_encode(name)}={_encode(value)}" for name, value in pairs) if query else ""


def _encode(text: str) -> str:
    # quote() never touches letters, digits and `_.-~`, which is just the documented set.
    return quote(text, safe="")


def _moment(date: str) -> float:
    try:
        return datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise not_authenticated("invalid x-sdk-date") from None
