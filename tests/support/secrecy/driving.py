"""The real command with secrets from everywhere: how they come in, and how it is started and asked."""

from __future__ import annotations

import asyncio
import json
import os
import re
import ssl
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import bcrypt
import trustme

from support.secrecy.canaries import (
    AK,
    NETRC_PASSWORD,
    PASSWORD,
    POD_TOKEN,
    PROXY_PASSWORD,
    SECURITY_TOKEN,
    SK,
    WEB_PASSWORD,
)
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_TESTS = Path(__file__).parents[2]

PROJECT = "0123456789abcdef0123456789abcdef"
POOL = "pool-a-0123456789abcdef0123456789abcdef"
SERVE = ("--web.listen-address=127.0.0.1:0", "--web.enable-lifecycle", "--log.level=debug")
HASH = bcrypt.hashpw(WEB_PASSWORD.encode(), bcrypt.gensalt(4)).decode()
_AUTH = aiohttp.encode_basic_auth("prometheus", WEB_PASSWORD)
_AUTHORITY = trustme.CA()
_SERVER = _AUTHORITY.issue_cert("127.0.0.1")
_KEY = _SERVER.private_key_pem.bytes().decode()
WEB_SECRETS = {
    "bcrypt hash": HASH[7:],
    "basic auth": _AUTH.removeprefix("Basic "),
    # The first line's begin says only what kind of key it is.
    "TLS key": "".join(_KEY.splitlines()[1:-1])[40:],
}


@dataclass(frozen=True)
class Way:
    """A way in which credentials come in.

    Attributes:
        credentials: in the settings; None for what is found by itself.
        environment: variables.
        changes: of the program, see `driven`.
    """

    credentials: dict[str, Any] | None = None
    environment: dict[str, str] = field(default_factory=dict)
    changes: str = "slow"


def write(path: Path, content: str) -> str:
    path.write_text(content)
    path.chmod(0o600)
    return str(path)


def inline(_: Path, __: str) -> Way:
    return Way({"ak": AK, "sk": SK, "security_token": SECURITY_TOKEN})


def files(folder: Path, _: str) -> Way:
    parts = {"ak": AK, "sk": SK, "security_token": SECURITY_TOKEN}
    return Way({f"{name}_file": write(folder / name, text) for name, text in parts.items()})


def environment(_: Path, __: str) -> Way:
    keys = {"AK": AK, "SK": SK, "SECURITY_TOKEN": SECURITY_TOKEN}
    return Way(environment={f"HUAWEICLOUD_SDK_{name}": text for name, text in keys.items()})


def profile(folder: Path, _: str) -> Way:
    (folder / ".huaweicloud").mkdir()
    text = f"[basic]\nak = {AK}\nsk = {SK}\nsecurity_token = {SECURITY_TOKEN}\n"
    write(folder / ".huaweicloud" / "credentials", text)
    return Way()


def pod(folder: Path, url: str, path: str = "/keys", token: str = POD_TOKEN) -> Way:
    return Way(
        environment={
            "HC_CONTAINER_CREDENTIALS_FULL_URI": f"{url}{path}",
            "HC_CONTAINER_AUTHORIZATION_TOKEN_FILE": write(folder / "token", token),
        }
    )


def agency(_: Path, url: str) -> Way:
    return Way({"agency": True}, changes=f"slow,agency={url}")


def login(_: Path, __: str) -> Way:
    return Way({"username": "exporter", "password": PASSWORD, "domain": "acme"})


FORMS = (inline, files, environment, profile, pod, agency, login)


