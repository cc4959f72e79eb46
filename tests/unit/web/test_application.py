from __future__ import annotations

import asyncio
import gzip
import re
import threading
from typing import TYPE_CHECKING

import aiohttp
import pytest
from structlog.testing import capture_logs
from support.web.serving import OPENMETRICS, TEXT, FakeExposition, ask, backend, serving

from exporter.common.errors import ConfigurationError, Problem
from exporter.web.config_watch import WebConfigWatcher
from exporter.web.status import PoolView

if TYPE_CHECKING:
    from pathlib import Path

    from support.fakes import FakeClock

    from exporter.web.status import PageView

OPENMETRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
TEXT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@pytest.mark.parametrize(
    ("accept", "content_type", "body"),
    [({}, TEXT_TYPE, TEXT), ({"Accept": "application/openmetrics-text"}, OPENMETRICS_TYPE, OPENMETRICS)],
)
async def test_scrape_has_its_format(accept: dict[str, str], content_type: str, body: bytes) -> None:
    """The bytes of the exposition as they are, under the content type of the format that was asked for."""
    async with serving() as server:
        answer = await ask(server, "/metrics", headers=accept)
    assert (answer.status, answer.body) == (200, body)
    assert answer.headers["Content-Type"] == content_type
    assert answer.headers["Content-Length"] == str(len(body))
    assert answer.headers["Vary"] == "Accept, Accept-Encoding"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Content-Encoding" not in answer.headers


