"""What a proxy sees, and what of it goes further: nothing."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
import trustme
from support.secrecy.canaries import IAM_TOKEN, PROXY_PASSWORD, found_in
from support.secrecy.places import BEARING, place, serving_as
from support.wires import transport

from exporter.common.errors import ConnectionFailed
from exporter.transport.http import Request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


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
    async with place(serving_as(authority, "127.0.0.1")) as cloud, proxying() as proxy:
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
        place(serving_as(authority, "127.0.0.1")) as cloud,
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
