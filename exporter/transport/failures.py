"""What went wrong on the way to an answer, in the exporter's own errors: what failed, and what to check."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp

from exporter.common.errors import BadResponse, ConnectionFailed, PollError, RequestTimeout, TlsFailed

if TYPE_CHECKING:
    from yarl import URL

    from exporter.transport.proxy import Proxy

_NO_TLS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"}
"""What OpenSSL says, depending on its version, when the other side's first bytes are not TLS."""

# From OpenSSL's x509_vfy.h; Python has no names for them.
_NOT_YET_VALID, _EXPIRED = 9, 10
_WRONG_NAME = {62, 64}


@dataclass(frozen=True, slots=True)
class Way:
    """The way that a request took.

    Attributes:
        where: the request, for the error.
        url: what was asked for.
        proxy: None if the connection was direct.
        looking_up: whether the name that the connection is made to is still being looked up.
    """

    where: str
    url: URL
    proxy: Proxy | None
    looking_up: bool = False

    def __str__(self) -> str:
        """The endpoint, and the proxy if there is one."""
        origin = f"{self.url.scheme}://{self.url.raw_authority}"
        return f"{origin} through {self.proxy}" if self.proxy else origin

    def failing_proxy(self, error: Exception) -> Proxy | None:
        """The proxy if the connection to the proxy itself has failed."""
        if self.proxy is None or not isinstance(error, aiohttp.ClientConnectorError):
            return None
        ends_here = (error.host, error.port) == (self.proxy.url.raw_host, self.proxy.url.port)
        return self.proxy if ends_here else None


def translated(error: Exception, way: Way, timeout: float) -> PollError:
    """An error as a `PollError`.

    Args:
        error: of aiohttp or the operating system.
        way: how the request went.
        timeout: seconds that it had.
    """
    match error:
        case asyncio.TimeoutError():
            return _timed_out(way, timeout)
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return _untrusted(error, way)
        case (
            aiohttp.ClientPayloadError()
            | aiohttp.ServerDisconnectedError()
            | aiohttp.ClientOSError()
            | OSError()
        ):
            return _broken(error, way)
        case aiohttp.ClientHttpProxyError(status=status):
            # The proxy's own message may repeat its password.
            return ConnectionFailed(
                f"no connection to {way}: the proxy answers HTTP {status}",
                where=way.where,
                advice="check the proxy: its user and password, and whether it lets this host through",
            )
        case aiohttp.InvalidURL():
            return ConnectionFailed(
                f"no connection to {way}: no usable address",
                where=way.where,
                advice="check endpoint and proxy",
            )
        case _:
            return BadResponse(
                f"the answer is not valid HTTP ({type(error).__name__})",
                where=way.where,
                status=getattr(error, "status", 0) or 0,
                advice="check that the endpoint is ModelArts",
            )


def _timed_out(way: Way, timeout: float) -> PollError:
    what = f"no complete answer from {way} within {timeout:g} s"
    advice = "check the endpoint and the network, or raise poll.timeout"
    if way.looking_up:
        what = f"{what}: the name {'of the proxy ' if way.proxy else ''}is still being looked up"
        advice = "check the name servers of this machine (/etc/resolv.conf)"
    elif way.proxy:
        advice = "check the proxy, the endpoint and the network, or raise poll.timeout"
    return RequestTimeout(what, where=way.where, advice=advice)


def _untrusted(error: aiohttp.ClientSSLError | ssl.SSLError, way: Way) -> PollError:
    cause = error.os_error if isinstance(error, aiohttp.ClientSSLError) else error
    proxy = way.failing_proxy(error)
    subject = "the proxy" if proxy else "the endpoint"
    if isinstance(cause, ssl.SSLCertVerificationError):
        advice = _certificate(cause.verify_code, subject)
    elif isinstance(cause, ssl.SSLError) and cause.reason in _NO_TLS:
        advice = f"that port does not speak TLS: check scheme, host and port of {subject}"
    else:
        advice = f"check {subject}: it must speak TLS 1.2 or later"
    return TlsFailed(
        f"no trusted connection to {proxy or way}: {_reason(error)}", where=way.where, advice=advice
    )


def _certificate(verify_code: int, subject: str) -> str:
    """What to do about a certificate that OpenSSL does not accept."""
    if verify_code in _WRONG_NAME:
        return f"the certificate is for another host: check {subject}'s host"
    if verify_code in {_NOT_YET_VALID, _EXPIRED}:
        return f"check the dates of {subject}'s certificate, and this machine's clock"
    return f"check {subject}'s certificate; for a private cloud set ca_file"


def _broken(error: Exception, way: Way) -> PollError:
    proxy, unresolved = way.failing_proxy(error), isinstance(error, aiohttp.ClientConnectorDNSError)
    what = f"no connection to {proxy}" if proxy else f"no connection to {way}, or it broke"
    if unresolved:
        advice = (
            f"check the host of {'the proxy' if proxy else 'the endpoint'}, and this machine's name servers"
        )
    elif proxy:
        advice = f"check the proxy and {proxy.source}"
    elif way.proxy:
        advice = "check endpoint, proxy and firewall"
    elif way.url.scheme == "http" and isinstance(error, aiohttp.ServerDisconnectedError):
        # An https port answers a plain http request by closing the connection.
        advice = "is the endpoint https?"
    else:
        advice = "check endpoint, name resolution, proxy and firewall"
    return ConnectionFailed(f"{what}: {_reason(error)}", where=way.where, advice=advice)


def _reason(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorError):
        error = error.os_error  # without the host, which is already named
    return " ".join(str(error).split()) or type(error).__name__  # on one line
