"""What comes in over the wire, however odd, is answered in 4xx or served, and nothing is taken along."""

from __future__ import annotations

import logging

import pytest
from support.web.serving import TEXT, FakeExposition, backend, serving
from support.web.wire import HEALTHY, connected, everything, told

from exporter.web.listener.connections import Limits

HOST = b" HTTP/1.1\r\nHost: x\r\n"
GET = b"GET /metrics" + HOST
POST = b"POST /-/reload" + HOST
NO_REQUEST = b"not an HTTP request, or too large\n"
NO_BODY = b"no path accepts a request with a body\n"

REFUSED = {
    "request line too long": (b"GET /" + b"a" * 9_000 + HOST + b"\r\n", 400),
    "header line too long": (GET + b"A: " + b"a" * 9_000 + b"\r\n\r\n", 400),
    "too many headers": (GET + b"".join(b"A%d: b\r\n" % n for n in range(200)) + b"\r\n", 400),
    "too many bytes of headers": (GET + b"".join(b"A%d: %8000d\r\n" % (n, n) for n in range(20)), 431),
    "Content-Length twice": (POST + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde", 400),
    "negative Content-Length": (POST + b"Content-Length: -4\r\n\r\n", 400),
    "Content-Length and chunks": (
        POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HEALTHY,
        400,
    ),
    "unknown Transfer-Encoding": (POST + b"Transfer-Encoding: xchunked\r\n\r\n", 400),
    "broken chunk": (POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    "folded header": (GET + b"A: b\r\n c\r\n\r\n", 400),
    "space before the colon": (b"GET /metrics HTTP/1.1\r\nHost : x\r\n\r\n", 400),
    "line feeds alone": (b"GET /metrics HTTP/1.1\nHost: x\n\n", 400),
    "no Host": (b"GET /metrics HTTP/1.1\r\n\r\n", 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "HTTP/3": (b"GET / HTTP/3.0\r\nHost: x\r\n\r\n", 400),
    "NUL in the path": (b"GET /metrics\0" + HOST + b"\r\n", 400),
    "bytes that are no UTF-8 in the path": (b"GET /\xff\xfe" + HOST + b"\r\n", 400),
    "no slash": (b"GET metrics" + HOST + b"\r\n", 400),
    "broken absolute form": (b"GET http://[::1/metrics" + HOST + b"\r\n", 400),
    "port out of range": (b"GET http://a:99999/" + HOST + b"\r\n", 400),
    "broken authority form": (b"CONNECT a:b" + HOST + b"\r\n", 400),
    "asterisk": (b"GET *" + HOST + b"\r\n", 400),
    "unknown method": (b"BREW /metrics" + HOST + b"\r\n", 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), 400),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", 400),
    "authority form": (b"CONNECT a:80" + HOST + b"\r\n", 413),
    "GET with a body": (GET + b"Content-Length: 3\r\n\r\nabc", 413),
    "zipped body": (POST + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd", 413),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_is_refused(case: str, caplog: pytest.LogCaptureFixture) -> None:
    """One answer with its code, in plain text of ours, the connection closed, nothing in the log."""
    caplog.set_level(logging.INFO)
    request, status = REFUSED[case]
    async with serving() as server, connected(server) as (reader, writer):
        writer.write(request)
        found, headers, body = await told(reader)
        assert found == status
        assert headers["Server"] == "modelarts-exporter"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert body == {400: NO_REQUEST, 413: NO_BODY, 431: b""}[status]
        assert await everything(reader) == b""
    assert caplog.records == []


@pytest.mark.parametrize(
    "request_",
    [b"GET /metrics?" + b"name[]=up&" * 100_000 + HOST + b"\r\n", GET + b"A: b\r\n" * 200_000],
    ids=["a query of 1 MB", "a head without end"],
)
async def test_megabytes_are_not_read(request_: bytes) -> None:
    """The connection ends long before all is sent, with an answer where the client still looks for one."""
    async with serving() as server, connected(server) as (reader, writer):
        writer.write(request_)
        assert (await everything(reader))[9:12] in {b"400", b"431", b""}


ANSWERED = {
    "unknown path": (b"GET /<script>alert(1)</script>" + HOST + b"Accept: text/html\r\n\r\n", 404),
    "path beside the metrics": (b"GET //metrics" + HOST + b"\r\n", 404),
    "path that climbs": (b"GET /%2e%2e/metrics" + HOST + b"\r\n", 404),
    "NUL in percent": (b"GET /metrics%00" + HOST + b"\r\n", 404),
    "no UTF-8 in percent": (b"GET /%ff%fe?name[]=%ff" + HOST + b"\r\n", 404),
    "OPTIONS": (b"OPTIONS *" + HOST + b"\r\n", 404),
    "PUT": (b"PUT /metrics" + HOST + b"\r\n", 405),
    "TRACE": (b"TRACE /" + HOST + b"\r\n", 405),
    "GET of the reload": (b"GET /-/reload" + HOST + b"\r\n", 405),
    "absolute form": (b"GET http://elsewhere/metrics" + HOST + b"\r\n", 200),
    "odd name[]": (b"GET /metrics?name[]=%ff%00&name[]=&name[]=%F0%9F%A6%84" + HOST + b"\r\n", 200),
    "upgrade": (GET + b"Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n", 200),
    "range": (GET + b"Range: bytes=0-1\r\n\r\n", 200),
    "odd Expect": (GET + b"Expect: tea\r\n\r\n", 200),
    "odd Expect of the page": (b"GET /" + HOST + b"Expect: <script>\r\n\r\n", 200),
    "odd Expect of a probe": (b"GET /-/ready" + HOST + b"Expect: <script>\r\n\r\n", 200),
    "odd Expect of nothing": (b"GET /nothing" + HOST + b"Expect: <script>\r\n\r\n", 404),
    "odd Expect with a wrong method": (b"PUT /metrics" + HOST + b"Expect: <script>\r\n\r\n", 405),
    "odd Expect of the server": (b"OPTIONS *" + HOST + b"Expect: <script>\r\n\r\n", 417),
    "thousands of Accept entries": (GET + (b"Accept: " + b"a/b;q=0.1," * 800 + b"\r\n") * 5 + b"\r\n", 200),
    "thousands of parameters": (GET + b"Accept: a/b" + b";q=1" * 2_000 + b"\r\n\r\n", 200),
    "thousands of encodings": (GET + b"Accept-Encoding: " + b"," * 8_000 + b"\r\n\r\n", 200),
    "odd q values": (GET + b"Accept-Encoding: gzip;q=1e999, *;q=-1, a;q=0x1\r\n\r\n", 200),
}


@pytest.mark.parametrize("case", ANSWERED)
async def test_what_is_answered(case: str) -> None:
    """Its code, headers without a version, nothing of the request given back; the next request is served."""
    request, status = ANSWERED[case]
    async with serving() as server, connected(server) as (reader, writer):
        writer.write(request)
        found, headers, body = await told(reader)
        assert found == status
        assert headers["Server"] == "modelarts-exporter"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Date"].endswith(" GMT")
        assert b"script" not in body
        assert ("Allow" in headers) is (status == 405)
        writer.write(HEALTHY)
        assert (await told(reader))[::2] == (200, b"healthy\n")


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: 1000000000\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n",
        b"Expect: 100-continue\r\nContent-Length: 1000000000\r\n\r\n",
    ],
    ids=["1 GB", "endless chunks", "asked for first"],
)
async def test_body_is_refused_before_it_comes(body: bytes) -> None:
    """A body is refused by its announcement, and the reload is not done."""
    done: list[str] = []

    async def reload() -> None:
        done.append("reload")

    async with serving(backend(reload=reload)) as server, connected(server) as (reader, writer):
        writer.write(POST + body)
        status, headers, text = await told(reader)
        assert (status, headers["Connection"], text) == (413, "close", NO_BODY)
    assert done == []


async def test_old_http_is_served() -> None:
    """HTTP/1.0 gets its answer and the end of the connection."""
    async with serving() as server, connected(server) as (reader, writer):
        writer.write(b"GET /metrics HTTP/1.0\r\n\r\n")
        assert (await told(reader))[::2] == (200, TEXT)
        assert await everything(reader) == b""


async def test_pipelined_requests_are_answered_in_order() -> None:
    """Requests that come in one piece get an answer each, in their order."""
    async with serving() as server, connected(server) as (reader, writer):
        writer.write(HEALTHY * 50 + GET + b"Connection: close\r\n\r\n")
        for _ in range(50):
            assert (await told(reader))[2] == b"healthy\n"
        assert (await told(reader))[2] == TEXT
        assert await everything(reader) == b""


async def test_names_reach_the_exposition_once_each() -> None:
    """A name that is repeated as often as a request line can hold is one name."""
    exposition = FakeExposition()
    async with serving(backend(exposition=exposition)) as server, connected(server) as (reader, writer):
        writer.write(b"GET /metrics?" + b"name[]=up&" * 800 + HOST + b"\r\n")
        assert (await told(reader))[0] == 200
    assert [names for _, _, names in exposition.asked] == [frozenset({"up"})]


async def test_head_is_bounded_byte_by_byte() -> None:
    """A head that grows line by line ends at its limit, whatever the lines; the next client is served."""
    async with serving(limits=Limits(head_size=1_000)) as server:
        async with connected(server) as (reader, writer):
            writer.write(GET + b"A: 1\r\n")
            writer.write(b"B: " + b"b" * 1_000)
            assert (await told(reader))[0] == 431
            assert await everything(reader) == b""
        async with connected(server) as (reader, writer):
            writer.write(HEALTHY)
            assert (await told(reader))[0] == 200
