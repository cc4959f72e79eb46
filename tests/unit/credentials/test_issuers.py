from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from support.stub_service import Asked, stub_service

from exporter.common.errors import ConnectionFailed, CredentialsError, ServerError
from exporter.credentials.credential import KeyPair
from exporter.credentials.ecs_agency import EcsAgency
from exporter.credentials.pod_identity import PodIdentity
from exporter.transport.http import HttpTransport

if TYPE_CHECKING:
    from pathlib import Path


ENDS = 1_578_455_407.574  # 2020-01-08T03:50:07.574Z


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
