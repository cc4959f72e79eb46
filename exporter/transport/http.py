"""One HTTP request and its complete answer, limited in time and size. Knows nothing of the cloud."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

import aiohttp
import msgspec
import structlog
from aiohttp.http_exceptions import ContentEncodingError
from yarl import URL

from exporter.common.errors import BadResponse, ConfigurationError, ConnectionFailed, PollError
from exporter.common.secrets import Headers, Unpicklable
from exporter.transport.ca_bundle import CaBundle
from exporter.transport.connector import Connector
from exporter.transport.failures import Way, translated
from exporter.transport.proxy import ProxyChoice
from exporter.transport.resolver import ThreadResolver

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DECODE_ERRORS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""Raised by msgspec for a body of another shape, in another encoding, or nested too deeply."""

MAX_BODY = 64 * 2**20
"""Bytes of a decompressed body. A page of 500 workloads has 340 KB."""

_MAX_HEADER = 64 * 2**10
"""Bytes. IAM sends its tokens in a header; with many permissions they exceed aiohttp's limit of 8 KiB."""

_NO_TIMEOUT = aiohttp.ClientTimeout()

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Request(Unpicklable):
    """A request to send.

    Attributes:
        method: in upper case.
        url: already percent-encoded, and sent as it is, because it has been signed.
        headers: all but the transport's own (Accept-Encoding, Content-Length, Connection).
        body: bytes; empty for none.
        timeout: seconds, from connecting to the last byte of the answer's body.
        attempt: 1 the first time it is sent; for the log.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)  # they may hold a token,
    body: bytes = field(default=b"", repr=False)  # and this a password
    timeout: float = 10.0
    attempt: int = 1

    @property
    def where(self) -> str:
        """The request in an error: method and address, without the query."""
        return f"{self.method} {self.url.partition('?')[0]}"


@dataclass(frozen=True, slots=True)
class Response(Unpicklable):
    """A complete answer.

    Attributes:
        status: HTTP status; redirects are not followed.
        headers: names in lower case; of a repeated header, the last value.
        body: decompressed.
        secrets: the request's; they must be in no text that quotes the answer.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)  # they may hold a token,
    body: bytes = field(repr=False)  # and this a key
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def date(self) -> float | None:
        """The `Date` header in Unix seconds, by the server's clock; None if missing or not a date."""
        return _http_date(self.headers.get("date", ""))

    def retry_after(self, now: float | None = None) -> float | None:
        """The `Retry-After` header in seconds; None if missing or neither a number nor a date.

        Args:
            now: Unix seconds. A date is compared with the answer's own `Date`, because this machine's clock
                may be wrong; `now` is used if there is none.
        """
        text = self.headers.get("retry-after", "").strip()
        if text.isascii() and text.isdigit():
            return float(text)
        until, sent = _http_date(text), self.date
        sent = now if sent is None else sent
        return None if until is None or sent is None else max(0.0, until - sent)


def _http_date(text: str) -> float | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # not a date, or one that no calendar has
        return None
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


class Transport(Protocol):
    """Sends requests."""

    async def send(self, request: Request) -> Response:
        """Send a request and return the complete answer, whatever its status.

        Raises:
            RequestTimeout, ConnectionFailed, TlsFailed: there is no complete answer.
            BadResponse: the answer is not HTTP, or its body exceeds `MAX_BODY`.
        """
        ...


