"""What is told of errors that nobody expects: where they happened, and nothing of what was there."""

from __future__ import annotations

import signal
from dataclasses import replace
from itertools import cycle
from typing import TYPE_CHECKING

import pytest
from support.secrecy.canaries import found_in
from support.secrecy.driving import SERVE, WEB_SECRETS, Way, inline, login, prepared
from support.secrecy.echo import echoing

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.long

FORMATS = ("console", "json", "logfmt")


def _broken(way: Way, place: str) -> Way:
    return replace(way, changes=f"slow,break={place}")


@pytest.mark.parametrize(
    ("place", "log_format"),
    [*zip(["transport", "signing", "login", "poller", "renderer"], cycle(FORMATS), strict=False)],
)
async def test_a_bug_in_fetching_ends_the_daemon_and_shows_no_secret(
    tmp_path: Path, place: str, log_format: str
) -> None:
    """Its traceback goes through frames whose variables hold keys, tokens and requests."""
    async with echoing() as echo:
        way = (login if place == "login" else inline)(tmp_path, echo.url)
        command = prepared(tmp_path, echo.url, _broken(way, place))
        async with command.started(*SERVE, f"--log.format={log_format}") as process:
            said, _ = await process.communicate()
    assert process.returncode == 1
    assert b"Traceback" in said
    assert b"made to fail" in said, said.decode()
    assert found_in(said, {**WEB_SECRETS, **echo.signatures}) == []


@pytest.mark.parametrize(
    ("place", "path", "log_format"),
    [
        *(("metrics", "/metrics", log_format) for log_format in FORMATS),
        ("page", "/", "console"),
        ("gate", "/-/healthy", "console"),
    ],
)
async def test_a_bug_in_answering_is_logged_and_shows_no_secret(
    tmp_path: Path, place: str, path: str, log_format: str
) -> None:
    """Whoever asks is told nothing but that; the log has the traceback, also that of a forgotten task."""
    async with echoing() as echo:
        command = prepared(tmp_path, echo.url, _broken(inline(tmp_path, echo.url), place))
        async with command.serving(*SERVE, f"--log.format={log_format}") as served:
            status, answer = await served.ask(path)
            served.process.terminate()
            log = await served.log()
    assert status == 500
    assert b"made to fail" not in answer
    assert b"Traceback" in log
    assert b"made to fail" in log
    assert (b"never retrieved" in log) == (place == "metrics")
    for output in (answer, log):
        assert found_in(output, {**WEB_SECRETS, **echo.signatures}) == []


async def test_a_crash_of_the_interpreter_shows_no_secret(tmp_path: Path) -> None:
    """Faulthandler tells of functions and lines."""
    async with echoing() as echo:
        command = prepared(tmp_path, echo.url, inline(tmp_path, echo.url))
        async with command.serving(*SERVE) as served:
            await served.ready()
            served.process.send_signal(signal.SIGABRT)
            log = await served.log()
    assert b"Fatal Python error: Aborted" in log
    assert found_in(log, {**WEB_SECRETS, **echo.signatures}) == []
