"""One request and its whole answer, over real connections."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager
from gzip import compress
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import pytest
import trustme
from aiohttp import ClientPayloadError, ClientResponse
from aioresponses import aioresponses
from support.wires import site, transport
from yarl import URL

from exporter.common.errors import BadResponse, ConnectionFailed, PollError, RequestTimeout, TlsFailed
from exporter.settings.regions import REGIONS
from exporter.transport.http import Request, exact_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
GZIP = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"


async def test_the_url_goes_on_the_wire_as_it_is() -> None:
    """Nothing is normalised after signing: escapes, order and empty values stay."""
    async with site() as served, transport() as http:
        path = "/a%2Fb/~c?z=1&a=%C3%A9&e="
        answer = await http.send(Request("POST", served.url + path, body=b"hello"))
        assert answer.status == 200
        assert answer.body == b'{"path": "%s", "body": "hello"}' % path.encode()
        assert answer.headers["x-twice"] == "a"


@pytest.mark.parametrize(
    "text",
    ["https://host.example/p/?z=1&a=%C3%A9&e=", "http://127.0.0.1:8080/a%2Fb/", "https://[::1]:9/?q=%E4?+~"],
)
def test_a_url_is_exact_and_is_not_kept(text: str) -> None:
    """It is what yarl makes of the same text; yarl keeps that, and with it the memory around it."""
    url = exact_url(text)
    assert str(url) == text
    assert (url, url.raw_path_qs, url.host, url.port) == (
        (same := URL(text, encoded=True)),
        same.raw_path_qs,
        same.host,
        same.port,
    )
    assert exact_url(text) is not url


async def test_a_connection_is_used_again() -> None:
    """Keep-alive: ten requests in a row need one connection."""
    async with site() as served, transport() as http:
        for _ in range(10):
            await http.send(Request("GET", f"{served.url}/x"))
        assert len(served.connections) == 1


@asynccontextmanager
async def raw_server(answer: bytes) -> AsyncIterator[str]:
    """A server that says this to everybody and hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", BadResponse),
        (b"", ConnectionFailed),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", ConnectionFailed),
        (CHUNKED + b"64\r\nshort", ConnectionFailed),
        (CHUNKED + b"zz\r\n", BadResponse),
        (GZIP + b"Content-Length: 4\r\n\r\nnope", BadResponse),
        (GZIP + b"Content-Length: 100\r\n\r\n" + compress(b"cut"), ConnectionFailed),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 4\r\n\r\nnope", BadResponse),
    ],
    ids=[
        "no HTTP",
        "nothing",
        "cut",
        "cut chunk",
        "bad chunk",
        "bad gzip",
        "cut gzip",
        "unasked packing",
    ],
)
async def test_what_is_no_whole_answer_is_an_error(answer: bytes, kind: type[PollError]) -> None:
    """Every way in which an answer can be broken is one of our errors, on one line, with the address."""
    async with raw_server(answer) as url, transport() as http:
        with pytest.raises(kind, match=r"127\.0\.0\.1") as caught:
            await http.send(Request("GET", f"{url}/x"))
    assert "\n" not in str(caught.value)


async def test_a_corrupt_body_is_the_answers_fault_and_says_so() -> None:
    """Gzip that breaks in the middle: the connection was good, the status is kept."""
    packed = bytearray(compress(b'{"a": 1}' * 1000))
    packed[15:40] = b"\xff" * 25
    async with (
        raw_server(GZIP + b"Content-Length: %d\r\n\r\n" % len(packed) + packed) as url,
        transport() as http,
    ):
        with pytest.raises(BadResponse, match="the answer cannot be decompressed") as caught:
            await http.send(Request("GET", url))
    assert caught.value.status == 200


async def test_an_explanation_in_several_lines_is_told_in_one() -> None:
    """Some of aiohttp's errors have line breaks in them; a log line has none."""
    with aioresponses() as mocked:
        mocked.get("http://x.invalid/", exception=ClientPayloadError("400, message:\n  broken"))
        async with transport() as http:
            with pytest.raises(ConnectionFailed, match="400, message: broken"):
                await http.send(Request("GET", "http://x.invalid/"))


