from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from support.stub_service import Asked, StubService, stub_service

from exporter.common.errors import CredentialsError, ServerError
from exporter.credentials.chain import DefaultChain
from exporter.credentials.credential import KeyPair
from exporter.credentials.renewal import Renewals

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from support.fakes import FakeClock

ENVIRONMENT = {"HUAWEICLOUD_SDK_AK": "environment", "HUAWEICLOUD_SDK_SK": "SK"}


@pytest.fixture
async def node(clock: FakeClock) -> AsyncIterator[StubService]:
    """A node with a pod identity agent (at /pod) and a metadata service."""
    ends = datetime.fromtimestamp(clock.wall() + 3600, UTC).isoformat()

    async def answer(asked: Asked) -> web.Response:
        match asked.call:
            case "POST /pod":
                keys = {"accessKeyId": "pod", "secretAccessKey": "SK", "securityToken": "T"}
                return web.json_response({"credentials": {**keys, "expiration": ends}})
            case "GET /openstack/latest/securitykey":
                keys = {"access": "agency", "secret": "SK", "securitytoken": "T", "expires_at": ends}
                return web.json_response({"credential": keys})
            case "POST /broken":
                return web.Response(status=500)
            case _:
                return web.Response(status=404)

    async with stub_service(answer) as service:
        yield service


@pytest.fixture
def pod(node: StubService, tmp_path: Path) -> dict[str, str]:
    """The environment of a pod with an identity."""
    (tmp_path / "token").write_text("token")
    return {
        "HC_CONTAINER_CREDENTIALS_FULL_URI": f"{node.url}/pod",
        "HC_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(tmp_path / "token"),
    }


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    """A home directory with a profile file."""
    path = tmp_path / ".huaweicloud" / "credentials"
    path.parent.mkdir()
    path.write_text("[basic]\nak = profile\nsk = SK\n")
    return path


async def key(chain: DefaultChain) -> str:
    credential = await chain.credential()
    assert isinstance(credential, KeyPair)
    return credential.access_key


async def test_first_place_that_has_something_wins(
    node: StubService, pod: dict[str, str], profile: Path, tmp_path: Path, clock: FakeClock
) -> None:
    """The order is environment, profile file, pod identity, ECS agency; the name tells which it is."""

    async def found(environment: dict[str, str]) -> tuple[str, str]:
        chain = DefaultChain(environment, tmp_path, node.transport, clock, Renewals(), node.url)
        return await key(chain), chain.name

    assert await found({**ENVIRONMENT, **pod}) == ("environment", "environment")
    assert await found(pod) == ("profile", "~/.huaweicloud/credentials")
    profile.unlink()
    assert await found(pod) == ("pod", "CCE pod identity")
    assert await found({}) == ("agency", "ECS agency")


async def test_without_a_home_directory_the_profile_file_is_passed_over(
    node: StubService, pod: dict[str, str], clock: FakeClock
) -> None:
    """As in OpenShift, whose users have none; a file that the environment names is read all the same."""
    assert await key(DefaultChain(pod, None, node.transport, clock, Renewals(), node.url)) == "pod"
    nowhere = DefaultChain({}, None, node.transport, clock, Renewals(), f"{node.url}/nowhere")
    with pytest.raises(CredentialsError, match="this user has no home directory"):
        await nowhere.credential()
    given = {"HUAWEICLOUD_SDK_CREDENTIALS_FILE": "/none"}
    named = DefaultChain(given, None, node.transport, clock, Renewals(), node.url)
    with pytest.raises(CredentialsError, match="/none"):
        await named.credential()


async def test_what_won_stays(node: StubService, profile: Path, tmp_path: Path, clock: FakeClock) -> None:
    """A profile file that appears later does not take over from the ECS agency, nor loses its own place."""
    profile.rename(tmp_path / "aside")
    chain = DefaultChain({}, tmp_path, node.transport, clock, Renewals(), node.url)
    assert await key(chain) == "agency"
    (tmp_path / "aside").rename(profile)
    assert await key(chain) == "agency"
    other = DefaultChain({}, tmp_path, node.transport, clock, Renewals(), node.url)
    assert await key(other) == "profile"
    profile.unlink()
    assert await key(other) == "profile"


async def test_refusals_reach_what_won(
    node: StubService, profile: Path, tmp_path: Path, clock: FakeClock
) -> None:
    """A refused agency key makes the metadata service be asked again."""
    profile.unlink()
    chain = DefaultChain({}, tmp_path, node.transport, clock, Renewals(), node.url)
    pair = await chain.credential()
    asked = len(node.asked)
    await chain.credential()
    assert len(node.asked) == asked
    chain.refused(pair)
    await chain.credential()
    assert len(node.asked) == 2 * asked


async def test_requests_at_the_same_time_share_one_look(
    node: StubService, pod: dict[str, str], tmp_path: Path, clock: FakeClock
) -> None:
    """Many pools at the start ask the agent once."""
    chain = DefaultChain(pod, tmp_path, node.transport, clock, Renewals(), node.url)
    assert set(await asyncio.gather(*(key(chain) for _ in range(10)))) == {"pod"}
    assert node.calls == ["POST /pod"]


async def test_place_that_fails_is_not_passed_over(
    node: StubService, pod: dict[str, str], tmp_path: Path, clock: FakeClock
) -> None:
    """A pod whose agent fails for now does not become its node; half of an environment is an error."""
    broken = pod | {"HC_CONTAINER_CREDENTIALS_FULL_URI": f"{node.url}/broken"}
    with pytest.raises(ServerError):
        await DefaultChain(broken, tmp_path, node.transport, clock, Renewals(), node.url).credential()
    half = {"HC_CONTAINER_CREDENTIALS_FULL_URI": f"{node.url}/pod"}
    with pytest.raises(CredentialsError, match="only one of HC_CONTAINER"):
        await DefaultChain(half, tmp_path, node.transport, clock, Renewals(), node.url).credential()


async def test_nothing_anywhere_names_every_place_and_why(
    node: StubService, tmp_path: Path, clock: FakeClock
) -> None:
    """One error tells where was looked; a place that gets something later is found then."""
    environment: dict[str, str] = {}
    chain = DefaultChain(environment, tmp_path, node.transport, clock, Renewals(), f"{node.url}/nowhere")
    with pytest.raises(CredentialsError) as caught:
        await chain.credential()
    assert str(caught.value) == (
        "credentials: no credentials were found ("
        "environment: HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK are not set; "
        "~/.huaweicloud/credentials: cannot be read: No such file or directory; "
        "CCE pod identity: HC_CONTAINER_CREDENTIALS_FULL_URI and HC_CONTAINER_AUTHORIZATION_TOKEN_FILE "
        "are not set; ECS agency: the metadata service gives no keys (HTTP 404)); "
        "provide one of these, or credentials in the configuration"
    )
    assert chain.name == "environment, ~/.huaweicloud/credentials, CCE pod identity, ECS agency"
    environment |= ENVIRONMENT
    assert await key(chain) == "environment"
