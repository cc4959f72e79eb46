"""One HTTP request and its whole answer, bounded in time and size. Knows nothing of the cloud."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol
from urllib.request import getproxies, proxy_bypass

import aiohttp
import msgspec
from aiohttp.http_exceptions import ContentEncodingError
from yarl import URL

from exporter.common.errors import BadResponse, ConnectionFailed, RequestTimeout, TlsFailed
from exporter.common.secrets import Headers, Unpicklable
from exporter.transport.ca_bundle import CaBundle

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

UNDECODABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for a body of another shape, in another encoding, or nested too deeply."""

MAX_BODY = 64 * 2**20
"""Bytes of a decompressed body. A page of 500 workloads is 340 KB; 64 MiB leaves room for any of them."""

_LONGEST_HEADER = 64 * 2**10
"""IAM's tokens come in a header; with many permissions they outgrow aiohttp's 8 KiB."""

_NO_TIMEOUT = aiohttp.ClientTimeout()


@dataclass(frozen=True, slots=True)
class Request(Unpicklable):
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
class Response(Unpicklable):
    """A whole answer.

    Attributes:
        status: HTTP status; redirects are not followed.
        headers: names in lower case; the last of a repeated one.
        body: decompressed.
        secrets: what was sent to get this answer, and must be in no text that is made of it.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)  # they may hold a token,
    body: bytes = field(repr=False)  # and this a key
    secrets: tuple[str, ...] = field(default=(), repr=False)


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
        ca_file: authorities in PEM to trust besides the system's; None for the system's alone. The file is
            read again when it changes: rotation needs no restart.
        proxy: `http://host:port` for every https request; None takes HTTPS_PROXY and NO_PROXY. It tunnels
            (CONNECT), so that it reads nothing. Plain http, which it could read, goes without.
        direct: never use a proxy, whatever the environment says (for link-local metadata services).
        connections: at most this many at a time to one host.

    Raises:
        OSError, ssl.SSLError: `ca_file` cannot be read, or holds no certificate.
    """

    def __init__(
        self,
        *,
        ca_file: Path | None = None,
        proxy: str | None = None,
        direct: bool = False,
        connections: int = 8,
    ) -> None:
        self._authorities = None if ca_file is None else CaBundle(ca_file)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit_per_host=connections),
            auto_decompress=True,
            cookie_jar=aiohttp.DummyCookieJar(),
            # Or a ~/.netrc would send its password along. The environment's proxy is looked up here.
            trust_env=False,
            requote_redirect_url=False,
            max_field_size=_LONGEST_HEADER,
        )
        # aiohttp sends a GET again by itself when a connection breaks, also a new one: twice the requests,
        # which nobody has paced or counted. Whoever asks knows what to repeat. There is no public switch.
        self._session._retry_connection = False  # noqa: SLF001  (aiohttp's own test client does the same)
        self._proxy = proxy
        self._direct = direct

    async def close(self) -> None:
        """Close the connections; no request may follow."""
        await self._session.close()

    async def send(self, request: Request) -> Response:
        """See `Transport`."""
        url = URL(request.url, encoded=True)
        try:
            # Not aiohttp's own timeout: where one runs out at the very moment at which the task is cancelled
            # it takes back both, and a reload would wait for ever for a poll that goes on.
            async with (
                asyncio.timeout(request.timeout),
                self._session.request(
                    request.method,
                    url,
                    headers=dict(request.headers),
                    data=request.body or None,
                    allow_redirects=False,
                    proxy=None if self._direct or url.scheme != "https" else self._proxy or _usual_proxy(url),
                    # A connection is used again only under the context it was made with, so authorities
                    # that are no longer trusted take their connections along.
                    ssl=self._authorities.context() if self._authorities else True,
                    timeout=_NO_TIMEOUT,
                ) as answer,
            ):
                body = await _read(answer, request.where)
                headers = Headers({name.lower(): value for name, value in answer.headers.items()})
                return Response(answer.status, headers, body)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # From None: what aiohttp says of a broken header quotes it, and it may be a token.
            raise _translated(error, request) from None


def _usual_proxy(url: URL) -> str | None:
    """What HTTPS_PROXY says, but for the hosts in NO_PROXY; only the kinds that aiohttp can do."""
    proxy = getproxies().get("https", "")
    usable = proxy.startswith(("http://", "https://")) and not proxy_bypass(url.host or "")
    return proxy if usable else None


async def _read(answer: aiohttp.ClientResponse, where: str) -> bytes:
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in answer.content.iter_any():
            chunks.append(chunk)
            size += len(chunk)
            if size > MAX_BODY:
                answer.close()
                raise BadResponse(
                    f"the answer is larger than {MAX_BODY >> 20} MiB",
                    where=where,
                    status=answer.status,
                    advice="check that the endpoint is ModelArts",
                )
    except aiohttp.ClientPayloadError as error:
        # The same error as for a body that is cut, which is the connection's fault; this is the answer's.
        if isinstance(error.__cause__, ContentEncodingError):
            raise BadResponse(
                "the answer cannot be unpacked",
                where=where,
                status=answer.status,
                advice="check the endpoint, and any proxy on the way to it",
            ) from None
        raise
    return b"".join(chunks)


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
                # What an https port does to a plain request: it hangs up without a word.
                advice="is the endpoint https?"
                if scheme == "http" and isinstance(error, aiohttp.ServerDisconnectedError)
                else "check endpoint, name resolution, proxy and firewall",
            )
        case aiohttp.ClientHttpProxyError(status=status):
            # Without the proxy's own words, which may repeat its password.
            return ConnectionFailed(
                f"no connection to {origin}: the proxy answers HTTP {status}",
                where=where,
                advice="check proxy",
            )
        case aiohttp.InvalidURL():
            return ConnectionFailed(
                f"no connection to {origin}: no usable address",
                where=where,
                advice="check endpoint and proxy",
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
    return " ".join(str(error).split()) or type(error).__name__  # on one line
