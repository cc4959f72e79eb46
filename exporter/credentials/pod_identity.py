"""Temporary keys of the agency of the CCE pod's service account."""

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
from exporter.credentials.renewal import RenewedSource
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


class _Answer(msgspec.Struct):
    credentials: _Credentials


class PodIdentity:
    """An issuer of the pod's temporary keys.

    Args:
        uri: where the agent on the node gives them.
        token_file: the service account's token, which Kubernetes replaces; read at every request.
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
        given = decoded(response, _Answer, self.name).credentials
        return key_pair(
            given.access_key_id,
            given.secret_access_key,
            given.security_token,
            expires_at=unix(given.expiration),
            source=self.name,
        )


def pod_identity(environment: Mapping[str, str], transport: Transport, clock: Clock) -> RenewedSource | str:
    """The source that the pod's environment describes, or why there is none.

    Raises:
        CredentialsError: it is described by half.
    """
    match environment.get(_URI), environment.get(_TOKEN_FILE):
        case (None | "", None | ""):
            return f"{_URI} and {_TOKEN_FILE} are not set"
        case (None | "", _) | (_, None | ""):
            raise CredentialsError(f"only one of {_URI} and {_TOKEN_FILE} is set", where=POD_IDENTITY)
        case str(uri), str(token_file):
            if not _trustworthy(uri):
                # It is not quoted: there may be a password in it.
                raise CredentialsError(
                    f"{_URI} is neither https nor an address of this host or of a private network",
                    where=POD_IDENTITY,
                    advice="the service account's token is not sent there; it is set by CCE, not by hand",
                )
            return RenewedSource(PodIdentity(uri, Path(token_file), transport), clock)


def _trustworthy(uri: str) -> bool:
    """Whether a token may be sent there: by https to anybody with a certificate, else to somebody near.

    Huawei's SDK asks whatever is set (auth/provider.py): whoever can set the variable is sent the token. No
    page tells the agent's address, so every private one counts as near; names do not, they may lead anywhere.
    """
    try:
        url = urlsplit(uri)
        host, port = url.hostname or "", url.port
    except ValueError:
        return False
    if "@" in url.netloc or not host or port == 0:
        return False
    try:
        near = not ipaddress.ip_address(host).is_global
    except ValueError:
        near = host == "localhost"
    return url.scheme == "https" or (url.scheme == "http" and near)
