"""Odd but well-formed requests to the whole daemon: its handlers are reached, and the next scrape is right.

FUZZ_EXAMPLES sets how many are tried; `--hypothesis-show-statistics` tells how many got to a handler.
"""

from __future__ import annotations

import asyncio
import gzip
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import aiohttp
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs
from support.cloud import POOL
from support.web.daemon import daemon_in
from support.web.wire import everything

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

EXAMPLES = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "50")),
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # all examples talk to one daemon
)

ROUTES = st.sampled_from(
    [("GET", "/metrics")] * 8
    + [("HEAD", "/metrics"), ("GET", "/"), ("HEAD", "/"), ("GET", "/-/healthy"), ("GET", "/-/ready")]
    + [("POST", "/-/reload")] * 3
    + [("GET", "/-/reload"), ("DELETE", "/metrics"), ("GET", "/nothing")]
)
NAMES = st.sampled_from(
    [
        *("modelarts_pool_up", "modelarts_pool_workloads", "modelarts_pool_pending_age_seconds_bucket"),
        *("modelarts_workload_status", "modelarts_exporter_polls_total", "modelarts_exporter_polls", ""),
    ]
)
QUERIES = st.lists(
    st.tuples(st.sampled_from(["name[]"] * 4 + ["name", "collect[]", ""]), NAMES | st.text(max_size=20)),
    max_size=5,
)
VISIBLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=80)
QUALITY = st.sampled_from(["", ";q=0", ";q=1", ";q=0.5", ";q=2", ";q=nan", ";q=", "; q = 0.1", ";q=1e-9"])
MEDIA = st.sampled_from(
    [
        "*/*",
        "text/plain",
        "text/plain;version=0.0.4",
        "text/html",
        "application/json",
        "gzip",
        "*",
        "identity",
    ]
    + [f"application/openmetrics-text;version={version}" for version in ("1.0.0", "0.0.1", "9", "")]
)
CHOICES = st.lists(st.tuples(MEDIA, QUALITY).map("".join), max_size=6).map(",".join)
HEADERS = st.lists(
    st.tuples(st.sampled_from(["Accept", "Accept-Encoding"]), CHOICES)
    | st.tuples(
        st.sampled_from(
            [
                *("Accept", "Accept-Encoding", "Authorization", "Cookie", "Range", "If-None-Match", "Expect"),
                *("X-Prometheus-Scrape-Timeout-Seconds", "X-HTTP-Method-Override", "Content-Type", "Upgrade"),
            ]
        ),
        VISIBLE,
    ),
    max_size=6,
).filter(lambda headers: [name for name, _ in headers].count("Content-Type") < 2)  # HTTP has only one


