"""Every output of the real command, driven with secrets from everywhere and a cloud that quotes them."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import bcrypt
import pytest
from canaries import (
    AK,
    NETRC_PASSWORD,
    PASSWORD,
    POD_TOKEN,
    PROXY_PASSWORD,
    SECURITY_TOKEN,
    SK,
    WEB_PASSWORD,
    found_in,
)
from echo import STATUSES, Echo, echoing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

PROJECT = "0123456789abcdef0123456789abcdef"
POOL = "pool-a-0123456789abcdef0123456789abcdef"
HASH = bcrypt.hashpw(WEB_PASSWORD.encode(), bcrypt.gensalt(4)).decode()


def _file(folder: Path, name: str, content: str) -> str:
    path = folder / name
    path.write_text(content)
    path.chmod(0o600)
    return str(path)


def inline(_: Path, __: Echo) -> dict[str, Any]:
    return {"credentials": {"ak": AK, "sk": SK, "security_token": SECURITY_TOKEN}}


def files(folder: Path, _: Echo) -> dict[str, Any]:
    parts = {"ak": AK, "sk": SK, "security_token": SECURITY_TOKEN}
    return {"credentials": {f"{name}_file": _file(folder, name, text) for name, text in parts.items()}}


def environment(_: Path, __: Echo) -> dict[str, Any]:
    keys = {"AK": AK, "SK": SK, "SECURITY_TOKEN": SECURITY_TOKEN}
    return {"environment": {f"HUAWEICLOUD_SDK_{name}": text for name, text in keys.items()}}


def profile(folder: Path, _: Echo) -> dict[str, Any]:
    (folder / ".huaweicloud").mkdir()
    text = f"[basic]\nak = {AK}\nsk = {SK}\nsecurity_token = {SECURITY_TOKEN}\n"
    _file(folder / ".huaweicloud", "credentials", text)
    return {}


def pod(folder: Path, echo: Echo) -> dict[str, Any]:
    return {
        "environment": {
            "HC_CONTAINER_CREDENTIALS_FULL_URI": f"{echo.url}/keys",
            "HC_CONTAINER_AUTHORIZATION_TOKEN_FILE": _file(folder, "token", POD_TOKEN),
        }
    }


def login(_: Path, __: Echo) -> dict[str, Any]:
    return {"credentials": {"username": "exporter", "password": PASSWORD, "domain": "acme"}}


FORMS = (inline, files, environment, profile, pod, login)


def _prepared(folder: Path, echo: Echo, form: Callable[[Path, Echo], dict[str, Any]]) -> dict[str, str]:
    """The configuration in `c.yml`; the environment that goes with it."""
    given = form(folder, echo)
    project = {
        "region": "cn-north-4",
        "project_id": PROJECT,
        "pools": [POOL],
        "endpoint": echo.url,
        "iam_endpoint": echo.url,
        **({"credentials": given["credentials"]} if "credentials" in given else {}),
    }
    web_config = _file(folder, "web.yml", json.dumps({"basic_auth_users": {"prometheus": HASH}}))
    settings = {
        "poll": {"interval": "50ms", "stale_after": "1s"},
        "capacity": {"read": "none"},
        "state": {"path": str(folder / "state.db")},
        "web": {"config_file": web_config},
        "projects": [project],
    }
    _file(folder, "c.yml", json.dumps(settings))
    _file(folder, ".netrc", f"machine 127.0.0.1 login me password {NETRC_PASSWORD}\n")
    proxy = f"http://me:{PROXY_PASSWORD}@127.0.0.1:1"
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "HTTP_PROXY": proxy,
        "HTTPS_PROXY": proxy,
        "PYTHONASYNCIODEBUG": "1",
        "PYTHONFAULTHANDLER": "1",
        **given.get("environment", {}),
    }


@asynccontextmanager
async def command(
    folder: Path, env: dict[str, str], *flags: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    arguments = ("-X", "dev", "-m", "exporter", f"--config.file={folder / 'c.yml'}", *flags)
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def _every_path(url: str) -> bytes:
    """Everything that is to be had, with the password and without; and broken HTTP with the password."""
    said = b""
    auth = aiohttp.encode_basic_auth("prometheus", WEB_PASSWORD)
    async with aiohttp.ClientSession() as session:
        for headers in ({"Authorization": auth}, {}):
            for path in ("/", "/metrics", "/-/healthy", "/-/ready", "/nothing?x=1"):
                for accept in ("*/*", "application/openmetrics-text"):
                    async with session.get(url + path, headers={**headers, "Accept": accept}) as answer:
                        said += repr(answer.headers).encode() + await answer.read()
            async with session.post(f"{url}/-/reload", headers=headers) as answer:
                said += await answer.read()
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET / HTTP/1.1\r\nAuthorization: {auth}\x00\r\nbroken {auth}\r\n\r\n".encode())
    await reader.read()
    writer.close()
    return said


async def _ready(session: aiohttp.ClientSession, url: str, echo: Echo) -> None:
    auth = aiohttp.encode_basic_auth("prometheus", WEB_PASSWORD)
    while True:
        async with session.get(f"{url}/-/ready", headers={"Authorization": auth}) as answer:
            if answer.status == 200 and echo.listings >= len(STATUSES):
                return


@pytest.mark.parametrize(
    ("form", "log_format"), list(zip(FORMS, ("console", "json", "logfmt") * 2, strict=True))
)
async def test_the_daemon_shows_no_secret(
    tmp_path: Path, form: Callable[[Path, Echo], dict[str, Any]], log_format: str
) -> None:
    """Logs at debug, every path, the state file; wherever the keys come from, whatever is quoted back."""
    async with echoing() as echo:
        env = _prepared(tmp_path, echo, form)
        flags = ("--web.listen-address=127.0.0.1:0", "--log.level=debug", f"--log.format={log_format}")
        async with command(tmp_path, env, *flags) as process:
            assert process.stdout is not None
            log = b""
            while not (address := re.search(rb"http://127\.0\.0\.1:[1-9]\d*", log)):
                line = await process.stdout.readline()
                assert line, log.decode()
                log += line
            url = address[0].decode()
            drain = asyncio.create_task(process.stdout.read())
            async with aiohttp.ClientSession() as session:
                await _ready(session, url, echo)
            answers = await _every_path(url)
            process.terminate()
            log += await drain
            assert await process.wait() == 0, log.decode()
    assert POOL.encode() in answers
    assert b"APIGW.0301" in answers  # the cloud's words are shown, without the secrets
    assert b"Traceback" not in log, log.decode()
    secrets = {**echo.signatures, "bcrypt hash": HASH[7:]}
    assert found_in(log, secrets) == []
    assert found_in(answers, secrets) == []
    assert found_in((tmp_path / "state.db").read_bytes(), secrets) == []
    sent = " ".join(str(headers) for headers in echo.headers)
    assert PROXY_PASSWORD not in sent
    assert "Basic " not in sent  # nothing of the netrc


@pytest.mark.parametrize("form", [inline, login])
@pytest.mark.parametrize("flags", [("check",), ("once", "--log.level=debug"), ("--config.check",)])
async def test_the_commands_show_no_secret(
    tmp_path: Path, form: Callable[[Path, Echo], dict[str, Any]], flags: tuple[str, ...]
) -> None:
    """The table, the exposition and the answer of a check, on both streams."""
    async with echoing() as echo:
        env = _prepared(tmp_path, echo, form)
        async with command(tmp_path, env, *flags) as process:
            said, _ = await process.communicate()
    assert process.returncode == (0 if "--config.check" in flags else 1), said.decode()
    assert found_in(said, {**echo.signatures, "bcrypt hash": HASH[7:]}) == []


@pytest.mark.parametrize("flags", [("--web.listen-address=127.0.0.1:0", "--log.format=json"), ("check",)])
async def test_a_file_that_others_can_read_is_told(tmp_path: Path, flags: tuple[str, ...]) -> None:
    """The daemon's log and the check name the file and the remedy; neither refuses to run."""
    async with echoing() as echo:
        env = _prepared(tmp_path, echo, files)
        (tmp_path / "sk").chmod(0o644)
        async with command(tmp_path, env, *flags) as process:
            assert process.stdout is not None
            said = b""
            while f"chmod 600 {tmp_path / 'sk'}".encode() not in said:
                line = await process.stdout.readline()
                assert line, said.decode()
                said += line
    assert b"0644" in said
    assert str(tmp_path / "ak") not in said.decode()
