"""Temporary keys for a CCE pod, from the pod identity agent on its node.

The keys belong to the agency that is associated with the pod's service account.
"""

from __future__ import annotations

import ipaddress
from datetime import datetime  # noqa: TC003  (msgspec reads the annotations)
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from exporter.common.errors import CredentialsError
from exporter.credentials.credential import key_pair, usable
from exporter.credentials.key_files import read_secret
from exporter.credentials.renewal import Renewals, RenewedSource
from exporter.credentials.responses import decoded, require_ok, unix
from exporter.transport.http import Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.common.clock import Clock
    from exporter.credentials.credential import KeyPair
    from exporter.transport.http import Transport

POD_IDENTITY = "CCE pod identity"
"""The name of the source."""

_URI, _TOKEN_FILE = "HC_CONTAINER_CREDENTIALS_FULL_URI", "HC_CONTAINER_AUTHORIZATION_TOKEN_FILE"
_TIMEOUT = 5.0


class _Credentials(msgspec.Struct, rename="camel"):
    access_key_id: str
    secret_access_key: str
    security_token: str
    expiration: datetime


class _PodAnswer(msgspec.Struct):
    credentials: _Credentials


class PodIdentity:
    """An issuer of the pod's temporary keys.

    Args:
        uri: the agent's address.
        token_file: holds the token of the service account. Kubernetes replaces it, so it is read for every
            request.
        transport: one that never uses a proxy.
    """

    name = POD_IDENTITY

    def __init__(self, uri: str, token_file: Path, transport: Transport) -> None:
        self._uri = uri
        self._token_file = token_file
        self._transport = transport

    async def issue(self) -> KeyPair:
        """Ask the agent."""
        token = usable("service account token", read_secret(self._token_file), self.name)
        headers = {"Authorization": token, "Content-Type": "application/json"}
        request = Request("POST", self._uri, headers, b"{}", _TIMEOUT)
        response = await self._transport.send(request)
        require_ok(
            request,
            response,
            source=self.name,
            problem="the pod identity agent gives no keys",
            advice="check the association of the pod's service account with an agency",
        )
        given = decoded(response, _PodAnswer, self.name).credentials
        return key_pair(
            given.access_key_id,
            given.secret_access_key,
            given.security_token,
            expires_at=unix(given.expiration),
            source=self.name,
        )


def pod_identity(
    environment: Mapping[str, str], transport: Transport, clock: Clock, renewals: Renewals
) -> RenewedSource | str:
    """The source that the pod's environment variables describe; a text that says why if there is none.

    Raises:
        CredentialsError: only one of the two variables is set, or the address is not trustworthy.
    """
    match environment.get(_URI), environment.get(_TOKEN_FILE):
        case (None | "", None | ""):
            return f"{_URI} and {_TOKEN_FILE} are not set"
        case (None | "", _) | (_, None | ""):
            raise CredentialsError(f"only one of {_URI} and {_TOKEN_FILE} is set", where=POD_IDENTITY)
        case str(uri), str(token_file):
            if not _trustworthy(uri):
                # The address is not quoted: it may contain a password.
                raise CredentialsError(
                    f"{_URI} is neither https nor an address of this host or of a private network",
                    where=POD_IDENTITY,
                    advice="the service account's token is not sent there; leave the variable as CCE sets it",
                )
            renewal = renewals.of(POD_IDENTITY, uri, token_file)
            return RenewedSource(PodIdentity(uri, Path(token_file), transport), clock, renewal)


def _trustworthy(uri: str) -> bool:
    """Whether a token may be sent there: over https to any host, over http only to a private address.

    Huawei's SDK sends the token to any address in the variable (auth/provider.py), so whoever can set the
    variable gets the token. The agent's address is not documented, so every private address is accepted. Host
    names are not, except `localhost`: a name can resolve to any address.
    """
    try:
        url = urlsplit(uri)
        host, port = url.hostname or "", url.port
    except ValueError:
        return False
    if "@" in url.netloc or not host or port == 0:
        return False
    try:
        private = not ipaddress.ip_address(host).is_global
    except ValueError:
        private = host == "localhost"
    return url.scheme == "https" or (url.scheme == "http" and private)
