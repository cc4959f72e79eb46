"""Who is let in, and with what. The outermost layer around every path, as in exporter-toolkit.

A token bucket, as Go's rate.Limiter, which exporter-toolkit puts before everything else.

Own code: the libraries that offer one wait for a token, this one only says whether there is one.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

from aiohttp import web

from exporter.common.errors import TooManyPasswordChecks
from exporter.web.basic_auth import PasswordCheck
from exporter.web.tls import names_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp.typedefs import Handler, Middleware
    from pydantic import SecretStr

    from exporter.common.clock import Clock
    from exporter.web.config import RateLimit, TlsServerConfig
    from exporter.web.config_watch import WebConfigWatcher


def gate(config: WebConfigWatcher, clock: Clock) -> Middleware:
    """A middleware that asks for what the web configuration asks for at this moment."""
    passwords, rate = PasswordCheck(), _Rate(clock)

    @web.middleware
    async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
        config.refresh()
        settings = config.settings
        if not rate.allows(settings.rate_limit):
            return web.Response(status=429, text="too many requests; rate_limit allows no more\n")
        if request.body_exists:
            return _without_body()
        if tls := settings.tls_server_config:
            refusal = _refusal(tls, request.get_extra_info("peercert"), clock)
            if refusal:
                return web.Response(status=403, text=f"{refusal}\n")
        users = settings.basic_auth_users
        if users and (refused := await _unknown(passwords, users, request)):
            return refused
        return await handler(request)

    return admit


async def _unknown(
    passwords: PasswordCheck, users: Mapping[str, SecretStr], request: web.Request
) -> web.Response | None:
    """The answer to who is none of the users; None for who is."""
    try:
        if await passwords.admits(users, request.headers.get("Authorization", "")):
            return None
    except TooManyPasswordChecks as error:
        return web.Response(status=503, text=f"{error}\n", headers={"Retry-After": "1"})
    return web.Response(
        status=401,
        text="user and password are needed\n",
        headers={"WWW-Authenticate": 'Basic realm="modelarts-exporter", charset="UTF-8"'},
    )


class _Rate:
    """The bucket of the rate limit in use: another limit begins with a full one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._limit: RateLimit | None = None
        self._bucket = TokenBucket(interval=0, burst=0, clock=clock)

    def allows(self, limit: RateLimit) -> bool:
        if limit != self._limit:
            self._limit = limit
            self._bucket = TokenBucket(interval=limit.interval, burst=limit.burst, clock=self._clock)
        return self._bucket.take()


def _refusal(tls: TlsServerConfig, certificate: Mapping[str, Any] | None, clock: Clock) -> str:
    """What is wrong with a client certificate that its handshake let through; empty where nothing is.

    Asyncio can refuse a client without a trusted certificate at the handshake, but not one for the names in
    it; and a connection that is kept, or a session that is resumed, outlives a certificate.
    """
    if certificate and ssl.cert_time_to_seconds(certificate["notAfter"]) < clock.wall():
        return "the client certificate has expired since the connection was made; connect with a new one"
    if tls.client_allowed_sans and names_in(certificate).isdisjoint(tls.client_allowed_sans):
        return "no name in the client certificate is in client_allowed_sans"
    return ""


def _without_body() -> web.Response:
    """Answered at once, and the connection closed: nobody waits for what is not read."""
    response = web.Response(status=413, text="no path here takes a request with a body\n")
    response.force_close()
    return response


class TokenBucket:
    """Full at first.

    Args:
        interval: seconds until another token comes; 0 for no limit.
        burst: tokens that it holds at most.
        clock: the time.
    """

    def __init__(self, *, interval: float, burst: int, clock: Clock) -> None:
        self._interval = interval
        self._burst = burst
        self._clock = clock
        self._full_at = clock.monotonic()

    def take(self) -> bool:
        """Take a token; False where there is none."""
        now = self._clock.monotonic()
        full_at = max(self._full_at, now) + self._interval
        if full_at - now > (self._burst + 1e-6) * self._interval:  # a little more, for what floats round off
            return False
        self._full_at = full_at
        return True
