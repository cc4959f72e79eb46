"""The real command against a pool that logs what truly happens, through restarts and a kill."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.cloud import KEY, PROJECT, REGION
from support.fakes import FakeClock
from support.truth import POOL, SteppedPool
from support.waiting import until

from exporter.common.clock import SystemClock
from exporter.simulator.server import Simulator, serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.long

STEP = 40.0
"""Simulated seconds between two listings. What is shorter than two of them may be missed around a kill; no
stage of these jobs is."""

COUNTED = re.compile(r"modelarts_pool_(workloads_[a-z]+_total|(wait|run)_seconds_.*)")

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@asynccontextmanager
async def exporter(config: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "exporter", f"--config.file={config}", "--web.listen-address=127.0.0.1:0"),
        stderr=-1,
        env={"PATH": os.environ["PATH"]},
    )
    assert process.stderr is not None
    try:
        said = (await process.stderr.readline()).decode()
        [url] = re.findall(r"http://[0-9.]+:[0-9]+", said)
        yield process, url
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def counted(url: str) -> Samples:
    """Everything that the exporter counted of the pool, zeros left out."""
    async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as answer:
        text = await answer.text()
    return {
        (
            sample.name,
            tuple(
                sorted(
                    (name, value)
                    for name, value in sample.labels.items()
                    if name not in {"region", "project_id", "pool"}
                )
            ),
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if COUNTED.match(sample.name) and sample.value
    }


async def listings(pool: SteppedPool, wanted: int) -> None:
    """Wait for so many more listings."""
    last = pool.listings + wanted
    reached = asyncio.Event()
    pool.on_listing = lambda: reached.set() if pool.listings >= last else None
    await reached.wait()


async def events(pool: SteppedPool, wanted: int) -> None:
    """Wait until so much has happened."""
    while len(pool.happened) < wanted:
        await listings(pool, 1)


def goes_back(before: Samples, after: Samples) -> list[object]:
    return [key for key, value in before.items() if after.get(key, 0) < value]


async def test_every_event_counts_exactly_once_through_restarts_and_a_kill(tmp_path: Path) -> None:
    """Over 2,000 events, two restarts and a kill -9: counters and histograms are what the pool's log says.

    And no counter that was once shown ever goes back.
    """
    # It begins now: a creation long before the exporter's first look would be none that it counts.
    pool = SteppedPool(FakeClock(SystemClock().wall()), step=STEP)
    simulator = Simulator(SystemClock(), {PROJECT: [pool]}, keys=[KEY])
    config = tmp_path / "exporter.yml"
    async with serve(simulator) as endpoint:
        project = {
            "region": REGION,
            "project_id": PROJECT,
            "endpoint": endpoint,
            "pools": [POOL],
            "credentials": {"ak": KEY.ak, "sk": KEY.sk},
        }
        config.write_text(
            json.dumps(
                {
                    "poll": {"interval": "20ms", "requests_per_second": 1000},
                    "workloads": {"series": "none"},
                    "state": {"path": str(tmp_path / "state.db")},
                    "projects": [project],
                }
            )
        )
        shown: Samples = {}
        for share, end in ((500, signal.SIGTERM), (1000, signal.SIGKILL), (1500, signal.SIGTERM)):
            async with exporter(config) as (process, url):
                await events(pool, share)
                now = await counted(url)
                assert goes_back(shown, now) == []
                shown = now
                await listings(pool, 1)
                process.send_signal(end)
                await process.wait()
        async with exporter(config) as (_, url):
            taken_up = await until(partial(counted, url))
            assert goes_back(shown, taken_up) == []
            await events(pool, 2000)
            pool.stopped = True
            truth = dict(pool.truth().samples)
            samples: Samples = {}
            for _ in range(10):  # listings, until the last news are counted and rendered
                await listings(pool, 1)
                samples = await counted(url)
    assert samples == truth
    whats = {what for _, what, _ in pool.happened}
    assert whats == {"created", "started", "requeued", "finished"}
