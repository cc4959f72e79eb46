from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from stub_service import Asked, StubService, stub_service

from exporter.credentials.credential import KeyPair, Token
from exporter.credentials.ecs_agency import EcsAgency
from exporter.credentials.guard import Guard
from exporter.credentials.iam import IamLogin
from exporter.credentials.pod_identity import PodIdentity
from exporter.errors import ConnectionFailed, CredentialsError, ServerError
from exporter.transport import HttpTransport

if TYPE_CHECKING:
    from pathlib import Path

    from fakes import FakeClock

ENDS = 1_578_455_407.574  # 2020-01-08T03:50:07.574Z
PROJECT = "0123456789abcdef0123456789abcdef"
GOOD_TOKEN = {"token": {"expires_at": "2020-01-08T03:50:07.574000Z", "methods": ["password"]}}
WRONG_PASSWORD = {
    "error": {"code": 401, "message": "The password hunter2 is wrong.", "title": "Unauthorized"}
}


def iam(service: StubService, clock: FakeClock, password: str | Path = "hunter2", **other: Guard) -> IamLogin:
    return IamLogin(
        endpoint=f"{service.url}/",
        username="exporter",
        password=password,
        domain="acme",
        project_id=PROJECT,
        guard=other.get("guard") or Guard(clock),
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
        with pytest.raises(CredentialsError, match=r"asked again in 60 s.*check the password") as held:
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
        guard = Guard(clock)
        with pytest.raises(CredentialsError):
            await iam(service, clock, guard=guard).issue()
        with pytest.raises(CredentialsError, match="asked again"):
            await iam(service, clock, guard=guard).issue()
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
            with pytest.raises(ServerError, match=r"POST .*/v3/auth/tokens: HTTP 503") as caught:
                await login.issue()
            assert (caught.value.status, caught.value.request_id) == (503, "r1")
    assert len(service.asked) == 2


AGENCY_KEYS = {
    "credential": {
        "access": "AK",
        "secret": "SECRET",
        "securitytoken": "SECRET-TOKEN",
        "expires_at": "2020-01-08T03:50:07.574000Z",
    }
}


def metadata_service(*, token: int = 200, keys: int = 200, body: object = AGENCY_KEYS):  # type: ignore[no-untyped-def]
    async def answer(asked: Asked) -> web.Response:
        match asked.call:
            case "PUT /meta-data/latest/api/token":
                return web.Response(text="metadata-token\n", status=token)
            case "GET /openstack/latest/securitykey":
                return web.json_response(body, status=keys)
            case _:
                return web.Response(status=418)

    return stub_service(answer)


async def test_agency_keys_are_asked_for_with_a_metadata_token() -> None:
    """The newer metadata service wants a token first; the keys carry their end."""
    async with metadata_service() as service:
        pair = await EcsAgency(service.transport, service.url).issue()
    assert pair == KeyPair("AK", "SECRET", "SECRET-TOKEN", ENDS, "ECS agency")
    assert service.asked[0].headers["x-metadata-token-ttl-seconds"].isdigit()
    assert service.asked[1].headers["x-metadata-token"] == "metadata-token"


@pytest.mark.parametrize("status", [404, 405])
async def test_older_metadata_service_knows_no_tokens(status: int) -> None:
    """Where there are no metadata tokens the keys are asked for without one."""
    async with metadata_service(token=status) as service:
        assert (await EcsAgency(service.transport, service.url).issue()).access_key == "AK"
    assert "x-metadata-token" not in service.asked[1].headers


async def test_machine_without_agency_says_what_is_missing() -> None:
    """No keys means that no agency is set on the machine."""
    async with metadata_service(keys=404) as service:
        with pytest.raises(CredentialsError, match=r"ECS agency: .*\(HTTP 404\); set an agency"):
            await EcsAgency(service.transport, service.url).issue()


async def test_metadata_service_that_refuses_a_token_is_an_error() -> None:
    """Anything but "no such thing" when asking for the metadata token is told."""
    async with metadata_service(token=403) as service:
        with pytest.raises(CredentialsError, match=r"gives no token \(HTTP 403\)"):
            await EcsAgency(service.transport, service.url).issue()


@pytest.mark.parametrize(("token", "keys"), [(500, 200), (200, 500)])
async def test_metadata_service_that_fails_is_a_server_error(token: int, keys: int) -> None:
    """5xx from the metadata service is its failure, at either step."""
    async with metadata_service(token=token, keys=keys) as service:
        with pytest.raises(ServerError, match="HTTP 500"):
            await EcsAgency(service.transport, service.url).issue()


async def test_agency_keys_in_another_shape_are_not_quoted() -> None:
    """A wrong shape names the source and the field, never the content."""
    wrong = {"credential": {**AGENCY_KEYS["credential"], "securitytoken": 7}}
    async with metadata_service(body=wrong) as service:
        with pytest.raises(CredentialsError, match=r"ECS agency: .*credential.securitytoken") as caught:
            await EcsAgency(service.transport, service.url).issue()
    assert "SECRET" not in repr(caught.value) + repr(caught.value.__context__)


async def test_agency_keys_that_are_no_text_are_not_quoted() -> None:
    """Bytes in no known encoding are an error like any other wrong shape."""

    async def answer(asked: Asked) -> web.Response:
        if asked.method == "PUT":
            return web.Response(status=404)
        return web.Response(body=b'{"credential": {"access": "AK", "secret": "SECRET\xff"}}')

    async with stub_service(answer) as service:
        with pytest.raises(CredentialsError, match="ECS agency: the answer is not the documented") as caught:
            await EcsAgency(service.transport, service.url).issue()
    assert "SECRET" not in repr(caught.value) + repr(caught.value.__context__)


async def test_no_metadata_service_is_a_connection_error() -> None:
    """Off the cloud nothing answers."""
    async with metadata_service() as service:
        pass
    transport = HttpTransport(direct=True)
    with pytest.raises(ConnectionFailed):
        await EcsAgency(transport, service.url).issue()
    await transport.close()


async def test_pod_identity_posts_the_service_accounts_token(tmp_path: Path) -> None:
    """The token is read at every request, because Kubernetes replaces it."""

    async def answer(_: Asked) -> web.Response:
        keys = {
            "accessKeyId": "AK",
            "secretAccessKey": "SECRET",
            "securityToken": "T",
            "expiration": "2020-01-08T03:50:07.574000Z",
        }
        return web.json_response({"credentials": keys})

    token = tmp_path / "token"
    token.write_text("first\n")
    async with stub_service(answer) as service:
        issuer = PodIdentity(f"{service.url}/v1/credentials", token, service.transport)
        assert await issuer.issue() == KeyPair("AK", "SECRET", "T", ENDS, "CCE pod identity")
        token.write_text("second\n")
        await issuer.issue()
    assert service.calls == ["POST /v1/credentials"] * 2
    assert [asked.headers["authorization"] for asked in service.asked] == ["first", "second"]
    assert {asked.body for asked in service.asked} == {b"{}"}


async def test_pod_without_association_says_what_is_missing(tmp_path: Path) -> None:
    """A refusal by the agent points to the association of service account and agency."""

    async def answer(_: Asked) -> web.Response:
        return web.Response(status=403)

    token = tmp_path / "token"
    token.write_text("token")
    async with stub_service(answer) as service:
        with pytest.raises(CredentialsError, match=r"CCE pod identity: .*HTTP 403.*check the association"):
            await PodIdentity(service.url, token, service.transport).issue()
