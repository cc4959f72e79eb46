"""What went wrong on the way: who failed, and what to check."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from support.wires import site, transport

from exporter.common.errors import ConnectionFailed, RequestTimeout, TlsFailed
from exporter.transport.http import Request
from exporter.transport.resolver import ThreadResolver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

ENDPOINT = "https://modelarts.example.com/v2/x"


@asynccontextmanager
async def proxy(answer: bytes | None, behind: bytes = b"") -> AsyncIterator[str]:
    """Host and port of a proxy that gives this answer to CONNECT, and hangs up; None: it says nothing.

    Args:
        answer: to CONNECT.
        behind: what comes from behind the proxy after the first bytes were sent there.
    """
    hanging = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if answer is None:
            await hanging.wait()
        else:
            writer.write(answer)
            if behind:
                await reader.read(1)
                writer.write(behind)
                await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        hanging.set()


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


async def failure(url: str = ENDPOINT, *, timeout: float = 5.0, **options: Any) -> Exception:
    async with transport(**options) as http:
        with pytest.raises((ConnectionFailed, RequestTimeout, TlsFailed)) as caught:
            await http.send(Request("GET", url, timeout=timeout))
    assert "s3cret" not in f"{caught.value} {caught.value!r} {caught.value.__cause__}"
    return caught.value


async def test_a_proxy_that_refuses_connections_is_not_the_endpoints_failure() -> None:
    """It is named with its variable, and without user and password."""
    port = closed_port()
    error = await failure(environment={"HTTPS_PROXY": f"http://me:s3cret@127.0.0.1:{port}"})
    assert isinstance(error, ConnectionFailed)
    assert f"no connection to the proxy '127.0.0.1:{port}' (HTTPS_PROXY): " in str(error)
    assert error.advice == "check the proxy and HTTPS_PROXY"


async def test_the_setting_is_named_where_the_proxy_comes_from_there() -> None:
    """`proxy` of the project."""
    error = await failure(proxy=f"http://127.0.0.1:{closed_port()}")
    assert isinstance(error, ConnectionFailed)
    assert error.advice == "check the proxy and the setting proxy"


async def test_the_name_of_a_proxy_that_does_not_exist() -> None:
    """The endpoint's name is not looked up, so it is not the one that is missing."""

    def unknown(*_: Any, **__: Any) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    error = await failure(environment={"https_proxy": "proxy.test:1"}, resolver=ThreadResolver(unknown))
    assert isinstance(error, ConnectionFailed)
    assert "no connection to the proxy 'proxy.test:1' (https_proxy): " in str(error)
    assert error.advice.startswith("check the host of the proxy")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            b"HTTP/1.1 407 s3cret\r\n\r\n",
            "the proxy answers HTTP 407; check the proxy: its user and password",
        ),
        (b"HTTP/1.1 503 s3cret\r\n\r\n", "the proxy answers HTTP 503"),
        (b"", "or it broke: .*; check endpoint, proxy and firewall"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "or it broke: .*; check endpoint, proxy and firewall"),
    ],
    ids=["login", "no way", "hangs up", "hangs up later"],
)
async def test_what_fails_at_or_behind_a_proxy_names_it(answer: bytes, words: str) -> None:
    """Whatever fails on the way through a proxy says so."""
    async with proxy(answer) as address:
        error = await failure(environment={"HTTPS_PROXY": f"me:s3cret@{address}"})
    assert f"https://modelarts.example.com through the proxy '{address}' (HTTPS_PROXY)" in str(error)
    with pytest.raises(type(error), match=words):
        raise error


async def test_plain_http_behind_a_proxy_is_the_endpoints_failure() -> None:
    """The proxy has done its part."""
    async with proxy(b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n") as address:
        error = await failure(environment={"HTTPS_PROXY": address})
    assert isinstance(error, TlsFailed)
    assert error.advice == "that port does not speak TLS: check scheme, host and port of the endpoint"


async def test_a_silent_proxy_is_named_by_the_timeout() -> None:
    """It may be the proxy or what is behind it."""
    async with proxy(None) as address:
        error = await failure(environment={"HTTPS_PROXY": address}, timeout=0.05)
    assert f"through the proxy '{address}' (HTTPS_PROXY) within 0.05 s; check the proxy" in str(error)


async def test_an_https_proxy_that_is_not_trusted_is_the_proxys_failure() -> None:
    """The endpoint's certificate has not even been seen."""
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(serving)
    async with site(serving) as served:
        error = await failure(environment={"HTTPS_PROXY": served.url})
        plain = await failure(environment={"HTTPS_PROXY": served.url.replace("https", "http")})
    assert isinstance(error, TlsFailed)
    assert "no trusted connection to the proxy '127.0.0.1:" in str(error)
    assert error.advice == "check the proxy's certificate; for a private cloud set ca_file"
    assert "proxy" in str(plain)


async def test_https_to_a_plain_http_port_says_so() -> None:
    """No authority in the world would help."""
    async with site() as served:
        error = await failure(served.url.replace("http", "https"))
        behind = await failure(environment={"HTTPS_PROXY": served.url.replace("http", "https")})
    assert isinstance(error, TlsFailed)
    assert error.advice == "that port does not speak TLS: check scheme, host and port of the endpoint"
    assert isinstance(behind, TlsFailed)
    assert behind.advice == "that port does not speak TLS: check scheme, host and port of the proxy"


@pytest.mark.parametrize(
    ("host", "begin", "end", "advice"),
    [
        ("127.0.0.1", 2020, 2021, "check the dates of the endpoint's certificate, and this machine's clock"),
        ("127.0.0.1", 2090, 2091, "check the dates of the endpoint's certificate, and this machine's clock"),
        (
            "elsewhere.example.com",
            2020,
            2091,
            "the certificate is for another host: check the endpoint's host",
        ),
        ("10.0.0.1", 2020, 2091, "the certificate is for another host: check the endpoint's host"),
    ],
    ids=["expired", "not yet", "another name", "another address"],
)
async def test_a_certificate_of_a_trusted_authority_does_not_need_a_ca_file(
    tmp_path: Path, host: str, begin: int, end: int, advice: str
) -> None:
    """What is wrong with it is told instead."""
    authority = trustme.CA()
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    first, last = datetime(begin, 1, 1, tzinfo=UTC), datetime(end, 1, 1, tzinfo=UTC)
    authority.issue_cert(host, not_before=first, not_after=last).configure_cert(serving)
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    async with site(serving) as served:
        error = await failure(served.url, ca_file=ca_file)
    assert isinstance(error, TlsFailed)
    assert error.advice == advice


async def test_a_handshake_that_fails_otherwise_is_no_matter_of_trust() -> None:
    """Here the endpoint finds no cipher or version in common: TLS's alert 40."""
    alert = b"\x15\x03\x03\x00\x02\x02\x28"
    async with proxy(b"HTTP/1.1 200 OK\r\n\r\n", alert) as address:
        error = await failure(environment={"HTTPS_PROXY": address})
    assert isinstance(error, TlsFailed)
    assert error.advice == "check the endpoint: it must speak TLS 1.2 or later"
