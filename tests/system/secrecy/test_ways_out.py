"""Where credentials go: to the configured host, over a trusted connection, and nowhere else."""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from aiohttp import web
from support.fakes import FakeClock
from support.secrecy.canaries import IAM_TOKEN, POD_TOKEN, found_in
from support.secrecy.places import BEARING, place, serving_as
from support.wires import transport

from exporter.api.errors import error_for
from exporter.common.errors import CredentialsError, PollError, TlsFailed
from exporter.credentials.authenticator import Authenticator
from exporter.credentials.credential import Token
from exporter.credentials.ecs_agency import EcsAgency
from exporter.credentials.iam import IamLogin
from exporter.credentials.lockout import Lockout
from exporter.credentials.pod_identity import PodIdentity, pod_identity
from exporter.credentials.renewal import Renewals, RenewedSource
from exporter.settings.types import parse_endpoint
from exporter.transport.http import HttpTransport, Request

if TYPE_CHECKING:
    from pathlib import Path

    from exporter.transport.http import Response

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class _Source:
    """Gives one token."""

    name = "test"

    async def credential(self) -> Token:
        return Token(IAM_TOKEN, 2e9, "test")

    def refused(self, credential: Any) -> None:
        pass


async def listing(url: str, http: HttpTransport, _: Path) -> Response:
    clock = FakeClock()
    asking = Authenticator(_Source(), Lockout(clock), "p", clock)
    response = await asking.send(Request("GET", f"{url}/v2/p/pools"), http)
    raise error_for(response, where="GET x", source="test", now=0.0)


async def iam(url: str, http: HttpTransport, _: Path) -> object:
    login = IamLogin(
        endpoint=url,
        username="u",
        password=IAM_TOKEN,
        domain="d",
        project_id="p",
        lockout=Lockout(FakeClock()),
        transport=http,
    )
    return await login.issue()


async def metadata(url: str, http: HttpTransport, _: Path) -> object:
    return await EcsAgency(http, url).issue()


async def pod(url: str, http: HttpTransport, folder: Path) -> object:
    (folder / "token").write_text(POD_TOKEN)
    return await PodIdentity(f"{url}/keys", folder / "token", http).issue()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("ask", [listing, iam, metadata, pod])
async def test_no_redirect_is_followed(tmp_path: Path, ask: Any, status: int) -> None:
    """Whoever is redirected to receives nothing at all; what was asked is an error without the secret."""
    async with place() as elsewhere, transport() as http:

        def redirect(request: web.Request) -> web.Response:
            token = request.headers.get("X-Auth-Token", "")
            return web.Response(status=status, headers={"Location": f"{elsewhere.url}/{token}?t={token}"})

        async with place(answer=redirect) as asked:
            with pytest.raises(PollError) as caught:
                await ask(asked.url, http, tmp_path)
    assert len(asked.arrived) == 1
    assert elsewhere.arrived == []
    assert found_in(str(caught.value)) == []


async def test_the_metadata_token_is_not_taken_elsewhere_either() -> None:
    """The second question of the metadata service bears its token: a redirect there is not followed."""
    async with place() as elsewhere, transport() as http:

        def answer(request: web.Request) -> web.Response:
            if request.method == "PUT":
                return web.Response(text="metadata-token")
            return web.Response(status=302, headers={"Location": elsewhere.url})

        async with place(answer=answer) as asked:
            with pytest.raises(CredentialsError):
                await EcsAgency(http, asked.url).issue()
    assert (len(asked.arrived), elsewhere.arrived) == (2, [])


@pytest.mark.parametrize("wrong", ["authority", "name", "expired", "self-signed"])
async def test_an_untrusted_server_receives_no_header(tmp_path: Path, wrong: str) -> None:
    """Another authority or name, an old certificate, one of its own: refused before anything is sent."""
    trusted, other = trustme.CA(), trustme.CA()
    serving = {
        "authority": lambda: serving_as(other, "127.0.0.1"),
        "name": lambda: serving_as(trusted, "modelarts.example.com"),
        "expired": lambda: serving_as(trusted, "127.0.0.1", not_before=LONG_AGO, not_after=LONG_AGO),
        "self-signed": lambda: _self_signed(tmp_path),
    }[wrong]()
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(trusted.cert_pem.bytes())
    async with place(serving) as served, transport(ca_file=ca_file) as http:
        with pytest.raises(TlsFailed):
            await http.send(Request("GET", served.url, BEARING))
    assert served.arrived == []