async def test_plain_http_to_an_https_port_asks_for_https() -> None:
    """An https port hangs up on plain HTTP; the error says what that looks like, and only for http."""
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(serving)
    async with site(serving) as served, transport() as http:
        with pytest.raises(ConnectionFailed, match=r"is the endpoint https\?"):
            await http.send(Request("GET", served.url.replace("https", "http")))
        with pytest.raises(TlsFailed) as caught:
            await http.send(Request("GET", served.url))
        assert "is the endpoint https?" not in str(caught.value)


async def test_a_token_of_twenty_kilobytes_arrives_and_an_endless_one_is_not_quoted() -> None:
    """IAM's tokens come in a header; one that is too long even so is in no error."""
    token = "T0KEN" * 4000
    head = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\nX-Subject-Token: "
    async with raw_server(head + token.encode() + b"\r\n\r\n") as url, transport() as http:
        answer = await http.send(Request("POST", url))
        assert answer.headers["x-subject-token"] == token
        assert "T0KEN" not in repr(answer)
    async with raw_server(head + token.encode() * 5 + b"\r\n\r\n") as url, transport() as http:
        with pytest.raises(BadResponse) as caught:
            await http.send(Request("POST", url, headers={"X-Auth-Token": token}, body=token.encode()))
        assert "T0KEN" not in str(caught.value)
        assert caught.value.__cause__ is None
    assert "T0KEN" not in repr(Request("POST", url, headers={"X-Auth-Token": token}, body=token.encode()))


async def test_a_host_that_does_not_exist_is_a_failed_connection() -> None:
    """No name, no connection; the error says what to look at."""
    async with transport() as http:
        with pytest.raises((ConnectionFailed, RequestTimeout), match="check"):
            await http.send(Request("GET", "http://no-such-host.invalid/", timeout=5.0))


async def test_link_local_services_are_never_asked_by_way_of_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """`direct` leaves the environment's proxy aside, as does plain http, which a proxy could read."""
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    async with site() as served, transport(direct=True) as direct, transport() as proxied:
        assert (await direct.send(Request("GET", served.url))).status == 200
        assert (await proxied.send(Request("GET", served.url))).status == 200
        with pytest.raises(TlsFailed):  # it came to the server, which speaks no TLS
            await direct.send(Request("GET", served.url.replace("http", "https")))
        with pytest.raises(ConnectionFailed):
            await proxied.send(Request("GET", served.url.replace("http", "https")))


class FittingResponse(ClientResponse):
    """What aioresponses 0.7.9 makes lacks an argument that aiohttp 3.14 wants."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{"stream_writer": Mock(), **options})


@pytest.mark.parametrize("region", ["cn-north-4", "eu-west-101"])
async def test_the_regions_own_endpoint_is_asked(region: str) -> None:
    """Requests to the public cloud go to the address that the region stands for."""
    url = f"{REGIONS[region].modelarts}/v2/p/pools"
    with aioresponses() as mocked:
        mocked.get(url, body=b"{}", response_class=FittingResponse)
        async with transport() as http:
            assert (await http.send(Request("GET", url))).body == b"{}"
    assert url.startswith(f"https://modelarts.{region}.myhuaweicloud.")


async def test_a_cancellation_outlives_a_timeout_of_the_same_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever ends a poll just when its request runs out of time has ended it; it does not go on."""
    asked = asyncio.Event()

    async def keep_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(keep_silent, "127.0.0.1", 0) as server, transport() as http:
        host, port = server.sockets[0].getsockname()
        sending = asyncio.create_task(http.send(Request("GET", f"http://{host}:{port}/", timeout=10.0)))
        await asked.wait()
        loop = asyncio.get_running_loop()
        loop.call_later(20.0, sending.cancel)
        now = loop.time
        monkeypatch.setattr(loop, "time", lambda: now() + 60.0)  # both are due in one turn of the loop
        with pytest.raises(asyncio.CancelledError):
            await sending
