"""The image's health check, asked against real servers."""

from __future__ import annotations

import asyncio
import ssl
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trustme
from aiohttp import web

from exporter.cli.healthcheck import probe

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def answering(status: int, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """The URL of a server that gives this status at `/-/healthy`, and 404 everywhere else."""

    async def healthy(_: web.Request) -> web.Response:
        return web.Response(status=status)

    app = web.Application()
    app.router.add_get("/-/healthy", healthy)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        host, port = runner.addresses[0]
        yield f"{'https' if tls else 'http'}://{host}:{port}/-/healthy"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def saying(words: bytes) -> AsyncIterator[str]:
    """The URL of a server that says this, whatever it is asked."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(words)
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        yield f"http://{host}:{port}/"


@pytest.mark.parametrize(("status", "exit_status"), [(200, 0), (401, 0), (403, 1), (404, 1), (503, 1)])
async def test_the_answer_decides(status: int, exit_status: int) -> None:
    """200 is healthy, and 401 too, for there a password is asked for; anything else is not."""
    async with answering(status) as url:
        assert await asyncio.to_thread(probe, url) == exit_status


async def test_the_reason_of_a_failure_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """One line with the URL and what came, as `docker inspect` shows it."""
    async with answering(503) as url:
        await asyncio.to_thread(probe, url)
    assert capsys.readouterr().err == f"{url}: HTTP Error 503: Service Unavailable\n"


async def test_nothing_listening_is_unhealthy(unused_tcp_port: int) -> None:
    """A refused connection: 1, no traceback."""
    assert await asyncio.to_thread(probe, f"http://127.0.0.1:{unused_tcp_port}/-/healthy") == 1


@pytest.mark.parametrize("words", [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 302 Found\r\n\r\n"])
async def test_something_else_on_the_port_is_unhealthy(words: bytes) -> None:
    """Whatever is said that is not the answer of an exporter: 1, no traceback."""
    async with saying(words) as url:
        assert await asyncio.to_thread(probe, url) == 1


def test_what_is_no_url_is_unhealthy() -> None:
    """A slip in a check's argument: 1, no traceback."""
    assert probe("localhost") == 1


async def test_any_certificate_will_do() -> None:
    """The exporter's certificate is for another name, of an authority that the image does not know."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("exporter.example.com").configure_cert(tls)
    async with answering(200, tls=tls) as url:
        assert await asyncio.to_thread(probe, url) == 0


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY"])
async def test_no_proxy_is_asked(
    monkeypatch: pytest.MonkeyPatch, variable: str, unused_tcp_port: int
) -> None:
    """A proxy for the cloud in the environment is not for the way to oneself."""
    monkeypatch.setenv(variable, f"http://127.0.0.1:{unused_tcp_port}")
    monkeypatch.setenv("no_proxy", "")
    async with answering(200) as url:
        assert await asyncio.to_thread(probe, url) == 0


async def test_as_a_command_it_takes_another_url() -> None:
    """The form that the image's HEALTHCHECK has, with the URL of an exporter that listens elsewhere."""
    async with answering(200) as url:
        assert await _exit_status(url) == 0
        assert await _exit_status(url + "/elsewhere") == 1


async def _exit_status(url: str) -> int:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "exporter.cli.healthcheck", url, stderr=-3
    )
    return await process.wait()
