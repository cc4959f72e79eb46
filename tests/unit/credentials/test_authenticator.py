from __future__ import annotations

import asyncio
import itertools
from datetime import datetime
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from support.stub_service import Asked, StubService, stub_service

from exporter.common.errors import CredentialsError
from exporter.credentials.authenticator import Authenticator
from exporter.credentials.credential import Credential, CredentialSource, Token
from exporter.credentials.iam import IamLogin
from exporter.credentials.key_files import configured_keys
from exporter.credentials.lockout import Lockout
from exporter.credentials.renewal import RenewedSource
from exporter.simulator.refusals import Refusal
from exporter.simulator.signature import Arrived, claim, verify
from exporter.transport.http import Request, Response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from support.fakes import FakeClock

PROJECT = "0123456789abcdef0123456789abcdef"


class Cloud:
    """IAM and an API that accepts one key's signatures and the tokens that count as good."""

    def __init__(self) -> None:
        self.secrets = {"AK": "SK"}
        self.good_tokens: set[str] = set()
        self.issues_good_tokens = True
        self._numbers = itertools.count(1)

    async def answer(self, asked: Asked) -> web.Response:
        if asked.target.startswith("/v3/auth/tokens"):
            token = f"token-{next(self._numbers)}"
            if self.issues_good_tokens:
                self.good_tokens.add(token)
            body = {"token": {"expires_at": "2023-11-15T22:13:20Z"}}
            return web.json_response(body, status=201, headers={"X-Subject-Token": token})
        good = self.signed(asked) or asked.headers.get("x-auth-token") in self.good_tokens
        return web.Response(status=200 if good else 401, text="pools")

    def signed(self, asked: Asked) -> bool:
        """Whether a key of ours signed this, as the simulated cloud sees it; the date is not looked at."""
        arrived = Arrived(asked.method, asked.target, asked.headers, asked.body)
        date = asked.headers.get("x-sdk-date", "19700101T000000Z")
        now = datetime.strptime(date, "%Y%m%dT%H%M%S%z").timestamp()
        try:
            claimed = claim(asked.headers.get("authorization", ""))
            verify(arrived, claimed, self.secrets.get(claimed.ak, ""), now)
        except Refusal:
            return False
        return True


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


@pytest.fixture
async def service(cloud: Cloud) -> AsyncIterator[StubService]:
    async with stub_service(cloud.answer) as service:
        yield service


def request(service: StubService, headers: dict[str, str] | None = None) -> Request:
    return Request("GET", f"{service.url}/v2/p/pools?limit=5", headers or {})


def token_source(service: StubService, lockout: Lockout, clock: FakeClock) -> RenewedSource:
    login = IamLogin(
        endpoint=service.url,
        username="u",
        password="p",
        domain="d",
        project_id=PROJECT,
        lockout=lockout,
        transport=service.transport,
    )
    return RenewedSource(login, clock)


def authenticator(source: CredentialSource, clock: FakeClock) -> Authenticator:
    return Authenticator(source, Lockout(clock), PROJECT, clock)


async def test_key_pair_signs_what_arrives(service: StubService, clock: FakeClock) -> None:
    """The server verifies the signature on the wire; the request's own headers go along."""
    sent = authenticator(configured_keys("AK", "SK", "TOKEN"), clock)
    response = await sent.send(request(service, {"User-Agent": "exporter"}), service.transport)
    assert (response.status, response.body) == (200, b"pools")
    headers = service.asked[0].headers
    assert (headers["user-agent"], headers["x-project-id"]) == ("exporter", PROJECT)
    assert (headers["x-sdk-date"], headers["x-security-token"]) == ("20231114T221320Z", "TOKEN")


async def test_refused_static_key_is_answered_as_it_is(service: StubService, clock: FakeClock) -> None:
    """Without another credential there is no second try: the 401 goes to the caller, then it is held."""
    sent = authenticator(configured_keys("AK", "WRONG"), clock)
    assert (await sent.send(request(service), service.transport)).status == 401
    with pytest.raises(CredentialsError, match="ak and sk in the configuration: the cloud refused") as caught:
        await sent.send(request(service), service.transport)
    assert "WRONG" not in repr(caught.value)
    assert len(service.asked) == 1
    assert sent.source_name == "ak and sk in the configuration"


