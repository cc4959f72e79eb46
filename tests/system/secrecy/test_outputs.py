"""Every output of the real command, driven with secrets from everywhere and a cloud that quotes them."""

from __future__ import annotations

import re
import signal
from dataclasses import replace
from itertools import cycle
from typing import TYPE_CHECKING

import pytest
from support.cloud import jobs
from support.fixed_pool import FixedPool
from support.secrecy.canaries import AK, PASSWORD, PROXY_PASSWORD, SECURITY_TOKEN, SK, WEB_PASSWORD, found_in
from support.secrecy.driving import (
    FORMS,
    POOL,
    PROJECT,
    SERVE,
    WEB_SECRETS,
    Served,
    Way,
    agency,
    environment,
    files,
    inline,
    login,
    pod,
    prepared,
    profile,
)
from support.secrecy.echo import STATUSES, Echo, echoing
from support.waiting import until

from exporter.common.clock import SystemClock
from exporter.simulator.credential_endpoints import METADATA_TOKEN as SIMULATED_METADATA_TOKEN
from exporter.simulator.credential_endpoints import POD_TOKEN as SIMULATED_POD_TOKEN
from exporter.simulator.iam import AccessKey, User
from exporter.simulator.pools import Profile
from exporter.simulator.server import Simulator, serve

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Form = Callable[[Path, str], Way]

pytestmark = pytest.mark.long

BROKEN = {
    "c.yml": (
        f"projects: [{{region: {SK}, project_id: {AK}, credentials: {{ak: {AK}, sk:{SK}, {AK}: 1}}}}]",
        f"projects:\n- credentials: {{ak: '{AK}, sk: {SK}\n\tsecurity_token: {SECURITY_TOKEN}",
    ),
    "web.yml": (
        f"basic_auth_users: {{prometheus: {WEB_PASSWORD}}}",
        f"tls_server_config: {{cert: {SK}, key: '{PASSWORD}'}}\n{SK}: 1",
        f"tls_server_config: {{cert_file: {SK}, key_file: {SK}}}",
        f"basic_auth_users: {{me: '{WEB_PASSWORD}",
    ),
}


async def _reloads_refused(served: Served, folder: Path) -> bytes:
    """What is said of files that are broken and hold secrets; the good ones are there again afterwards."""
    said = b""
    for name, broken in BROKEN.items():
        good = (folder / name).read_text()
        for text in broken:
            (folder / name).write_text(text)
            served.process.send_signal(signal.SIGHUP)
            status, answer = await served.ask("/-/reload", "POST")
            assert status == 400, answer
            said += answer
        (folder / name).write_text(good)
    return said


@pytest.mark.parametrize(
    ("form", "log_format"), list(zip(FORMS, cycle(("console", "json", "logfmt")), strict=False))
)
async def test_the_daemon_shows_no_secret(tmp_path: Path, form: Form, log_format: str) -> None:
    """Logs at debug, every path, reloads of broken files, the state; wherever the keys come from."""
    async with echoing() as echo:
        command = prepared(tmp_path, echo.url, form(tmp_path, echo.url))
        async with command.serving(*SERVE, f"--log.format={log_format}") as served:
            await served.ready()
            await until(lambda: served.ask("/-/healthy"), lambda _: echo.listings >= len(STATUSES))
            answers = await served.every_path() + await _reloads_refused(served, tmp_path)
            served.process.terminate()
            log = await served.log()
            assert await served.process.wait() == 0, log.decode()
    assert POOL.encode() in answers
    assert b"APIGW.0301" in answers  # the cloud's words are shown, without the secrets
    assert b"not reloaded" in answers
    assert b"Executing <" in log  # asyncio in debug mode, telling of every callback
    assert b"Traceback" not in log, log.decode()
    _holds_no_secret(echo, log, answers, (tmp_path / "state.db").read_bytes())
    sent = " ".join(str(headers) for headers in echo.headers)
    assert PROXY_PASSWORD not in sent
    assert "Basic " not in sent  # nothing of the netrc


def _holds_no_secret(echo: Echo, *outputs: bytes) -> None:
    for output in outputs:
        assert found_in(output, {**WEB_SECRETS, **echo.signatures}) == []


