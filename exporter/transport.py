"""One HTTP request and its whole answer, bounded in time and size. Knows nothing of the cloud."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import aiohttp
from yarl import URL

from exporter.errors import BadResponse, ConnectionFailed, RequestTimeout, TlsFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_BODY = 64 * 2**20
"""Bytes of a decompressed body. A page of 500 workloads is 340 KB; 64 MiB leaves room for any of them."""

_CHUNK = 64 * 2**10
_LONGEST_HEADER = 64 * 2**10
"""IAM's tokens come in a header; with many permissions they outgrow aiohttp's 8 KiB."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to send.

    Attributes:
        method: in capitals.
        url: as it goes on the wire, already percent-encoded: nothing is normalised any more, so that what
            was signed is what is sent.
        headers: all of them but the transport's own (Accept-Encoding, Content-Length, Connection).
        body: bytes; empty for none.
        timeout: seconds for everything from the connection to the body's last byte.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)  # they may hold a token,
    body: bytes = field(default=b"", repr=False)  # and this a password
    timeout: float = 10.0

    @property
    def where(self) -> str:
        """The request in an error: method and address, without the query."""
        return f"{self.method} {self.url.partition('?')[0]}"


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer.

    Attributes:
        status: HTTP status; redirects are not followed.
        headers: names in lower case; the last of a repeated one.
        body: decompressed.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)  # they may hold a token,
    body: bytes = field(repr=False)  # and this a key


class Transport(Protocol):
    """Sends a request and brings the whole answer, whatever its status.

    Raises:
        RequestTimeout, ConnectionFailed, TlsFailed: no whole answer.
        BadResponse: an answer that is no HTTP, or whose body is over the cap.
    """

    async def send(self, request: Request) -> Response:
        """Send it, bring the answer."""
        ...


class HttpTransport:
    """A `Transport` over one aiohttp session with keep-alive.

    Args:
        tls: whom to trust; None for the system's authorities.
        proxy: `http://host:port` for every request; None takes HTTPS_PROXY, HTTP_PROXY and NO_PROXY.
        direct: never use a proxy, whatever the environment says (for link-local metadata services).
        connections: at most this many at a time to one host.
    """

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        proxy: str | None = None,
        direct: bool = False,
        connections: int = 8,
    ) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit_per_host=connections, ssl=tls or True),
            auto_decompress=True,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=not direct,
            requote_redirect_url=False,
            max_field_size=_LONGEST_HEADER,
        )
        self._proxy = None if direct else proxy

    async def close(self) -> None:
        """Close the connections; no request may follow."""
        await self._session.close()

    async def send(self, request: Request) -> Response:
        """See `Transport`."""
        try:
            async with self._session.request(
                request.method,
                URL(request.url, encoded=True),
                headers=dict(request.headers),
                data=request.body or None,
                allow_redirects=False,
                proxy=self._proxy,
                timeout=aiohttp.ClientTimeout(total=request.timeout),
            ) as answer:
                body = await _read(answer, request.where)
                headers = {name.lower(): value for name, value in answer.headers.items()}
                return Response(answer.status, headers, body)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # From None: what aiohttp says of a broken header quotes it, and it may be a token.
            raise _translated(error, request) from None


async def _read(answer: aiohttp.ClientResponse, where: str) -> bytes:
    body = bytearray()
    async for chunk in answer.content.iter_chunked(_CHUNK):
        body += chunk
        if len(body) > MAX_BODY:
            answer.close()
            raise BadResponse(
                f"the answer is larger than {MAX_BODY >> 20} MiB", where=where, status=answer.status
            )
    return bytes(body)


def _translated(error: Exception, request: Request) -> Exception:
    """Aiohttp's errors, which share bases with the system's, in this program's terms."""
    where = request.where
    scheme, _, rest = request.url.partition("://")
    origin = f"{scheme}://{rest.partition('/')[0]}"
    match error:
        case asyncio.TimeoutError():
            return RequestTimeout(
                f"no whole answer from {origin} within {request.timeout:g} s",
                where=where,
                advice="check the endpoint and the way to it, or raise poll.timeout",
            )
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return TlsFailed(
                f"no trusted connection to {origin}: {_reason(error)}",
                where=where,
                advice="check the endpoint's certificate; for a private cloud set ca_file",
            )
        case (
            aiohttp.ClientPayloadError()
            | aiohttp.ServerDisconnectedError()
            | aiohttp.ClientOSError()
            | OSError()
        ):
            return ConnectionFailed(
                f"no connection to {origin}, or it broke: {_reason(error)}",
                where=where,
                advice="check endpoint, name resolution, proxy and firewall",
            )
        case aiohttp.InvalidURL() | aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
            return ConnectionFailed(
                f"no connection to {origin}: {_reason(error)}", where=where, advice="check endpoint and proxy"
            )
        case _:
            return BadResponse(
                f"the answer is no proper HTTP ({type(error).__name__})",
                where=where,
                status=getattr(error, "status", 0) or 0,
                advice="check that the endpoint is ModelArts",
            )


def _reason(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorError):
        error = error.os_error  # without what we say anyway
    return str(error) or type(error).__name__
