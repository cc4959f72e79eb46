"""The whole daemon, as the command composes it, in this loop, on a simulated cloud with one pool."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager, suppress
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from cloud import KEY, POOL, PROJECT, REGION, jobs
from fakes import NoThread
from fixed_pool import FixedPool

from exporter.clock import SystemClock
from exporter.commands.run import run
from exporter.credentials.guard import Guard
from exporter.settings.load import load
from exporter.simulator.pools import Profile
from exporter.simulator.server import Simulator, serve
from exporter.snapshot.store import SnapshotStore
from exporter.surroundings import Surroundings
from exporter.telemetry import Telemetry
from exporter.throughput.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@asynccontextmanager
async def daemon_in(folder: Path, *, web_config: Path | None = None) -> AsyncIterator[str]:
    """The URL of a daemon with `exporter.yml` of the folder, reload enabled; it polls once in an hour."""
    clock, telemetry, worker = SystemClock(), Telemetry(), NoThread()
    simulator = Simulator(clock, {PROJECT: [FixedPool(Profile(POOL), jobs(30))]}, keys=[KEY])
    async with serve(simulator) as endpoint:
        _write(folder / "exporter.yml", endpoint)
        flags = {
            "web.listen_address": ["127.0.0.1:0"],
            "web.enable_lifecycle": True,
            "web.config_file": None if web_config is None else str(web_config),
        }
        reread = partial(load, folder / "exporter.yml", {}, flags)
        around = Surroundings(
            clock=clock,
            store=SnapshotStore(),
            ledger=Ledger(telemetry, worker),
            worker=worker,
            telemetry=telemetry,
            guard=Guard(clock),
            environment={},
            home=folder,
            rng=Random(0),  # noqa: S311  (jitter is no secret)
        )
        listening: asyncio.Future[tuple[str, ...]] = asyncio.get_running_loop().create_future()
        running = asyncio.create_task(run(reread(), reread, around, listening.set_result))
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
