"""The exporter as a process of its own, watching a simulated cloud."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp

from exporter.common.clock import SystemClock
from exporter.simulator.pools import Profile
from exporter.simulator.server import Simulator, serve
from support.cloud import KEY, PROJECT, REGION, jobs
from support.fixed_pool import FixedPool
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path


A = "pool-a-0123456789abcdef0123456789abcdef"


B = "pool-b-0123456789abcdef0123456789abcdef"


C = "pool-c-0123456789abcdef0123456789abcdef"


@dataclass
class Running:
    """A daemon that watches a simulated cloud."""

    simulator: Simulator
    config: Path
    url: str
    session: aiohttp.ClientSession
    process: asyncio.subprocess.Process
    settings: dict[str, Any]
    said: bytes = b""

    def write(self, pools: list[str] | None, others: Sequence[dict[str, Any]] = (), **changes: Any) -> None:
        """Replace the configuration file. JSON is YAML.

        Args:
            pools: by ID; None to discover them.
            others: projects beside.
            changes: other settings.
        """
        chosen: dict[str, Any] = {"discover": {}} if pools is None else {"pools": pools}
        project = {**self.settings["projects"][0], **chosen}
        self.config.write_text(json.dumps({**self.settings, **changes, "projects": [project, *others]}))

    async def metrics(self) -> str:
        async with self.session.get(f"{self.url}/metrics") as answer:
            assert answer.status == 200
            return await answer.text()

    async def status(self, path: str) -> int:
        async with self.session.get(self.url + path) as answer:
            return answer.status

    async def shows(self, *lines: str) -> str:
        """Scrape until all of these stand at the begin of a line; a test that waits in vain times out."""
        return await until(
            self.metrics, lambda text: all(re.search(f"^{line}", text, re.MULTILINE) for line in lines)
        )

    async def lacks(self, part: str) -> str:
        """Scrape until this is nowhere."""
        return await until(self.metrics, lambda text: part not in text)

    async def reload(self) -> tuple[int, str]:
        async with self.session.post(f"{self.url}/-/reload") as answer:
            return answer.status, await answer.text()


def up(pool: str, value: int) -> str:
    return rf'modelarts_pool_up\{{.*pool="{pool}"\}} {value}$'


@asynccontextmanager
async def running(
    tmp_path: Path, log_format: str = "json", state: Path | None = None, **poll: str
) -> AsyncIterator[Running]:
    """A daemon with pools A and B configured; the project also has C."""
    pools = [FixedPool(Profile(pool), jobs(3)) for pool in (A, B, C)]
    simulator = Simulator(SystemClock(), {PROJECT: pools}, keys=[KEY])
    config = tmp_path / "exporter.yml"
    async with serve(simulator) as endpoint, aiohttp.ClientSession() as session:
        credentials = {"ak": KEY.ak, "sk": KEY.sk}
        project = {"region": REGION, "project_id": PROJECT, "endpoint": endpoint, "credentials": credentials}
        settings = {
            "poll": {"interval": "100ms", "stale_after": "1h", "requests_per_second": 200, **poll},
            "projects": [project],
            "state": {"path": None if state is None else str(state)},
        }
        flags = ("--web.listen-address=127.0.0.1:0", "--web.enable-lifecycle", f"--log.format={log_format}")
        daemon = Running(simulator, config, "", session, None, settings)  # type: ignore[arg-type]  # set below
        daemon.write([A, B])
        daemon.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "exporter", f"--config.file={config}", *flags),
            stderr=-1,
            env={"PATH": os.environ["PATH"]},
        )
        assert daemon.process.stderr is not None
        try:
            daemon.said = await daemon.process.stderr.readline()
            [daemon.url] = re.findall(r"http://[0-9.]+:[0-9]+", daemon.said.decode())
            yield daemon
        finally:
            if daemon.process.returncode is None:
                daemon.process.kill()
            await daemon.process.communicate()