@dataclass(frozen=True, slots=True)
class Request:
    """One that HTTP has nothing against."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...]

    def __bytes__(self) -> bytes:
        query = "&".join(f"{quote(name)}={quote(value)}" for name, value in self.query)
        head = [f"{self.method} {self.path}{query and '?' + query} HTTP/1.1", "Host: x"]
        head += [f"{name}: {value}" for name, value in (*self.headers, ("Connection", "close"))]
        return "\r\n".join([*head, "", ""]).encode()

    @property
    def names(self) -> set[str]:
        return {value for name, value in self.query if name == "name[]"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        zipped = self.headers.get("Content-Encoding") == "gzip" and self.body
        return (gzip.decompress(self.body) if zipped else self.body).decode()


REQUESTS = st.builds(
    lambda route, query, headers: Request(route[0], route[1], tuple(query), tuple(headers)),
    *(ROUTES, QUERIES, HEADERS),
)
SCRAPE = Request("GET", "/metrics", (), ())


class Target:
    """A daemon whose configuration has been spoilt since, and what it showed before."""

    def __init__(self, address: tuple[str, int], shown: frozenset[str]) -> None:
        self.address = address
        self.shown = shown

    async def ask(self, request: Request) -> Answer:
        reader, writer = await asyncio.open_connection(*self.address)
        writer.write(bytes(request))
        head, _, body = (await everything(reader)).partition(b"\r\n\r\n")
        writer.close()
        status, *lines = head.decode().split("\r\n")
        return Answer(int(status.split()[1]), dict(line.split(": ", 1) for line in lines), body)


def shown(text: str) -> frozenset[str]:
    """The samples of the cloud's pools and workloads; the exporter's own change with every request."""
    return frozenset(re.findall(r"^modelarts_(?:pool|workload)_.*", text, re.MULTILINE))


@pytest.fixture
async def target(tmp_path: Path) -> AsyncIterator[Target]:
    """A daemon that has read its pool."""
    async with daemon_in(tmp_path) as url, aiohttp.ClientSession() as session:
        text = ""
        while (
            "modelarts_pool_oldest_fitting_seconds{" not in text
        ):  # follows the workloads, and the capacities
            async with session.get(f"{url}/metrics") as answer:
                text = await answer.text()
        (tmp_path / "exporter.yml").write_text("projects: 3")
        address = urlsplit(url)
        yield Target((str(address.hostname), int(address.port or 0)), shown(text))


def check_handled(request: Request, answer: Answer, target: Target) -> None:
    """What the path's handler is to answer."""
    match request.path:
        case "/metrics":
            assert answer.status == 200
            assert int(answer.headers["Content-Length"]) == len(answer.body) or request.method == "HEAD"
            assert ("openmetrics" in answer.headers["Content-Type"]) is answer.text.endswith(
                "# EOF\n"
            ) or request.method == "HEAD"
            found = shown(answer.text)
            if request.method == "GET":
                assert found == target.shown if not request.names else found <= target.shown
        case "/":
            assert (answer.status, POOL in answer.text) == (200, request.method == "GET")
        case "/-/reload":
            assert answer.status == 400
            assert answer.text.startswith("not reloaded, the old configuration stays in use:\nprojects: ")
        case _:
            assert (answer.status, answer.text) == (200, f"{request.path.removeprefix('/-/')}\n")


HANDLED = {
    *(("GET", path) for path in ("/metrics", "/", "/-/healthy", "/-/ready")),
    *(("HEAD", path) for path in ("/metrics", "/")),
    ("POST", "/-/reload"),
}


@EXAMPLES
@given(request=REQUESTS)
async def test_daemon_withstands_odd_requests(target: Target, request: Request) -> None:
    """Each is answered by its handler or turned away with its code; afterwards the scrape is as before."""
    with capture_logs() as logs:
        answer = await target.ask(request)
        after = await target.ask(SCRAPE)
    if answer.status in {404, 405, 417} or (answer.status == 400 and "no HTTP request" in answer.text):
        event(f"turned away with {answer.status}")
        assert answer.status == 400 or (request.method, request.path) not in HANDLED
    else:
        event(f"reached the handler of {request.path}")
        check_handled(request, answer, target)
    assert {entry["event"] for entry in logs} <= {
        "the configuration was not reloaded; the old one stays in use"
    }
    assert (after.status, shown(after.text)) == (200, target.shown)


async def test_web_configuration_not_taken_up_is_a_metric(tmp_path: Path) -> None:
    """0 from the scrape after a bad change on, 1 from the one after its mending on."""
    web = tmp_path / "web.yml"
    web.write_text("http_server_config: {headers: {X-Frame-Options: deny}}")
    metric = "modelarts_exporter_web_config_last_reload_successful"
    async with daemon_in(tmp_path, web_config=web) as url, aiohttp.ClientSession() as session:

        async def found() -> str:
            async with session.get(f"{url}/metrics", params={"name[]": metric}) as answer:
                assert answer.headers["X-Frame-Options"] == "deny"
                return (await answer.text()).splitlines()[-1]

        assert await found() == f"{metric} 1.0"
        for spoilt in ("http_server_config: [", "rate_limit: {interval: 1}"):
            web.write_text(spoilt)
            assert await found() == f"{metric} 0.0"
            assert await found() == f"{metric} 0.0"
            async with session.post(f"{url}/-/reload") as answer:
                assert answer.status == 400
            assert await found() == f"{metric} 0.0"
            web.write_text("http_server_config: {headers: {X-Frame-Options: deny}} # mended")
            assert await found() == f"{metric} 1.0"