def _self_signed(folder: Path) -> ssl.SSLContext:
    """An authority's own certificate, served as if it were a server's."""
    authority = trustme.CA()
    chain = folder / "own.pem"
    chain.write_bytes(authority.private_key_pem.bytes() + authority.cert_pem.bytes())
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain)
    return context


ASK = """
import asyncio, sys
from exporter.common.errors import TlsFailed
from exporter.common.logging import set_up_logging
from exporter.transport.http import HttpTransport, Request

async def main():
    set_up_logging("error")
    transport = HttpTransport()
    try:
        print((await transport.send(Request("GET", sys.argv[1], {"X-Auth-Token": "t"}))).status)
    except TlsFailed:
        print("refused")
    finally:
        await transport.close()

asyncio.run(main())
"""
SWITCHES = {
    "PYTHONHTTPSVERIFY": "0",
    "CURL_CA_BUNDLE": "",
    "REQUESTS_CA_BUNDLE": "",
    "SSL_NO_VERIFY": "1",
    "GIT_SSL_NO_VERIFY": "1",
    "NODE_TLS_REJECT_UNAUTHORIZED": "0",
    "AIOHTTP_NO_EXTENSIONS": "1",
    "SSL_CERT_FILE": "/dev/null",
}


async def test_no_variable_switches_verification_off(tmp_path: Path) -> None:
    """What other programs heed changes nothing; SSL_CERT_FILE, OpenSSL's own, names other authorities."""
    authority = trustme.CA()
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(authority.cert_pem.bytes())
    async with place(serving_as(authority, "127.0.0.1")) as served:
        for variables, said in ((SWITCHES, "refused"), ({**SWITCHES, "SSL_CERT_FILE": str(ca_file)}, "200")):
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", ASK, served.url),
                env={"PATH": os.environ["PATH"], **variables},
                stdout=subprocess.PIPE,
            )
            assert (await process.communicate())[0].decode().strip() == said
    assert len(served.arrived) == 1


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://modelarts.example.com", True),
        ("http://127.0.0.1:8080", True),
        ("http://127.8.9.1", True),
        ("http://[::1]:8080", True),
        ("http://localhost", True),
        ("http://modelarts.example.com", False),
        ("http://localhost.example.com", False),
        ("http://127.0.0.1.example.com", False),
        ("http://10.0.0.1", False),
        ("http://169.254.169.254", False),
        ("http://0.0.0.0", False),
        ("HTTP://modelarts.example.com", False),
        ("http://[::ffff:10.0.0.1]", False),
    ],
)
def test_an_endpoint_is_https_or_on_this_machine(url: str, good: bool) -> None:
    """Credentials do not go over a network in the clear."""
    if good:
        assert parse_endpoint(url) == url
    else:
        with pytest.raises(ValueError, match="must be https"):
            parse_endpoint(url)


@pytest.mark.parametrize(
    ("uri", "good"),
    [
        ("https://agent.example.com/keys", True),
        ("http://169.254.170.23/v1/credentials", True),
        ("http://127.0.0.1:80/x", True),
        ("http://localhost/x", True),
        ("http://[fe80::1]/x", True),
        ("http://10.1.2.3:8080/x", True),
        ("http://100.64.0.1/x", True),
        ("http://8.8.8.8/x", False),
        ("http://agent.example.com/x", False),
        ("http://localhost.example.com/x", False),
        ("http://me:hush@127.0.0.1/x", False),
        ("https://me:hush@agent.example.com/x", False),
        ("ftp://127.0.0.1/x", False),
        ("http:///x", False),
        ("http://127.0.0.1:99999/x", False),
        ("http://[::1/x", False),
    ],
)
async def test_a_pods_token_goes_by_https_or_to_somebody_near(uri: str, good: bool) -> None:
    """Whoever can set the variable cannot have the token sent to any server; the URI is not quoted."""
    environment = {
        "HC_CONTAINER_CREDENTIALS_FULL_URI": uri,
        "HC_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/token",
    }
    async with transport(direct=True) as http:
        if good:
            assert isinstance(pod_identity(environment, http, FakeClock(), Renewals()), RenewedSource)
        else:
            with pytest.raises(CredentialsError) as caught:
                pod_identity(environment, http, FakeClock(), Renewals())
            assert "hush" not in str(caught.value)