def _simulated_pod(folder: Path, url: str) -> Way:
    return pod(folder, url, "/pod-identity/credentials", SIMULATED_POD_TOKEN)


@pytest.mark.parametrize("form", [inline, _simulated_pod, agency, login])
async def test_a_daemon_that_is_well_shows_no_secret(tmp_path: Path, form: Form) -> None:
    """The same with a cloud that answers: keys from the metadata service and tokens from IAM are used."""
    clock = SystemClock()
    key = AccessKey(AK, SK, SECURITY_TOKEN)
    pool = FixedPool(Profile(POOL, name="Training"), jobs(3))
    user = User("exporter", PASSWORD, "acme")
    simulator = Simulator(clock, {PROJECT: [pool]}, keys=[key], users=[user])
    async with serve(simulator) as url:
        command = prepared(tmp_path, url, form(tmp_path, url))
        async with command.serving(*SERVE, "--log.format=json") as served:
            await served.ready()
            answers = await served.every_path()
            served.process.terminate()
            log = await served.log()
    temporary = simulator.iam.temporary_key()
    secrets = {
        **WEB_SECRETS,
        "temporary AK": temporary.ak,
        "temporary SK": temporary.sk,
        "temporary token": temporary.security_token,
        "pod token": SIMULATED_POD_TOKEN,
        "metadata token": SIMULATED_METADATA_TOKEN,
    }
    assert re.search(rb"modelarts_pool_up\{[^}]*\} 1", answers)
    assert b"MII" not in log + answers  # IAM's tokens
    for output in (log, answers, (tmp_path / "state.db").read_bytes()):
        assert found_in(output, secrets) == []


@pytest.mark.parametrize(
    ("form", "flags"),
    [
        *((form, flags) for form in (inline, agency, login) for flags in (("check",), ("once", *SERVE[2:]))),
        *((form, ("--config.check",)) for form in (inline, files, environment, profile)),
        (environment, ("--help",)),
    ],
)
async def test_the_commands_show_no_secret(tmp_path: Path, form: Form, flags: tuple[str, ...]) -> None:
    """The table, the exposition, the help and the answer of a check, on both streams."""
    async with echoing() as echo:
        command = prepared(tmp_path, echo.url, form(tmp_path, echo.url))
        async with command.started(*flags) as process:
            said, _ = await process.communicate()
    assert process.returncode == (1 if {"check", "once"} & {*flags} else 0), said.decode()
    assert said
    _holds_no_secret(echo, said)


async def test_the_demo_shows_no_secret(tmp_path: Path) -> None:
    """Neither somebody's account, which is around, nor its own tokens."""
    way = replace(environment(tmp_path, ""), changes="")
    command = prepared(tmp_path, "http://127.0.0.1:1", way)
    web = f"--web.config.file={tmp_path / 'web.yml'}"
    async with command.serving("demo", web, SERVE[0], *SERVE[2:], "--log.format=logfmt") as served:
        await served.ready()
        answers = await served.every_path()
        served.process.terminate()
        log = await served.log()
    assert b"modelarts_pool_up" in answers
    assert b"MII" not in log + answers
    assert found_in(log, WEB_SECRETS) == []
    assert found_in(answers, WEB_SECRETS) == []


@pytest.mark.parametrize("flags", [(*SERVE, "--log.format=json"), ("check",)])
async def test_a_file_that_others_can_read_is_told(tmp_path: Path, flags: tuple[str, ...]) -> None:
    """The daemon's log and the check name the file and the remedy; neither refuses to run."""
    async with echoing() as echo:
        command = prepared(tmp_path, echo.url, files(tmp_path, echo.url))
        (tmp_path / "sk").chmod(0o644)
        async with command.started(*flags) as process:
            assert process.stdout is not None
            said = b""
            while f"chmod 600 {tmp_path / 'sk'}".encode() not in said:
                line = await process.stdout.readline()
                assert line, said.decode()
                said += line
    assert b"0644" in said
    assert str(tmp_path / "ak") not in said.decode()