async def test_key_rotated_in_its_file_is_used_within_the_same_request(
    service: StubService, cloud: Cloud, clock: FakeClock, tmp_path: Path
) -> None:
    """The old key's 401 leads to the new one at once when it arrives in between."""
    (tmp_path / "sk").write_text("SK")
    sent = authenticator(configured_keys("AK", tmp_path / "sk"), clock)
    await sent.send(request(service), service.transport)
    cloud.secrets["AK"] = "SK2"

    class RotatedMeanwhile:
        async def send(self, request: Request) -> Response:
            response = await service.transport.send(request)
            (tmp_path / "sk").write_text("SK2")
            return response

    assert (await sent.send(request(service), RotatedMeanwhile())).status == 200
    assert len(service.asked) == 3


async def test_killed_token_is_replaced_once(service: StubService, cloud: Cloud, clock: FakeClock) -> None:
    """Many requests that find their token dead share one new login, and all succeed."""
    lockout = Lockout(clock)
    sent = Authenticator(token_source(service, lockout, clock), lockout, PROJECT, clock)
    await sent.send(request(service), service.transport)
    assert service.asked[-1].headers["x-auth-token"] == "token-1"
    cloud.good_tokens.clear()
    responses = await asyncio.gather(*(sent.send(request(service), service.transport) for _ in range(8)))
    assert [response.status for response in responses] == [200] * 8
    assert service.calls.count("POST /v3/auth/tokens?nocatalog=true") == 2


async def test_requests_that_waited_for_a_dead_tokens_probe_get_the_new_one(
    service: StubService, cloud: Cloud, clock: FakeClock
) -> None:
    """A token that is dead from the start costs nobody a poll: whoever waited takes the renewed one."""
    lockout = Lockout(clock)
    source = token_source(service, lockout, clock)
    await source.credential()
    cloud.good_tokens.clear()
    sent = Authenticator(source, lockout, PROJECT, clock)
    responses = await asyncio.gather(*(sent.send(request(service), service.transport) for _ in range(8)))
    assert [response.status for response in responses] == [200] * 8


async def test_tokens_that_are_never_accepted_do_not_make_a_login_per_poll(
    service: StubService, cloud: Cloud, clock: FakeClock
) -> None:
    """Good logins whose tokens are all refused end in growing pauses, too."""
    cloud.issues_good_tokens = False
    lockout = Lockout(clock)
    sent = Authenticator(token_source(service, lockout, clock), lockout, PROJECT, clock)
    assert (await sent.send(request(service), service.transport)).status == 401
    for _ in range(30):
        clock.advance(60)
        try:
            assert (await sent.send(request(service), service.transport)).status == 401
        except CredentialsError as error:
            assert error.where.startswith("IAM user u of domain d")  # noqa: PT017  (either outcome is right)
    assert service.calls.count("POST /v3/auth/tokens?nocatalog=true") <= 6


async def test_every_new_credential_is_told(service: StubService, cloud: Cloud, clock: FakeClock) -> None:
    """Who shows the credentials' end hears of each one once."""
    told: list[Credential] = []
    lockout = Lockout(clock)
    sent = Authenticator(token_source(service, lockout, clock), lockout, PROJECT, clock, told.append)
    await sent.send(request(service), service.transport)
    await sent.send(request(service), service.transport)
    cloud.good_tokens.clear()
    await sent.send(request(service), service.transport)
    source = f"IAM user u of domain d, project {PROJECT}"
    assert told == [Token(f"token-{n}", 1_700_086_400.0, source) for n in (1, 2)]


async def test_signature_is_dated_when_it_goes_out(service: StubService, clock: FakeClock) -> None:
    """A request that waited behind another bears the time of its sending, not of its asking."""
    sent = authenticator(configured_keys("AK", "SK"), clock)

    class Slow:
        async def send(self, request: Request) -> Response:
            clock.advance(60)
            return await service.transport.send(request)

    await asyncio.gather(sent.send(request(service), Slow()), sent.send(request(service), service.transport))
    assert [asked.headers["x-sdk-date"] for asked in service.asked] == [
        "20231114T221320Z",
        "20231114T221420Z",
    ]