class HttpTransport:
    """A `Transport` over one aiohttp session with keep-alive.

    Args:
        ca_file: certificate authorities in PEM to trust in addition to the system's. The file is read again
            when it changes.
        proxy: see `ProxyChoice.configured`.
        direct: see `ProxyChoice.direct`; for link-local services such as the metadata service.
        connections: open connections to one host, at most.
        environment: the variables that may name a proxy.
        resolver: looks names up; the process's, so that a reload does not look the same name up again.

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
        environment: Mapping[str, str] = os.environ,
        resolver: ThreadResolver | None = None,
    ) -> None:
        self._ca_bundle = None if ca_file is None else CaBundle(ca_file)
        self._resolver = resolver or ThreadResolver()
        self._session = aiohttp.ClientSession(
            connector=Connector(limit_per_host=connections, resolver=self._resolver),
            auto_decompress=True,
            cookie_jar=aiohttp.DummyCookieJar(),
            # With trust_env aiohttp would send the password of a ~/.netrc. For proxies see `ProxyChoice`.
            trust_env=False,
            requote_redirect_url=False,
            max_field_size=_MAX_HEADER,
        )
        # aiohttp repeats a GET by itself when the connection breaks. Such requests would be neither paced nor
        # counted; the caller decides about retries. There is no public switch.
        self._session._retry_connection = False  # noqa: SLF001  (aiohttp's own test client does the same)
        self._proxy = ProxyChoice(environment, proxy, direct)

    async def close(self) -> None:
        """Close the connections; no request may follow."""
        await self._session.close()

    async def send(self, request: Request) -> Response:
        """See `Transport`. Each request is a line of the log at level debug, without query and headers."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        line = log.bind(request=request.where, attempt=request.attempt)
        try:
            response = await self._send(request)
        except PollError as error:
            line.debug("request failed", outcome=error.outcome, seconds=round(loop.time() - started, 3))
            raise
        line.debug(
            "request answered",
            status=response.status,
            bytes=len(response.body),
            seconds=round(loop.time() - started, 3),
        )
        return response

    async def _send(self, request: Request) -> Response:
        url = exact_url(request.url)
        try:
            proxy = self._proxy.proxy_for(url)
        except ConfigurationError as error:
            # Reported at the start, too. The request must not go direct instead.
            raise ConnectionFailed("no usable proxy", where=request.where, advice=str(error)) from None
        try:
            # Not aiohttp's own timeout: if it expires at the moment of a cancellation, the cancellation is
            # lost, and a reload would wait forever for the poll.
            async with (
                asyncio.timeout(request.timeout),
                self._session.request(
                    request.method,
                    url,
                    headers=dict(request.headers),
                    data=request.body or None,
                    allow_redirects=False,
                    proxy=proxy.url if proxy else None,
                    proxy_headers=proxy.headers if proxy else None,
                    # A connection is only reused with the context it was made with, so connections of
                    # authorities that are no longer trusted are not reused.
                    ssl=self._ca_bundle.context() if self._ca_bundle else True,
                    timeout=_NO_TIMEOUT,
                ) as answer,
            ):
                body = await _read(answer, request.where)
                headers = Headers({name.lower(): value for name, value in answer.headers.items()})
                return Response(answer.status, headers, body)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # From None: aiohttp's message quotes a broken header, which may be a token.
            looked_up = proxy.url if proxy else url
            raise translated(
                error,
                Way(request.where, url, proxy, self._resolver.looks_up(looked_up.raw_host or "")),
                request.timeout,
            ) from None


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
        # aiohttp raises the same error for a body that is cut off, which is a connection error.
        if isinstance(error.__cause__, ContentEncodingError):
            raise BadResponse(
                "the answer cannot be decompressed",
                where=where,
                status=answer.status,
                advice="check the endpoint, and any proxy in between",
            ) from None
        raise
    return b"".join(chunks)


def exact_url(text: str) -> URL:
    """A percent-encoded URL as it is.

    Not by `URL(text)`, which keeps the last 128 it has made. The pages of a large listing have 200 URLs. Each
    one kept holds a MiB in which workloads were, because Python returns memory in pieces of that size: 74 MiB
    after a peak of 100,000 workloads.
    """
    address, _, query = text.partition("?")
    url = URL()
    url.__setstate__((urlsplit(address)._replace(query=query),))  # the way of pickle, which keeps nothing
    return url
