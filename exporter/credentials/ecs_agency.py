"""Temporary keys for an ECS machine, from its metadata service.

The keys belong to the agency that is set for the machine.
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  (msgspec reads the annotations)
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

from exporter.credentials.credential import key_pair, usable
from exporter.credentials.responses import decoded, require_ok, unix
from exporter.transport.http import Request

if TYPE_CHECKING:
    from exporter.credentials.credential import KeyPair
    from exporter.transport.http import Transport

METADATA = "http://169.254.169.254"
"""Reachable only from an ECS machine. Requests to it never use a proxy."""

_TIMEOUT = 3.0
"""Seconds. The service is one hop away. Outside of an ECS machine nothing answers, so do not wait long."""

_TOKEN_TTL = "300"  # noqa: S105  (seconds, not a token; one is used for one request)
_NO_TOKENS = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED})


class _Credential(msgspec.Struct):
    access: str
    secret: str
    securitytoken: str
    expires_at: datetime


class _AgencyAnswer(msgspec.Struct):
    credential: _Credential


class EcsAgency:
    """An issuer of the machine's temporary keys.

    They are valid for an hour. The service has new ones 10 minutes before they expire.

    Args:
        transport: one that never uses a proxy.
        endpoint: the metadata service.
    """

    name = "ECS agency"

    def __init__(self, transport: Transport, endpoint: str = METADATA) -> None:
        self._transport = transport
        self._endpoint = endpoint

    async def issue(self) -> KeyPair:
        """Ask the metadata service."""
        headers = await self._token()
        url = f"{self._endpoint}/openstack/latest/securitykey"
        request = Request("GET", url, headers, timeout=_TIMEOUT)
        response = await self._transport.send(request)
        require_ok(
            request,
            response,
            source=self.name,
            problem="the metadata service gives no keys",
            advice="set an agency for Elastic Cloud Server on this machine",
        )
        given = decoded(response, _AgencyAnswer, self.name).credential
        return key_pair(
            given.access,
            given.secret,
            given.securitytoken,
            expires_at=unix(given.expires_at),
            source=self.name,
        )

    async def _token(self) -> dict[str, str]:
        """The header with the token that newer metadata services require; empty for older ones."""
        url = f"{self._endpoint}/meta-data/latest/api/token"
        request = Request("PUT", url, {"X-Metadata-Token-Ttl-Seconds": _TOKEN_TTL}, timeout=_TIMEOUT)
        response = await self._transport.send(request)
        if response.status in _NO_TOKENS:
            return {}
        require_ok(request, response, source=self.name, problem="the metadata service gives no token")
        token = usable("metadata token", response.body.decode(errors="replace"), self.name)
        return {"X-Metadata-Token": token}
