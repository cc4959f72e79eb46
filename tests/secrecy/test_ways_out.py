"""Where credentials go: to the configured host, over a trusted connection, and nowhere else."""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from aiohttp import web
from canaries import IAM_TOKEN, POD_TOKEN, PROXY_PASSWORD, found_in
from fakes import FakeClock

from exporter.api.refusal import refusal
from exporter.credentials.authenticator import Authenticator
from exporter.credentials.credential import Token
from exporter.credentials.ecs_agency import EcsAgency
from exporter.credentials.guard import Guard
from exporter.credentials.iam import IamLogin
from exporter.credentials.pod_identity import PodIdentity, pod_identity
from exporter.credentials.renewal import RenewedSource
from exporter.errors import ConnectionFailed, CredentialsError, PollError, TlsFailed
from exporter.settings.addresses import parse_endpoint
from exporter.transport import HttpTransport, Request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from exporter.transport import Response

BEARING = {"X-Auth-Token": IAM_TOKEN}
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass
class Place:
    """A server that keeps what arrives, headers and all."""

    url: str = ""
    arrived: list[str] = field(default_factory=list)
    answer: Any = None

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.arrived.append(f"{request.method} {request.raw_path} {dict(request.headers)} {body!r}")
        return self.answer(request) if self.answer else web.Response(text="{}")


@asynccontextmanager
async def place(tls: ssl.SSLContext | None = None, answer: Any = None) -> AsyncIterator[Place]:
    served = Place(answer=answer)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", served.take)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        served.url = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
        yield served
    finally:
        await runner.cleanup()


@asynccontextmanager
async def transport(**options: Any) -> AsyncIterator[HttpTransport]:
    made = HttpTransport(**options)
    try:
        yield made
    finally:
        await made.close()


class _Source:
    """Gives one token."""

    name = "test"

    async def credential(self) -> Token:
        return Token(IAM_TOKEN, 2e9, "test")

    def refused(self, credential: Any) -> None:
        pass


async def listing(url: str, http: HttpTransport, _: Path) -> Response:
    clock = FakeClock()
    asking = Authenticator(_Source(), Guard(clock), "p", clock)
    response = await asking.send(Request("GET", f"{url}/v2/p/pools"), http)
    raise refusal(response, where="GET x", source="test", now=0.0)


async def iam(url: str, http: HttpTransport, _: Path) -> object:
    login = IamLogin(
        endpoint=url,
        username="u",
        password=IAM_TOKEN,
        domain="d",
        project_id="p",
        guard=Guard(FakeClock()),
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


def _serving(authority: trustme.CA, *names: str, **options: Any) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names, **options).configure_cert(context)
    return context


@pytest.mark.parametrize("wrong", ["authority", "name", "expired", "self-signed"])
async def test_an_untrusted_server_receives_no_header(tmp_path: Path, wrong: str) -> None:
    """Another authority or name, an old certificate, one of its own: refused before anything is sent."""
    trusted, other = trustme.CA(), trustme.CA()
    serving = {
        "authority": lambda: _serving(other, "127.0.0.1"),
        "name": lambda: _serving(trusted, "modelarts.example.com"),
        "expired": lambda: _serving(trusted, "127.0.0.1", not_before=LONG_AGO, not_after=LONG_AGO),
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
from exporter.errors import TlsFailed
from exporter.transport import HttpTransport, Request

async def main():
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
    async with place(_serving(authority, "127.0.0.1")) as served:
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
            assert isinstance(pod_identity(environment, http, FakeClock()), RenewedSource)
        else:
            with pytest.raises(CredentialsError) as caught:
                pod_identity(environment, http, FakeClock())
            assert "hush" not in str(caught.value)


@dataclass
class Proxy:
    """A proxy that tunnels (CONNECT), and keeps what it is asked and all that it can read besides."""

    url: str = ""
    heads: list[str] = field(default_factory=list)
    status: bytes = b"200 OK"
    seen: bytes = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        writer.write(b"HTTP/1.1 " + self.status + b"\r\n\r\n")
        if self.status.startswith(b"200"):
            host, port = head.split()[1].split(":")
            there = await asyncio.open_connection(host, int(port))
            await asyncio.gather(self._pass(reader, there[1]), self._pass(there[0], writer))
        writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            self.seen += data
            writer.write(data)
        writer.close()


@asynccontextmanager
async def proxying(status: bytes = b"200 OK") -> AsyncIterator[Proxy]:
    proxy = Proxy(status=status)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    async with server:
        proxy.url = f"http://me:{PROXY_PASSWORD}@127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield proxy


def _environment(monkeypatch: pytest.MonkeyPatch, proxy: str, exempt: str = "") -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, proxy)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, exempt)


async def test_a_proxy_reads_nothing_and_its_password_goes_no_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CONNECT, then TLS from end to end: the proxy sees no header of ours, the cloud none of the proxy's."""
    authority = trustme.CA()
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(authority.cert_pem.bytes())
    async with place(_serving(authority, "127.0.0.1")) as cloud, proxying() as proxy:
        _environment(monkeypatch, proxy.url)
        async with transport(ca_file=ca_file) as http:
            assert (await http.send(Request("GET", f"{cloud.url}/secret-path", BEARING))).status == 200
    [head] = proxy.heads
    assert head.startswith("CONNECT 127.0.0.1:")
    assert "Proxy-Authorization: Basic " in head
    assert found_in(proxy.seen) == []
    assert found_in(head.replace(head.partition("Basic ")[2].split("\r\n")[0], "")) == []
    assert b"secret-path" not in proxy.seen
    [arrived] = cloud.arrived
    assert "proxy" not in arrived.lower()
    assert IAM_TOKEN in arrived


async def test_no_proxy_and_plain_http_go_past_the_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NO_PROXY holds; what is not encrypted (this machine, metadata) is never shown to a proxy."""
    authority = trustme.CA()
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(authority.cert_pem.bytes())
    async with (
        place(_serving(authority, "127.0.0.1")) as cloud,
        place() as plain,
        proxying() as proxy,
        transport(ca_file=ca_file) as http,
        transport(proxy=proxy.url) as configured,
    ):
        _environment(monkeypatch, proxy.url, exempt="127.0.0.1")
        assert (await http.send(Request("GET", cloud.url, BEARING))).status == 200
        _environment(monkeypatch, proxy.url)
        for way in (http, configured):
            assert (await way.send(Request("GET", plain.url, BEARING))).status == 200
    assert proxy.heads == []


async def test_a_proxy_that_refuses_is_told_without_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """407 with the password in the reason: status and origin are told, nothing of what the proxy says."""
    async with proxying(b"407 wrong password " + PROXY_PASSWORD.encode()) as proxy, transport() as http:
        _environment(monkeypatch, proxy.url)
        with pytest.raises(ConnectionFailed, match="the proxy answers HTTP 407") as caught:
            await http.send(Request("GET", "https://modelarts.example.com/x", BEARING))
    assert found_in(f"{caught.value} {caught.value!r} {caught.value.__cause__}") == []


async def test_a_netrc_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password that is there for other programs does not go to the cloud."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password hush\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    async with place() as cloud, transport() as http:
        assert (await http.send(Request("GET", cloud.url, {"Authorization": "ours"}))).status == 200
        assert (await http.send(Request("GET", cloud.url))).status == 200
    assert "Basic" not in " ".join(cloud.arrived)
