"""Authenticates the requests of one project."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from exporter.common.errors import CredentialsError
from exporter.common.secrets import Headers, secret_value
from exporter.credentials.credential import KeyPair, Token
from exporter.credentials.signing import signed_headers

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.common.clock import Clock
    from exporter.credentials.credential import Credential, CredentialSource
    from exporter.credentials.lockout import Lockout
    from exporter.transport.http import Request, Response, Transport


class Authenticator:
    """Sends requests with the current credential of a source.

    Args:
        source: gives the credential.
        lockout: shared by the whole process.
        project_id: part of every signature.
        clock: for the time in the signatures.
        on_credential: called with every new credential.
    """

    def __init__(
        self,
        source: CredentialSource,
        lockout: Lockout,
        project_id: str,
        clock: Clock,
        on_credential: Callable[[Credential], None] | None = None,
    ) -> None:
        self._source = source
        self._lockout = lockout
        self._project_id = project_id
        self._clock = clock
        self._on_credential = on_credential
        self._known: Credential | None = None

    @property
    def source_name(self) -> str:
        """Where the credentials come from, for people."""
        return self._source.name

    async def send(self, request: Request, transport: Transport) -> Response:
        """Send the request with credentials. After a 401, send it once more if there are newer ones.

        Returns:
            The answer, whatever its status.

        Raises:
            CredentialsError: there are no credentials, or the cloud refused them recently.
            PollError: the transport's.
        """
        credential = await self._credential()
        try:
            response = await self._ask(credential, request, transport)
        except CredentialsError:
            # `Lockout` sent nothing. Another request may have got new credentials in the meantime.
            renewed = await self._credential()
            if renewed == credential:
                raise
        else:
            if response.status != HTTPStatus.UNAUTHORIZED:
                return response
            self._source.refused(credential)
            renewed = await self._credential()
            if renewed == credential:
                return response
        return await self._ask(renewed, request, transport)

    async def _credential(self) -> Credential:
        credential = await self._source.credential()
        if credential != self._known:
            self._known = credential
            if self._on_credential is not None:
                self._on_credential(credential)
        return credential

    async def _ask(self, credential: Credential, request: Request, transport: Transport) -> Response:
        authenticating = _AuthenticatingTransport(credential, self._project_id, self._clock, transport)
        return await self._lockout.send(
            credential.identity, request, authenticating, project_id=self._project_id
        )


class _AuthenticatingTransport:
    """Adds the credential just before sending, so that no signature ages while `Lockout` waits."""

    def __init__(self, credential: Credential, project_id: str, clock: Clock, transport: Transport) -> None:
        self._credential = credential
        self._project_id = project_id
        self._clock = clock
        self._transport = transport

    async def send(self, request: Request) -> Response:
        added = self._added(request)
        headers = Headers({**request.headers, **added})
        response = await self._transport.send(replace(request, headers=headers))
        signature = added.get("Authorization", "").rpartition("=")[2]
        return replace(response, secrets=(*self._credential.secrets, signature))

    def _added(self, request: Request) -> dict[str, str]:
        match self._credential:
            case Token(value=value):
                return {"X-Auth-Token": secret_value(value)}
            case KeyPair() as pair:
                now = self._clock.wall()
                return signed_headers(request, pair, project_id=self._project_id, now=now)
