"""A cloud that refuses everything and quotes the request, as gateways do, in every way that comes to mind."""

from __future__ import annotations

import base64
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from aiohttp import web

from support.secrecy.canaries import AK, IAM_TOKEN, METADATA_TOKEN, POD_TOKEN, SECURITY_TOKEN, SK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

STATUSES = (403, 302, 400, 404, 200, 401)
ENDS = "2100-01-01T00:00:00Z"


@dataclass
class Echo:
    """What arrived.

    Attributes:
        url: where it listens.
        headers: of every request.
        signatures: of every request, which are secrets too.
    """

    url: str = ""
    headers: list[dict[str, str]] = field(default_factory=list)
    listings: int = 0

    @property
    def signatures(self) -> dict[str, str]:
        given = [headers.get("Authorization", "").rpartition("Signature=")[2] for headers in self.headers]
        return {f"signature {index}": value for index, value in enumerate(given) if value}

    async def listing(self, request: web.Request) -> web.Response:
        """Another status each time, the last one for ever."""
        status = STATUSES[min(self.listings, len(STATUSES) - 1)]
        self.listings += 1
        return self._refused(status, await self._quoted(request))

    async def login(self, request: web.Request) -> web.Response:
        await self._quoted(request)
        body = {"token": {"expires_at": ENDS}}
        return web.json_response(body, status=201, headers={"X-Subject-Token": IAM_TOKEN})

    async def keys(self, request: web.Request) -> web.Response:
        """Temporary keys, for a pod."""
        quoted = await self._quoted(request)
        if request.headers.get("Authorization") != POD_TOKEN:
            return self._refused(401, quoted)
        keys = {"accessKeyId": AK, "secretAccessKey": SK, "securityToken": SECURITY_TOKEN, "expiration": ENDS}
        return web.json_response({"credentials": keys})

    async def metadata_token(self, request: web.Request) -> web.Response:
        await self._quoted(request)
        return web.Response(text=METADATA_TOKEN)

    async def agency_keys(self, request: web.Request) -> web.Response:
        """Temporary keys, for a machine."""
        quoted = await self._quoted(request)
        if request.headers.get("X-Metadata-Token") != METADATA_TOKEN:
            return self._refused(401, quoted)
        keys = {"access": AK, "secret": SK, "securitytoken": SECURITY_TOKEN, "expires_at": ENDS}
        return web.json_response({"credential": keys})

    async def _quoted(self, request: web.Request) -> str:
        self.headers.append(dict(request.headers))
        body = (await request.read()).decode()
        plain = "|".join(
            (request.method, request.path, *(f"{k}:{v}" for k, v in request.headers.items()), body)
        )
        secret = request.headers.get("X-Security-Token") or request.headers.get("X-Auth-Token") or ""
        short = request.headers.get("Authorization", "")[26:56]
        encoded = (
            f"{base64.b64encode(secret.encode()).decode()} {secret.encode().hex()} {quote(secret, safe='')}"
        )
        # The encoded forms alternate with the plain one: a message is shown up to its 300th character.
        return (encoded, plain, f"{short} {secret[:40]} {secret[-40:]}")[len(self.headers) % 3]

    def _refused(self, status: int, quoted: str) -> web.Response:
        body = json.dumps({"error_code": f"APIGW.0301{quoted[:30]}", "error_msg": f"{quoted} was refused"})
        location = {"Location": f"https://login.example.com/{quote(quoted)}?token={quote(quoted)}"}
        headers = {"X-Request-Id": quote(quoted), **(location if status == 302 else {})}
        return web.Response(
            text=body if status != 200 else f"<html>{quoted}</html>",
            status=status,
            content_type="text/html" if status == 200 else "application/json",
            headers=headers,
        )


@asynccontextmanager
async def echoing() -> AsyncIterator[Echo]:
    """Serve on a free port."""
    echo = Echo()
    application = web.Application()
    application.router.add_post("/v3/auth/tokens", echo.login)
    application.router.add_post("/keys", echo.keys)
    application.router.add_put("/meta-data/latest/api/token", echo.metadata_token)
    application.router.add_get("/openstack/latest/securitykey", echo.agency_keys)
    application.router.add_route("*", "/{path:.*}", echo.listing)
    runner = web.AppRunner(application, max_field_size=65536, max_line_size=65536)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        echo.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield echo
    finally:
        await runner.cleanup()
