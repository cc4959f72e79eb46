"""Target: what IAM, the metadata service and the pod identity agent answer."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any, cast

from exporter.common.errors import PollError
from exporter.credentials.ecs_agency import EcsAgency
from exporter.credentials.iam import IamLogin
from exporter.credentials.pod_identity import PodIdentity
from exporter.transport.http import Response

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    from exporter.credentials.credential import Credential

_SECRETS = ("secret", "securitytoken", "secretAccessKey", "securityToken")
_PASSWORD = "hush-hush"
_LONG_ENOUGH = 8
"""Characters; a shorter secret may stand in a sentence by chance."""


class _Answering:
    """In place of transport and guard: one answer to everything."""

    def __init__(self, response: Response) -> None:
        self._response = response

    async def send(self, *_: Any, **__: Any) -> Response:
        return self._response


def credentials(data: bytes) -> None:
    """Status and a header in a line each, then the body: a credential, or a PollError in one printable line.

    The error and what it carries along hold neither password nor keys.
    """
    status, header, body = (*data.split(b"\n", 2), b"", b"")[:3]
    headers = {"x-subject-token": header.decode("latin-1"), "retry-after": header.decode("latin-1")}
    answering: Any = _Answering(Response(int(status) if status in _STATUSES else 200, headers, body))
    iam = IamLogin(
        endpoint="https://iam",
        username="prometheus",
        password=_PASSWORD,
        domain="acme",
        project_id="0" * 32,
        lockout=answering,
        transport=answering,
    )
    for issuer in (iam, EcsAgency(answering), PodIdentity("http://agent", _token_file(), answering)):
        try:
            credential = _result(issuer.issue())
        except PollError as error:
            _check(error, body)
        else:
            assert not any(secret in repr(credential) for secret in _secrets(body))


def _check(error: PollError, body: bytes) -> None:
    assert str(error).isprintable()
    said = "".join(map(repr, (error, error.__cause__, error.__context__)))
    assert not any(secret in said for secret in _secrets(body))


_STATUSES = (b"200", b"201", b"301", b"400", b"401", b"403", b"404", b"405", b"429", b"500", b"503")


@cache
def _token_file() -> Path:
    path = Path(mkdtemp()) / "token"
    path.write_text("token-of-the-service-account")
    return path


def _result(work: Coroutine[Any, Any, Credential]) -> Credential:
    """Its result; nothing in it waits, so no loop is needed."""
    try:
        work.send(None)
    except StopIteration as result:
        return cast("Credential", result.value)
    raise AssertionError


def _secrets(body: bytes) -> Iterator[str]:
    yield _PASSWORD
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return
    for part in answer.values() if isinstance(answer, dict) else ():
        for name, value in part.items() if isinstance(part, dict) else ():
            if name in _SECRETS and isinstance(value, str) and len(value) >= _LONG_ENOUGH:
                yield value
