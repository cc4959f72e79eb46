from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from support.stub_service import Asked, StubService, stub_service

from exporter.common.errors import CredentialsError, PollError, ServerError, Throttled
from exporter.credentials.credential import Token
from exporter.credentials.iam import IamLogin
from exporter.credentials.lockout import Lockout
from exporter.credentials.renewal import RenewedSource

if TYPE_CHECKING:
    from pathlib import Path

    from support.fakes import FakeClock

ENDS = 1_578_455_407.574  # 2020-01-08T03:50:07.574Z
PROJECT = "0123456789abcdef0123456789abcdef"
GOOD_TOKEN = {"token": {"expires_at": "2020-01-08T03:50:07.574000Z", "methods": ["password"]}}
WRONG_PASSWORD = {
    "error": {"code": 401, "message": "The password hunter2 is wrong.", "title": "Unauthorized"}
}


def iam(
    service: StubService, clock: FakeClock, password: str | Path = "hunter2", **other: Lockout
) -> IamLogin:
    return IamLogin(
        endpoint=f"{service.url}/",
        username="exporter",
        password=password,
        domain="acme",
        project_id=PROJECT,
        lockout=other.get("lockout") or Lockout(clock),
        transport=service.transport,
    )


async def test_login_gives_a_token_of_the_project(clock: FakeClock) -> None:
    """User, password and domain are posted, scoped to the project; the token comes from the header."""

    async def answer(_: Asked) -> web.Response:
        return web.json_response(GOOD_TOKEN, status=201, headers={"X-Subject-Token": "MIIabc"})

    async with stub_service(answer) as service:
        token = await iam(service, clock).issue()
    assert token == Token("MIIabc", ENDS, f"IAM user exporter of domain acme, project {PROJECT}")
    assert service.calls == ["POST /v3/auth/tokens?nocatalog=true"]
    assert json.loads(service.asked[0].body) == {
        "auth": {
            "identity": {
                "methods": ["password"],
                "password": {"user": {"name": "exporter", "password": "hunter2", "domain": {"name": "acme"}}},
            },
            "scope": {"project": {"id": PROJECT}},
        }
    }


async def test_refused_login_is_explained_and_not_repeated(clock: FakeClock) -> None:
    """Who failed and what to check is said without the password; the next login waits in the guard."""

    async def answer(_: Asked) -> web.Response:
        return web.json_response(WRONG_PASSWORD, status=401)

    async with stub_service(answer) as service:
        login = iam(service, clock)
        with pytest.raises(CredentialsError) as refused:
            await login.issue()
        with pytest.raises(CredentialsError, match=r"the next try is in 60 s.*check the password") as held:
            await login.issue()
    assert len(service.asked) == 1
    assert str(refused.value) == (
        f"IAM user exporter of domain acme, project {PROJECT}: IAM refused the login with HTTP 401: "
        "The password ... is wrong.; check the password, the IAM user's name 'exporter', that its account "
        "is 'acme' (domain), and that the user may log in by program"
    )
    assert "hunter2" not in repr(refused.value) + repr(held.value)


async def test_refused_login_holds_for_every_project_of_the_user(clock: FakeClock) -> None:
    """It is the user that would be locked, so one refusal counts for all who log in as that user."""

    async def answer(_: Asked) -> web.Response:
        return web.Response(status=401)

    async with stub_service(answer) as service:
        lockout = Lockout(clock)
        with pytest.raises(CredentialsError):
            await iam(service, clock, lockout=lockout).issue()
        with pytest.raises(CredentialsError, match="the next try is in"):
            await iam(service, clock, lockout=lockout).issue()
    assert len(service.asked) == 1


async def test_new_password_in_its_file_is_tried_at_once(clock: FakeClock, tmp_path: Path) -> None:
    """The password file is read at every login, and a new password is not held back."""

    async def answer(asked: Asked) -> web.Response:
        if b'"new"' not in asked.body:
            return web.Response(status=401)
        return web.json_response(GOOD_TOKEN, status=201, headers={"X-Subject-Token": "T"})

    password = tmp_path / "password"
    password.write_text("old\n")
    async with stub_service(answer) as service:
        login = iam(service, clock, password)
        with pytest.raises(CredentialsError):
            await login.issue()
        password.write_text("new\n")
        assert (await login.issue()).value == "T"


