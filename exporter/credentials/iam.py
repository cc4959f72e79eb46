"""Logs in to IAM with user and password, and gets a token for one project.

https://support.huaweicloud.com/intl/en-us/api-iam/iam_30_0001.html
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  (msgspec reads the annotations)
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from exporter.common.errors import CredentialsError
from exporter.common.secrets import redacted
from exporter.credentials.credential import Identity, Token, fingerprint, usable
from exporter.credentials.key_files import read_secret
from exporter.credentials.responses import check_server, decoded, unix
from exporter.transport.http import DECODE_ERRORS, Request

if TYPE_CHECKING:
    from exporter.credentials.lockout import Lockout
    from exporter.transport.http import Response, Transport

_MESSAGE_LENGTH = 200


class _Validity(msgspec.Struct):
    expires_at: datetime


class _LoginAnswer(msgspec.Struct):
    token: _Validity


class _Error(msgspec.Struct):
    message: str = ""


class _ErrorAnswer(msgspec.Struct):
    error: _Error = msgspec.field(default_factory=_Error)
    error_msg: str = ""


class IamLogin:
    """An issuer of tokens. `Lockout` counts a refused login like any other refused credential.

    Args:
        endpoint: `https://iam.<region>.myhuaweicloud.com`.
        username: of an IAM user; a HUAWEI ID cannot log in here.
        password: the password, or the file that holds it; the file is read for every login.
        domain: the account's name.
        project_id: the project that the token is valid for.
        lockout: shared by all logins.
        transport: to IAM.
        timeout: seconds for the whole answer.
    """

    def __init__(
        self,
        *,
        endpoint: str,
        username: str,
        password: str | Path,
        domain: str,
        project_id: str,
        lockout: Lockout,
        transport: Transport,
        timeout: float = 10.0,
    ) -> None:
        self.name = f"IAM user {username} of domain {domain}, project {project_id}"
        self._endpoint = endpoint.rstrip("/")
        self._username = username
        self._password = password
        self._domain = domain
        self._project_id = project_id
        self._lockout = lockout
        self._transport = transport
        self._timeout = timeout

    async def issue(self) -> Token:
        """Log in."""
        password = read_secret(self._password) if isinstance(self._password, Path) else self._password
        request = self._request(password)
        response = await self._lockout.send(self._identity(password), request, self._transport)
        check_server(request, response, self.name)
        if response.status != HTTPStatus.CREATED:
            raise CredentialsError(
                _refusal_text(response, password), where=self.name, advice=self._advice(response.status)
            )
        expires_at = unix(decoded(response, _LoginAnswer, self.name).token.expires_at)
        value = usable("token in X-Subject-Token", response.headers.get("x-subject-token", ""), self.name)
        return Token(value, expires_at, self.name)

    def _request(self, password: str) -> Request:
        user = {"name": self._username, "password": password, "domain": {"name": self._domain}}
        auth = {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": {"id": self._project_id}},
        }
        return Request(
            "POST",
            # The list of services (catalog) would make the answer many times larger.
            f"{self._endpoint}/v3/auth/tokens?nocatalog=true",
            {"Content-Type": "application/json"},
            msgspec.json.encode({"auth": auth}),
            self._timeout,
        )

    def _identity(self, password: str) -> Identity:
        """The login, without the project: IAM locks the user, for every project."""
        user = fingerprint("login", self._endpoint, self._domain, self._username)
        own = fingerprint(user, password)
        return Identity(own, user, user, self.name, self._advice(HTTPStatus.UNAUTHORIZED))

    def _advice(self, status: int) -> str:
        if status == HTTPStatus.UNAUTHORIZED:
            return (
                f"check the password, the IAM user's name {self._username!r}, that its account is "
                f"{self._domain!r} (domain), and that the user may log in by program"
            )
        return f"check iam_endpoint, project_id, and that user {self._username!r} has access to the project"


def _refusal_text(response: Response, password: str) -> str:
    what = f"IAM refused the login with HTTP {response.status}"
    try:
        answer = msgspec.json.decode(response.body, type=_ErrorAnswer)
    except DECODE_ERRORS:
        return what
    message = answer.error.message or answer.error_msg
    # Nothing documents that IAM never quotes the password.
    message = redacted(message, (password,))[:_MESSAGE_LENGTH]
    return f"{what}: {message}" if message else what