@dataclass(frozen=True)
class Command:
    """The command, ready to be started.

    Attributes:
        folder: with `c.yml`, `web.yml`, and the state.
        variables: of its environment.
        changes: of the program, see `driven`.
    """

    folder: Path
    variables: dict[str, str]
    changes: str

    @asynccontextmanager
    async def started(self, *flags: str) -> AsyncIterator[asyncio.subprocess.Process]:
        driven = ("-m", "support.secrecy.driven")
        arguments = (*driven, self.changes, f"--config.file={self.folder / 'c.yml'}", *flags)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *arguments),
            env={**self.variables, "PYTHONPATH": str(_TESTS)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.communicate()

    @asynccontextmanager
    async def serving(self, *flags: str) -> AsyncIterator[Served]:
        """With everything that it says being read."""
        async with self.started(*flags) as process:
            assert process.stdout is not None
            log = b""
            while not (address := re.search(rb"https://127\.0\.0\.1:[1-9]\d*", log)):
                line = await process.stdout.readline()
                assert line, log.decode()
                log += line
            rest = asyncio.create_task(process.stdout.read())
            trust = ssl.create_default_context()
            _AUTHORITY.configure_trust(trust)
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session:
                yield Served(address[0].decode(), session, process, log, rest, trust)


@dataclass(frozen=True)
class Served:
    """A running command that serves."""

    url: str
    session: aiohttp.ClientSession
    process: asyncio.subprocess.Process
    begin: bytes
    rest: asyncio.Task[bytes]
    trust: ssl.SSLContext

    async def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes]:
        """Status, and headers with body, for whoever knows the password."""
        asked = self.session.request(method, self.url + path, headers={"Authorization": _AUTH, **headers})
        async with asked as answer:
            return answer.status, repr(answer.headers).encode() + await answer.read()

    async def ready(self) -> None:
        await until(lambda: self.ask("/-/ready"), lambda answer: answer[0] == 200)

    async def every_path(self) -> bytes:
        """Everything that is to be had, with the password and without; and broken HTTP with the password."""
        said = b""
        for path in ("/", "/metrics", "/-/healthy", "/-/ready", "/nothing?x=1"):
            for accept in ("*/*", "application/openmetrics-text"):
                said += (await self.ask(path, Accept=accept))[1]
            said += (await self.ask(path, Authorization="Basic d3Jvbmc6d3Jvbmc="))[1]
        host, port = self.url.removeprefix("https://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port), ssl=self.trust)
        writer.write(f"GET / HTTP/1.1\r\nAuthorization: {_AUTH}\x00\r\nbroken {_AUTH}\r\n\r\n".encode())
        said += await reader.read()
        writer.close()
        return said

    async def log(self) -> bytes:
        """All of it, once it has ended."""
        return self.begin + await self.rest


def prepared(folder: Path, url: str, way: Way, **poll: str) -> Command:
    """The command with these credentials, for a cloud at this address."""
    project: dict[str, Any] = {
        "region": "cn-north-4",
        "project_id": PROJECT,
        "pools": [POOL],
        "endpoint": url,
        "iam_endpoint": url,
    }
    if way.credentials:
        project["credentials"] = way.credentials
    certificate = "".join(pem.bytes().decode() for pem in _SERVER.cert_chain_pems)
    served = {
        "tls_server_config": {"cert": certificate, "key": _KEY},
        "basic_auth_users": {"prometheus": HASH},
    }
    settings = {
        "poll": {"interval": "50ms", "stale_after": "1s", **poll},
        "capacity": {"read": "none"},
        "state": {"path": str(folder / "state.db")},
        "web": {"config_file": write(folder / "web.yml", json.dumps(served))},
        "projects": [project],
    }
    write(folder / "c.yml", json.dumps(settings))
    write(folder / ".netrc", f"machine 127.0.0.1 login me password {NETRC_PASSWORD}\n")
    proxy = f"http://me:{PROXY_PASSWORD}@127.0.0.1:1"
    variables = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "HTTP_PROXY": proxy,
        "HTTPS_PROXY": proxy,
        "PYTHONASYNCIODEBUG": "1",
        "PYTHONFAULTHANDLER": "1",
        **way.environment,
    }
    return Command(folder, variables, way.changes)
