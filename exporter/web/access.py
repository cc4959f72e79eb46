"""Access control around every path: rate limit, client certificate, user and password.

The order is exporter-toolkit's. The rate limit comes first, so that guessed passwords count. Before all that,
a connection that was made under other requirements of TLS is closed.
"""

from __future__ import annotations

import ssl
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aiohttp import web

from exporter.common.errors import TooManyPasswordChecks
from exporter.web.fair_share import client_of
from exporter.web.tls import names_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp.typedefs import Handler, Middleware
    from pydantic import SecretStr

    from exporter.common.clock import Clock
    from exporter.web.basic_auth import PasswordCheck
    from exporter.web.config import RateLimit, TlsServerConfig
    from exporter.web.config_watch import WebConfigWatcher


def access_control(config: WebConfigWatcher, passwords: PasswordCheck, clock: Clock) -> Middleware:
    """A middleware that applies the web configuration of the moment."""
    rate = _RateLimit(clock)

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        config.refresh()
        if not config.still_admits(request.get_extra_info("sslcontext")):
            return _end_connection(request)
        settings = config.settings
        if not rate.allows(settings.rate_limit):
            return web.Response(
                status=HTTPStatus.TOO_MANY_REQUESTS, text="too many requests; rate_limit allows no more\n"
            )
        if request.body_exists:
            return _refuse_body()
        if tls := settings.tls_server_config:
            problem = _certificate_problem(tls, request.get_extra_info("peercert"), clock)
            if problem:
                return web.Response(status=HTTPStatus.FORBIDDEN, text=f"{problem}\n")
        users = settings.basic_auth_users
        if users and (refused := await _check_user(passwords, users, request)):
            return refused
        return await handler(request)

    return check


async def _check_user(
    passwords: PasswordCheck, users: Mapping[str, SecretStr], request: web.Request
) -> web.Response | None:
    """The response to a client without a valid user and password; None for a valid one."""
    try:
        admitted = await passwords.admits(
            users,
            request.headers.get("Authorization", ""),
            client=client_of(request.remote or ""),
            gone=lambda: request.transport is None,
        )
        if admitted:
            return None
    except TooManyPasswordChecks as error:
        return web.Response(
            status=HTTPStatus.SERVICE_UNAVAILABLE, text=f"{error}\n", headers={"Retry-After": "1"}
        )
    return web.Response(
        status=HTTPStatus.UNAUTHORIZED,
        text="user and password are needed\n",
        headers={"WWW-Authenticate": 'Basic realm="modelarts-exporter", charset="UTF-8"'},
    )


class _RateLimit:
    """The token bucket of the limit in use; a changed limit starts with a full bucket."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._limit: RateLimit | None = None
        self._bucket = TokenBucket(interval=0, burst=0, clock=clock)

    def allows(self, limit: RateLimit) -> bool:
        if limit != self._limit:
            self._limit = limit
            self._bucket = TokenBucket(interval=limit.interval, burst=limit.burst, clock=self._clock)
        return self._bucket.take()


def _certificate_problem(tls: TlsServerConfig, certificate: Mapping[str, Any] | None, clock: Clock) -> str:
    """What is wrong with a client certificate that the handshake accepted; empty if nothing is.

    The handshake refuses untrusted certificates, but it does not check names, and a kept connection or a
    resumed session can outlive its certificate.
    """
    if certificate and ssl.cert_time_to_seconds(certificate["notAfter"]) < clock.wall():
        return "the client certificate has expired since the connection was made; connect with a new one"
    if tls.client_allowed_sans and names_in(certificate).isdisjoint(tls.client_allowed_sans):
        return "no name in the client certificate is in client_allowed_sans"
    return ""


def _end_connection(request: web.Request) -> web.Response:
    """Close the connection without a response. Then clients send the request again, on a new connection."""
    if request.transport:
        request.transport.close()
    return web.Response()


def _refuse_body() -> web.Response:
    """Respond at once and close the connection, instead of reading the body."""
    response = web.Response(
        status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text="no path accepts a request with a body\n"
    )
    response.force_close()
    return response


def comes_from_another_site(request: web.Request) -> bool:
    """Whether a browser made the request for a page that is not the exporter's.

    The rule is the one of Go's http.CrossOriginProtection. Clients that are no browsers send neither header.
    """
    if fetched := request.headers.get("Sec-Fetch-Site"):
        return fetched not in {"same-origin", "none"}
    origin = request.headers.get("Origin")
    return origin is not None and origin.partition("://")[2].lower() != request.host.lower()


class TokenBucket:
    """A token bucket like Go's rate.Limiter, full at first.

    Own code: the libraries wait for a token, this one only says whether there is one.

    Args:
        interval: seconds between two tokens; 0 for no limit.
        burst: tokens in a full bucket.
        clock: the time.
    """

    def __init__(self, *, interval: float, burst: int, clock: Clock) -> None:
        self._interval = interval
        self._burst = burst
        self._clock = clock
        self._full_at = clock.monotonic()

    def take(self) -> bool:
        """Take a token; False if there is none."""
        now = self._clock.monotonic()
        full_at = max(self._full_at, now) + self._interval
        if full_at - now > (self._burst + 1e-6) * self._interval:  # tolerance for rounding
            return False
        self._full_at = full_at
        return True
