"""Whatever comes over the wire: an answer or the end of the connection, no 500, and the next scrape is right.

FUZZ_EXAMPLES sets how many are tried.
"""

from __future__ import annotations

import os

from hypothesis import event, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs
from support.web.serving import TEXT, serving
from support.web.wire import HeldClock, connected, said_to, told

from exporter.web.listener.connections import Limits

EXAMPLES = settings(max_examples=int(os.environ.get("FUZZ_EXAMPLES", "50")))

# One in so many is odd: more, and hardly any request would get further than its first line.
METHODS = st.sampled_from(
    [b"GET"] * 6
    + [b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"TRACE", b"CONNECT", b"PATCH", b"PRI", b"", b"\0"]
)
PATHS = st.sampled_from(
    [b"/", b"/metrics", b"/-/healthy", b"/-/ready", b"/-/reload", b"*", b"//", b"http://x/metrics", b"x:1"]
) | st.binary(max_size=30).map(b"/".__add__)
QUERIES = st.lists(
    st.tuples(st.sampled_from([b"name[]", b"name%5B%5D", b"a", b""]), st.binary(max_size=20)), max_size=5
).map(lambda pairs: b"&".join(name + b"=" + value for name, value in pairs))
ODD = st.text(st.sampled_from("gzip*;=,q/01.-eE textplain\"'"), max_size=60).map(str.encode)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *(b"Host", b"Accept", b"Accept-Encoding", b"Authorization", b"Connection", b"Upgrade"),
                *(b"Content-Length", b"Transfer-Encoding", b"Content-Encoding", b"Expect", b"Cookie"),
                *(b"Range", b"X-Forwarded-For", b"Content-Type", b"If-Modified-Since"),
            ]
        )
        | st.text("abAB-_", min_size=1, max_size=10).map(str.encode),
        ODD
        | st.binary(max_size=20)
        | st.sampled_from([b"x", b"close", b"chunked", b"3", b"100-continue", b"multipart/form-data"]),
    ),
    max_size=6,
)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """Something like a request."""
    query = draw(QUERIES)
    line = draw(METHODS) + b" " + draw(PATHS) + (b"?" + query if query else b"")
    head = [line + b" HTTP/" + draw(st.sampled_from([b"1.1"] * 8 + [b"1.0", b"2.0", b"0.9", b"x"]))]
    head += [name + b": " + value for name, value in [(b"Host", b"x"), *draw(HEADERS)]]
    return b"\r\n".join(head) + b"\r\n\r\n" + draw(st.binary(max_size=20))


async def hold_out(said: bytes) -> None:
    clock = HeldClock()
    with capture_logs() as logs:
        async with serving(pace=clock, limits=Limits(answer=1e9)) as server:
            heard = await said_to(server, said, clock)
            async with connected(server) as (reader, writer):
                writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
                assert (await told(reader))[::2] == (200, TEXT)
    assert logs == []
    assert not heard or heard.startswith(b"HTTP/")
    assert b" 500 " not in heard
    assert b"Traceback" not in heard
    assert b"aiohttp" not in heard
    event(heard[9:12].decode() or "nothing")


@EXAMPLES
@given(requests())
async def test_anything_like_a_request(said: bytes) -> None:
    """Methods, targets, queries and headers, mixed."""
    await hold_out(said)


@EXAMPLES
@given(st.lists(requests(), min_size=2, max_size=4))
async def test_several_in_one_go(said: list[bytes]) -> None:
    """Pipelined, with whatever the one before left behind."""
    await hold_out(b"".join(said))


@EXAMPLES
@given(st.binary(max_size=300))
async def test_any_bytes(said: bytes) -> None:
    """No HTTP at all."""
    await hold_out(said)