async def test_scrape_is_compressed_where_accepted() -> None:
    """The exposition is asked for gzip, and what it gives goes out as it is."""
    async with serving() as server:
        answer = await ask(server, "/metrics", headers={"Accept-Encoding": "deflate, gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Content-Length"] == str(len(answer.body))
    assert gzip.decompress(answer.body) == TEXT


class Large(FakeExposition):
    """Five pieces of so many bytes."""

    def __init__(self, size: int = 700_000) -> None:
        super().__init__()
        self.size = size

    async def scrape(self, *, openmetrics: bool, gzip: bool, names: frozenset[str]) -> tuple[bytes, ...]:
        self.asked.append((openmetrics, gzip, names))
        return tuple(bytes([number]) * self.size for number in range(5))


async def test_a_scraper_that_hangs_up_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever has read enough of a large scrape may go; nothing is logged, and others are served."""
    exposition = Large(size=20_000_000)  # more than the sockets hold
    with capture_logs() as logs:
        async with serving(backend(exposition=exposition)) as server:
            reader, writer = await asyncio.open_connection(*server.addresses[0])
            writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            await reader.readexactly(1000)
            writer.transport.abort()
            assert len((await ask(server, "/metrics")).body) == 100_000_000
    assert len(exposition.asked) == 2
    assert logs == []
    assert [record for record in caplog.records if record.levelname in {"WARNING", "ERROR"}] == []


class Held(Large):
    """Takes its time to begin."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()

    async def scrape(self, *, openmetrics: bool, gzip: bool, names: frozenset[str]) -> tuple[bytes, ...]:
        self.begun.set()
        await self.go_on.wait()
        return await super().scrape(openmetrics=openmetrics, gzip=gzip, names=names)


async def test_a_scraper_that_hangs_up_before_the_answer_begins_is_no_fault() -> None:
    """Whoever does not wait for a large scrape may go too; nothing is logged, and others are served."""
    exposition = Held()
    with capture_logs() as logs:
        async with serving(backend(exposition=exposition)) as server:
            _, writer = await asyncio.open_connection(*server.addresses[0])
            writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            await exposition.begun.wait()
            writer.transport.abort()
            await ask(server, "/-/healthy")  # which comes behind the news that the first has gone
            exposition.go_on.set()
            assert len((await ask(server, "/metrics")).body) == 3_500_000
    assert len(exposition.asked) == 2
    assert logs == []


async def test_large_scrape_arrives_whole() -> None:
    """Megabytes are sent part by part; they arrive in order, with their length, and HEAD has just that."""
    async with serving(backend(exposition=Large())) as server:
        answer = await ask(server, "/metrics")
        head = await ask(server, "/metrics", method="HEAD")
    assert answer.body == b"".join(bytes([number]) * 700_000 for number in range(5))
    assert answer.headers["Content-Length"] == head.headers["Content-Length"] == "3500000"
    assert head.body == b""


async def test_header_in_two_lines_counts_as_one() -> None:
    """Accept-Encoding may come in several lines, which mean the same as one with commas."""
    async with serving() as server, aiohttp.ClientSession() as session:
        headers = [("Accept-Encoding", "deflate"), ("Accept-Encoding", "gzip")]
        async with session.get(server.urls[0] + "/metrics", headers=headers) as response:
            assert response.headers["Content-Encoding"] == "gzip"


async def test_head_is_the_scrape_without_its_body() -> None:
    """HEAD gives the headers of GET, the length included."""
    async with serving() as server:
        answer = await ask(server, "/metrics", method="HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["Content-Length"] == str(len(TEXT))
    assert answer.headers["Content-Type"] == TEXT_TYPE


async def test_names_are_passed_on() -> None:
    """Every `name[]` reaches the exposition; none means everything."""
    exposition = FakeExposition()
    async with serving(backend(exposition=exposition)) as server:
        await ask(server, "/metrics?name[]=up&name%5B%5D=modelarts_pool_up&other=x")
        await ask(server, "/metrics")
    assert exposition.asked == [
        (False, False, frozenset({"up", "modelarts_pool_up"})),
        (False, False, frozenset()),
    ]


async def test_telemetry_path_is_settable() -> None:
    """Metrics are where the operator wants them, and nowhere else; the page links there."""
    async with serving(telemetry_path="/a/metrics") as server:
        assert (await ask(server, "/a/metrics")).body == TEXT
        assert (await ask(server, "/metrics")).status == 404
        assert 'href="/a/metrics"' in (await ask(server, "/")).text


async def test_metrics_may_take_the_root() -> None:
    """With / as telemetry path the metrics are there, in the status page's place."""
    async with serving(telemetry_path="/") as server:
        assert (await ask(server, "/")).body == TEXT


@pytest.mark.parametrize(
    ("path", "service", "good", "bad"),
    [
        ("/-/healthy", "alive", "healthy\n", "not healthy: the poll loop has ended\n"),
        ("/-/ready", "ready", "ready\n", "not ready: not every pool has been polled yet\n"),
    ],
)
async def test_probes_say_how_it_is(path: str, service: str, good: str, bad: str) -> None:
    """200 while it is so, else 503 with the reason."""
    state = True
    async with serving(backend(**{service: lambda: state})) as server:
        answer = await ask(server, path)
        assert (answer.status, answer.text) == (200, good)
        state = False
        answer = await ask(server, path)
        assert (answer.status, answer.text) == (503, bad)


async def test_reload_needs_its_flag() -> None:
    """Without --web.enable-lifecycle a reload is refused, and told which flag allows it."""
    async with serving() as server:
        answer = await ask(server, "/-/reload", method="POST")
    assert answer.status == 403
    assert answer.text == "reloading is disabled; start with --web.enable-lifecycle\n"


async def test_reload_reloads() -> None:
    """POST reloads once and answers 200; GET, which a link or a crawler could send, is 405."""
    done: list[str] = []

    async def reload() -> None:
        done.append("reload")

    async with serving(backend(reload=reload)) as server:
        answer = await ask(server, "/-/reload", method="POST")
        assert (answer.status, answer.text, done) == (200, "reloaded\n", ["reload"])
        answer = await ask(server, "/-/reload")
        assert (answer.status, answer.headers["Allow"], done) == (405, "POST", ["reload"])


async def test_pages_are_rendered_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many who look at the status page take one thread, so that a scrape has its share of the interpreter."""
    begun: list[int] = []
    release = threading.Event()

    def render(_view: PageView) -> str:
        begun.append(len(begun))
        release.wait()
        return "page"

    monkeypatch.setattr("exporter.web.status.render_page", render)
    async with serving() as server:
        pages = [asyncio.create_task(ask(server, "/")) for _ in range(5)]
        try:
            while len(server._connections) < 5 or not begun:
                await asyncio.sleep(0)
            assert (await ask(server, "/metrics")).body == TEXT
            assert begun == [0]
        finally:
            release.set()
        assert [(await page).text for page in pages] == ["page"] * 5


@pytest.mark.parametrize(
    ("headers", "reloaded"),
    [
        ({}, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),  # typed by the user
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "anything"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://exporter:10310"}, False),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://outside.example"}, True),  # a proxy's host
        ({"Origin": "http://exporter:10310"}, True),
        ({"Origin": "https://EXPORTER:10310"}, True),
        ({"Origin": "http://exporter"}, False),
        ({"Origin": "http://exporter:10310.example.org"}, False),
        ({"Origin": "https://example.org"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": ""}, False),
    ],
)
async def test_reload_is_not_for_pages_of_other_sites(headers: dict[str, str], reloaded: bool) -> None:
    """A browser's POST from another origin is 403; tools, which send no such header, are let in."""
    done: list[str] = []

    async def reload() -> None:
        done.append("reload")

    async with serving(backend(reload=reload)) as server:
        answer = await ask(server, "/-/reload", method="POST", headers={"Host": "exporter:10310", **headers})
    assert bool(done) is reloaded
    assert (answer.status, answer.text) == (
        (200, "reloaded\n") if reloaded else (403, "not reloaded: a page of another site made this request\n")
    )


async def test_failed_reload_gives_the_reasons() -> None:
    """A configuration that cannot be used is 400 with every problem, one a line."""

    async def reload() -> None:
        raise ConfigurationError(
            Problem("poll.interval", "must be positive"), Problem("projects", "is missing")
        )

    async with serving(backend(reload=reload)) as server:
        answer = await ask(server, "/-/reload", method="POST")
    assert answer.status == 400
    assert answer.text == (
        "not reloaded, the old configuration stays in use:\npoll.interval: must be positive\n"
        "projects: is missing\n"
    )


async def test_unknown_path_shows_the_known_ones() -> None:
    """404 in plain text, with where to go instead."""
    async with serving(telemetry_path="/m") as server:
        answer = await ask(server, "/%3Cscript%3E")
    assert answer.status == 404
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.text == "not found; there are:\n/m\n/\n/-/healthy\n/-/ready\n/-/reload\n"


async def test_failing_page_hurts_nobody_else() -> None:
    """What goes wrong in the page is logged and answered with 500 and no traceback; /metrics goes on."""

    def pools() -> list[PoolView]:
        raise RuntimeError("inner secret")

    async with serving(backend(pools=pools)) as server:
        with capture_logs() as logs:
            answer = await ask(server, "/")
        assert (answer.status, answer.text) == (500, "internal error; see the exporter's log\n")
        assert [(entry["event"], entry["path"]) for entry in logs] == [("request failed", "/")]
        assert (await ask(server, "/metrics")).status == 200


async def test_page_shows_pools_and_uptime(clock: FakeClock) -> None:
    """The page shows what the pools' service gives at that moment, and how long the exporter has run."""
    pools: list[PoolView] = []
    async with serving(backend(pools=lambda: pools), clock=clock) as server:
        assert "No pool is known yet" in (await ask(server, "/")).text
        pools.append(PoolView("cn-north-4", "p", "pool-1"))
        clock.advance(7_500)
        answer = await ask(server, "/")
    assert "pool-1" in answer.text
    assert "up 2h 5m" in answer.text
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"


async def test_page_allows_its_own_style_and_nothing_else() -> None:
    """The policy names the style's hash; the page has no script and loads nothing."""
    async with serving() as server:
        answer = await ask(server, "/")
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert not re.search(r"<script|\ssrc=|\sstyle=|\son\w+=|@import|url\(", answer.text)


async def test_configured_headers_rule(tmp_path: Path) -> None:
    """A header from the web configuration stands on every answer, in place of the built-in one."""
    file = tmp_path / "web.yml"
    file.write_text(
        "http_server_config: {headers: {Content-Security-Policy: sandbox, X-Frame-Options: deny}}"
    )
    async with serving(config=WebConfigWatcher(file)) as server:
        for path in ("/", "/metrics", "/none"):
            answer = await ask(server, path)
            assert answer.headers.getall("Content-Security-Policy") == ["sandbox"]
            assert answer.headers["X-Frame-Options"] == "deny"
            assert answer.headers["Server"] == "modelarts-exporter"


async def test_all_paths_are_behind_the_password(tmp_path: Path) -> None:
    """As in exporter-toolkit nothing is left open, also not what does not exist; the right one opens all."""
    file = tmp_path / "web.yml"
    # bcrypt of "fake", at the lowest cost
    file.write_text("basic_auth_users: {a: $2b$04$PPWL0VjjsfIGkPzMA26FF.Tr0jiqgKHAx8qm10toi8GXmWYYuul16}")
    async with serving(config=WebConfigWatcher(file)) as server:
        for path in ("/", "/metrics", "/-/healthy", "/-/ready", "/none"):
            assert (await ask(server, path)).status == 401
        allowed = {"Authorization": aiohttp.encode_basic_auth("a", "fake")}
        assert (await ask(server, "/metrics", headers=allowed)).status == 200


async def test_scrapes_do_not_wait_for_each_other() -> None:
    """One scrape that takes long holds up no other."""
    held, release = asyncio.Event(), asyncio.Event()

    class Slow(FakeExposition):
        async def scrape(self, *, openmetrics: bool, gzip: bool, names: frozenset[str]) -> tuple[bytes, ...]:
            if names:
                held.set()
                await release.wait()
            return await super().scrape(openmetrics=openmetrics, gzip=gzip, names=names)

    async with serving(backend(exposition=Slow())) as server, asyncio.TaskGroup() as group:
        slow = group.create_task(ask(server, "/metrics?name[]=a"))
        await held.wait()
        assert (await ask(server, "/metrics")).status == 200
        release.set()
        assert (await slow).status == 200
