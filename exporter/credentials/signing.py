"""AK/SK signatures (SDK-HMAC-SHA256): a request in, headers out. Pure.

The signatures are the same, byte for byte, as those of Signer in huaweicloudsdkcore. That package is not used
at run time, because it brings a blocking HTTP client and 53 MB of dependencies.
"""

from __future__ import annotations

import hmac
import time
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from exporter.common.secrets import secret_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from exporter.credentials.credential import KeyPair
    from exporter.transport.http import Request

_ALGORITHM = "SDK-HMAC-SHA256"


def canonical_url(base: str, path: str, query: Mapping[str, str | int]) -> str:
    """The URL in the form that is signed: every part percent-encoded, the query sorted.

    Args:
        base: scheme and host, with a common path prefix if there is one; already encoded.
        path: with a leading slash; not encoded.
        query: not encoded; booleans become `true` and `false`.
    """
    address = base.rstrip("/") + _encoded_path(path)
    pairs = (
        (name, str(value).lower() if isinstance(value, bool) else str(value)) for name, value in query.items()
    )
    encoded = _encoded_query(pairs)
    return f"{address}?{encoded}" if encoded else address


def signed_headers(request: Request, pair: KeyPair, *, project_id: str, now: float) -> dict[str, str]:
    """The headers that authenticate a request.

    Only these headers are signed, because a proxy may change others.

    Args:
        request: the request. Its query may be in any order; its own headers are not signed.
        pair: the key pair that signs.
        project_id: the value of X-Project-Id.
        now: Unix seconds. The cloud refuses a signature that is more than 15 minutes off its own clock.
    """
    # Without the query: urlsplit keeps the last 128 texts, see `exact_url` of `transport.http`.
    url, _, query = request.url.partition("?")
    address = urlsplit(url)
    headers = {
        # Set explicitly: aiohttp would leave out a default port that is in the URL.
        "Host": address.netloc.rpartition("@")[2],
        "X-Project-Id": project_id,
        "X-Sdk-Date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now)),
    }
    if pair.security_token:
        headers["X-Security-Token"] = secret_value(pair.security_token)
    signed = {name.lower(): value for name, value in headers.items()}
    canonical = _canonical_request(request.method, address.path, query, signed, request.body)
    signature = _signature(canonical, signed["x-sdk-date"], pair.secret_key)
    names = ";".join(sorted(signed))
    headers["Authorization"] = (
        f"{_ALGORITHM} Access={secret_value(pair.access_key)}, SignedHeaders={names}, Signature={signature}"
    )
    return headers


def _canonical_request(method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> str:
    """The text whose hash is signed. `headers` has the headers to sign, by name in lower case."""
    uri = _encoded_path(unquote(path))
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    return "\n".join(
        (
            method.upper(),
            uri if uri.endswith("/") else f"{uri}/",
            _encoded_query((unquote(name), unquote(value)) for name, _, value in pairs),
            "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers)),
            ";".join(sorted(headers)),
            sha256(body).hexdigest(),
        )
    )


def _signature(canonical_request: str, date: str, secret_key: str) -> str:
    text = f"{_ALGORITHM}\n{date}\n{sha256(canonical_request.encode()).hexdigest()}"
    return hmac.digest(secret_key.encode(), text.encode(), "sha256").hex()


def _encoded_path(path: str) -> str:
    return quote(path, safe="/")


def _encoded_query(pairs: Iterable[tuple[str, str]]) -> str:
    # Sorted before encoding, because encoding changes the order: "~" stays, and "é" becomes "%C3%A9".
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(pairs))
