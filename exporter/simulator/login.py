"""The endpoints that hand out credentials: IAM, the ECS metadata service, CCE pod identity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from exporter.simulator.identity import timestamp
from exporter.simulator.modelarts import reply
from exporter.simulator.refusals import by_iam

if TYPE_CHECKING:
    from exporter.common.clock import Clock
    from exporter.simulator.identity import Identity

METADATA_TOKEN = "simulated-metadata-token"  # noqa: S105  (guards nothing: the service answers on loopback)
POD_TOKEN = "simulated-pod-token"  # noqa: S105  (likewise)
"""What a pod's token file must hold."""


class Login:
    """The endpoints, over the identity that they hand out.

    Args:
        clock: the time.
        identity: who may ask, and the keys and tokens.

    Attributes:
        metadata_tokens: whether the metadata service knows tokens; the older one answers 405 to the PUT
            and asks for none.
    """

    def __init__(self, clock: Clock, identity: Identity) -> None:
        self.metadata_tokens = True
        self._clock = clock
        self._identity = identity

    def routes(self) -> list[web.RouteDef]:
        """Path and handler; a route's name is what a fault calls the endpoint."""
        return [
            web.post("/v3/auth/tokens", self.token, name="token"),
            web.put("/meta-data/latest/api/token", self.metadata_token, name="metadata-token"),
            web.get("/openstack/latest/securitykey", self.security_key, name="security-key"),
            web.post("/pod-identity/credentials", self.pod_credentials, name="pod-identity"),
        ]

    async def token(self, request: web.Request) -> web.Response:
        """A token for name and password."""
        try:
            body = msgspec.json.decode(await request.read())
            user = body["auth"]["identity"]["password"]["user"]
            domain, name, password = user["domain"]["name"], user["name"], user["password"]
        except (msgspec.DecodeError, KeyError, TypeError):
            raise by_iam(400, "The request body is invalid.", "Bad Request") from None
        token = self._identity.log_in(domain, name, password)
        issued_at, expires_at = timestamp(self._clock.wall()), timestamp(token.expires_at)
        answer = reply(
            {"token": {"methods": ["password"], "issued_at": issued_at, "expires_at": expires_at}}, 201
        )
        answer.headers["X-Subject-Token"] = token.value
        return answer

    async def metadata_token(self, request: web.Request) -> web.Response:
        """The token that the newer metadata service wants to see."""
        if not self.metadata_tokens:
            return web.Response(status=405)
        if not request.headers.get("X-Metadata-Token-Ttl-Seconds", "").isdigit():
            return web.Response(status=400)
        return web.Response(text=METADATA_TOKEN)

    async def security_key(self, request: web.Request) -> web.Response:
        """The temporary key of the machine's agency."""
        if self.metadata_tokens and request.headers.get("X-Metadata-Token") != METADATA_TOKEN:
            return web.Response(status=401)
        key = self._identity.temporary_key()
        return reply(
            {
                "credential": {
                    "access": key.ak,
                    "secret": key.sk,
                    "securitytoken": key.security_token,
                    "expires_at": timestamp(key.expires_at),
                }
            }
        )

    async def pod_credentials(self, request: web.Request) -> web.Response:
        """The temporary key of a pod's identity."""
        if request.headers.get("Authorization") != POD_TOKEN:
            return web.Response(status=401)
        key = self._identity.temporary_key()
        return reply(
            {
                "credentials": {
                    "accessKeyId": key.ak,
                    "secretAccessKey": key.sk,
                    "securityToken": key.security_token,
                    "expiration": timestamp(key.expires_at),
                }
            }
        )
