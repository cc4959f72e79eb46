"""The endpoints that hand out credentials: IAM tokens, the ECS metadata service, CCE pod identity."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from exporter.simulator.errors import iam_error
from exporter.simulator.iam import timestamp

if TYPE_CHECKING:
    from exporter.common.clock import Clock
    from exporter.simulator.iam import Iam

METADATA_TOKEN = "simulated-metadata-token"  # noqa: S105  (guards nothing: the service answers on loopback)
POD_TOKEN = "simulated-pod-token"  # noqa: S105  (likewise)
"""The content of a pod's token file."""


class CredentialEndpoints:
    """The handlers.

    Args:
        clock: the time.
        iam: issues the tokens and temporary keys.

    Attributes:
        metadata_tokens: whether the metadata service requires a token, as the newer version does. The older
            one answers 405 to the PUT.
    """

    def __init__(self, clock: Clock, iam: Iam) -> None:
        self.metadata_tokens = True
        self._clock = clock
        self._iam = iam

    def routes(self) -> list[web.RouteDef]:
        """Path and handler. The name of a route is the endpoint's name in `RecordedRequest`."""
        return [
            web.post("/v3/auth/tokens", self.token, name="token"),
            web.put("/meta-data/latest/api/token", self.metadata_token, name="metadata-token"),
            web.get("/openstack/latest/securitykey", self.security_key, name="security-key"),
            web.post("/pod-identity/credentials", self.pod_credentials, name="pod-identity"),
        ]

    async def token(self, request: web.Request) -> web.Response:
        """A token for name and password: `X-Subject-Token`."""
        try:
            body = msgspec.json.decode(await request.read())
            user = body["auth"]["identity"]["password"]["user"]
            domain, name, password = user["domain"]["name"], user["name"], user["password"]
        except (msgspec.DecodeError, KeyError, TypeError):
            raise iam_error(HTTPStatus.BAD_REQUEST, "The request body is invalid.", "Bad Request") from None
        token = self._iam.log_in(domain, name, password)
        issued_at, expires_at = timestamp(self._clock.wall()), timestamp(token.expires_at)
        return web.json_bytes_response(
            {"token": {"methods": ["password"], "issued_at": issued_at, "expires_at": expires_at}},
            dumps=msgspec.json.encode,
            status=HTTPStatus.CREATED,
            headers={"X-Subject-Token": token.value},
        )

    async def metadata_token(self, request: web.Request) -> web.Response:
        """The token that the newer metadata service requires."""
        if not self.metadata_tokens:
            return web.Response(status=HTTPStatus.METHOD_NOT_ALLOWED)
        if not request.headers.get("X-Metadata-Token-Ttl-Seconds", "").isdigit():
            return web.Response(status=HTTPStatus.BAD_REQUEST)
        return web.Response(text=METADATA_TOKEN)

    async def security_key(self, request: web.Request) -> web.Response:
        """The temporary key of the machine's agency (ECS agency)."""
        if self.metadata_tokens and request.headers.get("X-Metadata-Token") != METADATA_TOKEN:
            return web.Response(status=HTTPStatus.UNAUTHORIZED)
        key = self._iam.temporary_key()
        return web.json_bytes_response(
            {
                "credential": {
                    "access": key.ak,
                    "secret": key.sk,
                    "securitytoken": key.security_token,
                    "expires_at": timestamp(key.expires_at),
                }
            },
            dumps=msgspec.json.encode,
        )

    async def pod_credentials(self, request: web.Request) -> web.Response:
        """The temporary key of a pod's identity."""
        if request.headers.get("Authorization") != POD_TOKEN:
            return web.Response(status=HTTPStatus.UNAUTHORIZED)
        key = self._iam.temporary_key()
        return web.json_bytes_response(
            {
                "credentials": {
                    "accessKeyId": key.ak,
                    "secretAccessKey": key.sk,
                    "securityToken": key.security_token,
                    "expiration": timestamp(key.expires_at),
                }
            },
            dumps=msgspec.json.encode,
        )
