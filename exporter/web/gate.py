"""Who is let in. The outermost layer around every path, as in exporter-toolkit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from exporter.web.basic_auth import PasswordCheck
from exporter.web.tls import names_in

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware

    from exporter.web.live import LiveWebConfig


def gate(config: LiveWebConfig) -> Middleware:
    """A middleware that asks for what the web configuration asks for at this moment."""
    passwords = PasswordCheck()

    @web.middleware
    async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
        config.refresh()
        tls, users = config.settings.tls_server_config, config.settings.basic_auth_users
        # Per request: asyncio can refuse a client without a trusted certificate at the handshake, but not one
        # for the names in it.
        if (
            tls
            and tls.client_allowed_sans
            and names_in(request.get_extra_info("peercert")).isdisjoint(tls.client_allowed_sans)
        ):
            return web.Response(
                status=403, text="no name in the client certificate is in client_allowed_sans\n"
            )
        if users and not await passwords.admits(users, request.headers.get("Authorization", "")):
            return web.Response(
                status=401,
                text="user and password are needed\n",
                headers={"WWW-Authenticate": 'Basic realm="modelarts-exporter", charset="UTF-8"'},
            )
        return await handler(request)

    return admit