async def test_login_refused_for_another_reason_says_so(clock: FakeClock) -> None:
    """Not the password but project or endpoint are to be checked when the answer is not 401."""

    async def answer(_: Asked) -> web.Response:
        return web.json_response({"error_msg": "no such project", "error_code": "IAM.0011"}, status=404)

    async with stub_service(answer) as service:
        with pytest.raises(
            CredentialsError, match="HTTP 404: no such project; check iam_endpoint, project_id"
        ):
            await iam(service, clock).issue()


@pytest.mark.parametrize(
    ("body", "headers", "problem"),
    [
        ("<html>", {"X-Subject-Token": "T"}, "JSON is malformed"),
        ("", {"X-Subject-Token": "T"}, "truncated"),
        ("\xff", {"X-Subject-Token": "T"}, "not the documented one"),
        ('{"x":' + "[" * 100_000, {"X-Subject-Token": "T"}, "recursion"),
        ("{}", {"X-Subject-Token": "T"}, "missing required field `token`"),
        ('{"token": {"expires_at": "soon"}}', {"X-Subject-Token": "T"}, "Invalid RFC3339"),
        (json.dumps(GOOD_TOKEN), {}, "the token in X-Subject-Token is empty"),
    ],
)
async def test_login_answered_in_another_shape_names_the_source(
    clock: FakeClock, body: str, headers: dict[str, str], problem: str
) -> None:
    """A proxy's page or another service at the address is an error that says whose answer it was."""

    async def answer(_: Asked) -> web.Response:
        return web.Response(body=body.encode("latin-1"), status=201, headers=headers)

    async with stub_service(answer) as service:
        with pytest.raises(CredentialsError, match=f"^IAM user exporter .*{problem}"):
            await iam(service, clock).issue()


async def test_iam_that_fails_is_a_server_error(clock: FakeClock) -> None:
    """IAM being down is not the fault of the credentials, and is not held against them."""

    async def answer(_: Asked) -> web.Response:
        return web.Response(status=503, headers={"X-Request-Id": "r1"})

    async with stub_service(answer) as service:
        login = iam(service, clock)
        for _ in range(2):
            with pytest.raises(
                ServerError, match=r"HTTP 503 instead of .* from POST .*/v3/auth/tokens; .*address"
            ) as caught:
                await login.issue()
            assert caught.value.where == login.name
            assert (caught.value.status, caught.value.request_id) == (503, "r1")
    assert len(service.asked) == 2


@pytest.mark.parametrize(("header", "seconds"), [({"Retry-After": "7"}, 7.0), ({}, None)])
async def test_throttled_login_is_no_refusal(
    clock: FakeClock, header: dict[str, str], seconds: float | None
) -> None:
    """Too many logins are told as such, with the pause that IAM asks for."""

    async def answer(_: Asked) -> web.Response:
        return web.Response(status=429, headers=header)

    async with stub_service(answer) as service:
        with pytest.raises(Throttled, match=r"HTTP 429 instead of .* from POST .*/v3/auth/tokens") as caught:
            await iam(service, clock).issue()
    assert (caught.value.outcome, caught.value.retry_after) == ("throttled", seconds)


@pytest.mark.parametrize("status", [200, 302, 403, 404, 429, 503])
async def test_many_pools_make_one_failing_login(clock: FakeClock, status: int) -> None:
    """Whatever IAM answers instead of a token, pools that ask soon after do not log in again."""

    async def answer(_: Asked) -> web.Response:
        return web.Response(text="<html>", status=status)

    async with stub_service(answer) as service:
        source = RenewedSource(iam(service, clock), clock)
        for _ in range(20):
            with pytest.raises(PollError):
                await source.credential()
    assert len(service.asked) == 1
