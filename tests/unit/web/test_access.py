"""Who is let in, over plain HTTP: the rate limit, users, and what comes first."""

from __future__ import annotations

import asyncio
import base64
import threading
from typing import TYPE_CHECKING

import bcrypt
from hypothesis import given
from hypothesis import strategies as st
from support.fakes import FakeClock
from support.web.serving import ask, serving

from exporter.web.access import TokenBucket
from exporter.web.config_watch import WebConfigWatcher
from exporter.web.listener.connections import ConnectionPhase

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def written(folder: Path, text: str) -> WebConfigWatcher:
    (folder / "web.yml").write_text(text)
    return WebConfigWatcher(folder / "web.yml")


def bearing(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


async def test_burst_passes_and_then_one_each_interval(tmp_path: Path) -> None:
    """As many requests as the burst, then 429 until the interval has passed, then one more."""
    clock = FakeClock()
    config = written(tmp_path, "rate_limit: {interval: 10s, burst: 3}")
    steps = (
        *((0, [200, 200, 200, 429, 429]), (9.9, [429]), (0.1, [200, 429]), (25, [200, 200, 429])),
        (1000, [200, 200, 200, 429]),  # however long nobody came, no more than the burst
    )
    async with serving(config=config, clock=clock) as server:
        for wait, expected in steps:
            clock.advance(wait)
            assert [(await ask(server, "/metrics")).status for _ in expected] == expected
        answer = await ask(server, "/nothing")
    assert (answer.status, answer.text) == (429, "too many requests; rate_limit allows no more\n")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_rate_limit_comes_before_the_password(tmp_path: Path) -> None:
    """Guesses count: as in exporter-toolkit, whoever is over the limit is not even asked for a password."""
    stored = bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()
    config = written(tmp_path, f"rate_limit: {{interval: 1h, burst: 2}}\nbasic_auth_users: {{a: {stored}}}")
    async with serving(config=config) as server:
        answers = [await ask(server, "/", headers=bearing("a", "wrong")) for _ in range(2)]
        answers.append(await ask(server, "/", headers=bearing("a", "right")))
    assert [answer.status for answer in answers] == [401, 401, 429]


async def test_rate_limit_follows_the_file(tmp_path: Path) -> None:
    """A lower limit holds from the next request on; a higher one, or none any more, from a reload on."""
    config = written(tmp_path, "rate_limit: {interval: 1h, burst: 1}")
    async with serving(config=config) as server:
        assert [(await ask(server, "/metrics")).status for _ in range(2)] == [200, 429]
        (tmp_path / "web.yml").write_text("rate_limit: {interval: 1h, burst: 2} # more")
        assert (await ask(server, "/metrics")).status == 429
        config.reload()
        assert [(await ask(server, "/metrics")).status for _ in range(3)] == [200, 200, 429]
        (tmp_path / "web.yml").write_text("rate_limit: {interval: 2h, burst: 2} # less")
        assert [(await ask(server, "/metrics")).status for _ in range(3)] == [200, 200, 429]
        (tmp_path / "web.yml").write_text("# none")
        assert [(await ask(server, "/metrics")).status for _ in range(2)] == [429, 429]
        config.reload()
        assert [(await ask(server, "/metrics")).status for _ in range(3)] == [200] * 3


@given(
    interval=st.floats(0.001, 1e6),
    burst=st.integers(1, 50),
    waits=st.lists(st.floats(0, 3), min_size=1, max_size=60),
)
def test_bucket_never_gives_more_than_its_rate(interval: float, burst: int, waits: list[float]) -> None:
    """Whatever the waits (in intervals), tokens taken are at most the burst and one each interval since."""
    clock, taken = FakeClock(), 0
    bucket, began = TokenBucket(interval=interval, burst=burst, clock=clock), clock.monotonic()
    assert [bucket.take() for _ in range(burst + 1)] == [True] * burst + [False]
    for wait in waits:
        clock.advance(wait * interval)
        taken += bucket.take()
        assert taken <= (clock.monotonic() - began) / interval + 0.01
    clock.advance(1.01 * interval)
    assert bucket.take()


async def test_users_change_while_running(tmp_path: Path) -> None:
    """A user who is taken out, or gets another password, is refused at the next request, known or not."""
    first, second = (bcrypt.hashpw(text, bcrypt.gensalt(4)).decode() for text in (b"one", b"two"))
    config = written(tmp_path, f"basic_auth_users: {{a: {first}, Ж: {first}}}")
    async with serving(config=config) as server:
        assert (await ask(server, "/metrics", headers=bearing("a", "one"))).status == 200
        assert (await ask(server, "/metrics", headers=bearing("Ж", "one"))).status == 200
        (tmp_path / "web.yml").write_text(f"basic_auth_users: {{a: {second}}} # changed")
        assert (await ask(server, "/metrics", headers=bearing("a", "one"))).status == 401
        assert (await ask(server, "/metrics", headers=bearing("Ж", "one"))).status == 401
        assert (await ask(server, "/metrics", headers=bearing("a", "two"))).status == 200
        assert (await ask(server, "/metrics")).status == 401


async def test_every_path_is_behind_the_gate(tmp_path: Path) -> None:
    """No path answers a stranger, unknown ones included, and none gives away what exists."""
    stored = bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()
    async with serving(config=written(tmp_path, f"basic_auth_users: {{a: {stored}}}")) as server:
        for path in ("/", "/metrics", "/-/healthy", "/-/ready", "/-/reload", "/nothing"):
            for method in ("GET", "POST", "HEAD", "OPTIONS"):
                for expect in ({}, {"Expect": "tea"}):
                    answer = await ask(server, path, method=method, headers=expect)
                    assert answer.status == 401
                    assert answer.headers["WWW-Authenticate"].startswith("Basic ")


async def test_guessers_beyond_the_queue_are_told_to_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While too many passwords wait: 503 with when to try again; a known user is served meanwhile."""
    stored = bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()
    async with serving(config=written(tmp_path, f"basic_auth_users: {{a: {stored}}}")) as server:
        assert (await ask(server, "/metrics", headers=bearing("a", "right"))).status == 200
        monkeypatch.setattr("exporter.web.basic_auth._MAX_WAITING", 1)
        release = threading.Event()
        monkeypatch.setattr(bcrypt, "checkpw", lambda *_: release.wait() and False)
        waiting = [asyncio.create_task(ask(server, "/", headers=bearing("a", str(n)))) for n in range(3)]
        try:
            done, pending = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            [answer] = [task.result() for task in done]
            assert (await ask(server, "/metrics", headers=bearing("a", "right"))).status == 200
        finally:
            release.set()
        assert [(await task).status for task in pending] == [401, 401]
    assert (answer.status, answer.text) == (503, "too many passwords wait to be checked; try again\n")
    assert answer.headers["Retry-After"] == "1"


async def test_the_stop_does_not_wait_for_passwords(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the exporter stops, those whose passwords wait are told so at once; the check that runs ends."""
    release = threading.Event()
    monkeypatch.setattr(bcrypt, "checkpw", lambda *_: release.wait() and False)
    stored = bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()
    async with serving(config=written(tmp_path, f"basic_auth_users: {{a: {stored}}}")) as server:
        asked = [asyncio.create_task(ask(server, "/", headers=bearing("a", str(n)))) for n in range(3)]
        while sum(c.phase is ConnectionPhase.RESPONDING for c in server._connections._open) < 3:
            await asyncio.sleep(0)
        stop = asyncio.create_task(server.stop())
        try:
            while sum(task.done() for task in asked) < 2:
                await asyncio.sleep(0)
        finally:
            release.set()
        await stop
        assert sorted([(await task).status for task in asked]) == [401, 503, 503]
