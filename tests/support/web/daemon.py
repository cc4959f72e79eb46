"""The whole daemon, as the command composes it, in this loop, on a simulated cloud with one pool."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from exporter.app.process import Process
from exporter.cli.run import run
from exporter.common.clock import SystemClock
from exporter.credentials.lockout import Lockout
from exporter.lifecycle.tracker import Tracker
from exporter.settings.load import load
from exporter.simulator.pools import Profile
from exporter.simulator.server import Simulator, serve
from support.cloud import KEY, POOL, PROJECT, REGION, jobs
from support.fakes import fake_context
from support.fixed_pool import FixedPool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@asynccontextmanager
async def daemon_in(folder: Path, *, web_config: Path | None = None) -> AsyncIterator[str]:
    """The URL of a daemon with `exporter.yml` of the folder, reload enabled; it polls once in an hour."""
    context = fake_context(clock := SystemClock())
    simulator = Simulator(clock, {PROJECT: [FixedPool(Profile(POOL), jobs(30))]}, keys=[KEY])
    async with serve(simulator) as endpoint:
        _write(folder / "exporter.yml", endpoint)
        flags = {
            "web.listen_address": ["127.0.0.1:0"],
            "web.enable_lifecycle": True,
            "web.config_file": None if web_config is None else str(web_config),
        }
        reread = partial(load, folder / "exporter.yml", {}, flags)
        process = Process(
            context=context,
            tracker=Tracker(context),
            lockout=Lockout(clock),
            environment={},
            home=folder,
        )
        listening: asyncio.Future[tuple[str, ...]] = asyncio.get_running_loop().create_future()
        running = asyncio.create_task(run(reread(), reread, process, listening.set_result))
        try:
            await asyncio.wait((running, listening), return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
            [url] = listening.result()
            yield url
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


def _write(config: Path, endpoint: str) -> None:
    credentials = {"ak": KEY.ak, "sk": KEY.sk}
    project = {"region": REGION, "project_id": PROJECT, "endpoint": endpoint, "credentials": credentials}
    settings = {
        "poll": {"interval": "1h", "stale_after": "2h"},
        "projects": [{**project, "pools": [POOL]}],
    }
    config.write_text(json.dumps(settings))  # JSON is YAML
