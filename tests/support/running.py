"""The demo and Prometheus as real processes, for tests that hold one against the other."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp

from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


class Demo:
    """A running demo."""

    def __init__(self, url: str, session: aiohttp.ClientSession, process: asyncio.subprocess.Process) -> None:
        self.url = url
        self.process = process
        self._session = session

    async def get(self, path: str, **options: Any) -> tuple[int, bytes]:
        async with self._session.get(self.url + path, **options) as answer:
            return answer.status, await answer.read()

    async def ready(self) -> None:
        """Wait until every pool has been tried."""
        await until(lambda: self.get("/-/ready"), lambda answer: answer[0] == 200)


@asynccontextmanager
async def running_demo(*flags: str) -> AsyncIterator[Demo]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "exporter", "demo", "--web.listen-address=127.0.0.1:0", *flags),
        stdout=-1,
        stderr=-1,
        # A broken configuration and somebody's account in the environment must not matter.
        env={"PATH": os.environ["PATH"], "MODELARTS_EXPORTER_POLL__INTERVAL": "0", "HUAWEICLOUD_SDK_AK": "x"},
    )
    assert process.stdout is not None
    try:
        async with aiohttp.ClientSession() as session:
            url = None
            while url is None:
                line = await process.stdout.readline()
                assert line, (await process.communicate())[1].decode()
                url = re.search(rb"http://[0-9.:]+", line)
            yield Demo(url[0].decode(), session, process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


class Prometheus:
    """A running Prometheus, asked over its API."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._session = session

    async def ask(self, path: str, **parameters: str) -> Any:
        """The answer's data; None while Prometheus starts. A query that it refuses fails the test."""
        method = "POST" if parameters else "GET"  # queries may be long
        async with self._session.request(method, f"{self.url}/api/v1/{path}", data=parameters) as answered:
            if answered.status == 503:
                return None
            answer = await answered.json()
            assert answer["status"] == "success", (parameters, answer)
            return answer["data"]


@asynccontextmanager
async def running_prometheus(program: str, target: str, folder: Path) -> AsyncIterator[Prometheus]:
    """Prometheus, scraping the target (an http URL) every second."""
    config = folder / "prometheus.yml"
    address = target.removeprefix("http://")
    config.write_text(
        "global: {scrape_interval: 1s}\n"
        f"scrape_configs: [{{job_name: demo, static_configs: [{{targets: ['{address}']}}]}}]\n"
    )
    async with configured_prometheus(program, config) as prometheus:
        yield prometheus


@asynccontextmanager
async def configured_prometheus(program: str, config: Path) -> AsyncIterator[Prometheus]:
    """Prometheus with a configuration of its own; its data go beside it."""
    flags = (f"--config.file={config}", f"--storage.tsdb.path={config.parent / 'data'}")
    async with listening(program, *flags) as url, aiohttp.ClientSession() as session:
        yield Prometheus(url, session)


@asynccontextmanager
async def listening(*command: str, env: dict[str, str] | None = None) -> AsyncIterator[str]:
    """A program that takes a free port and logs which; gives its URL, and ends it afterwards."""
    process = await asyncio.create_subprocess_exec(
        *command, "--web.listen-address=127.0.0.1:0", stdout=-3, stderr=-1, env=env
    )
    assert process.stderr is not None
    try:
        url = await _logged_url(process.stderr)
    except BaseException:
        process.kill()
        await process.wait()
        raise
    drain = asyncio.create_task(process.stderr.read())
    try:
        yield url
    finally:
        process.terminate()
        await drain
        await process.wait()


async def _logged_url(log: asyncio.StreamReader) -> str:
    said = b""
    while True:
        line = await log.readline()
        assert line, f"it ended instead of listening: {said.decode()}"
        said += line
        if found := re.search(rb"(?:address=|http://)(127\.0\.0\.1:[1-9]\d*)", line):
            return f"http://{found[1].decode()}"
