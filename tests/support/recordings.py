"""The demo's cloud standing still, and what the exporter makes of it: directly, recorded, replayed."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from structlog.testing import capture_logs

from exporter.app.process import Process
from exporter.app.wiring import Pollers, build_exposition
from exporter.cli.demo import recorded_cloud, simulated_settings
from exporter.cli.record import record
from exporter.credentials.lockout import Lockout
from exporter.lifecycle.tracker import Tracker
from exporter.settings.load import load
from exporter.simulator.demo import demo_cloud
from exporter.simulator.server import serve
from support.fakes import FakeClock, fake_context

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from exporter.settings.model import Settings
    from exporter.simulator.demo import DemoCloud


def process_of(wall: float) -> Process:
    clock = FakeClock(wall)
    context = fake_context(clock)
    return Process(
        context=context, tracker=Tracker(context), lockout=Lockout(clock), environment={}, home=None
    )


@cache
def _demo() -> DemoCloud:
    return demo_cloud(FakeClock(RECORDED))


@asynccontextmanager
async def still_cloud() -> AsyncIterator[tuple[DemoCloud, Settings]]:
    """The demo's cloud at the moment `RECORDED`, and the demo's settings for it.

    Nobody moves its clock, so that two polls find the same. The exporter's own moves with its waits.
    """
    cloud = _demo()
    cloud.simulator.intercept = None
    async with serve(cloud.simulator) as endpoint:
        yield cloud, load(None, {}, {**SETTINGS, **simulated_settings(cloud, endpoint)})


RECORDED = 1_700_000_000.0
REPLAYED = 1_710_000_000.0
"""Moments, in Unix seconds."""

SETTINGS: Mapping[str, Any] = {
    "poll.requests_per_second": 1000,
    "capacity.read": "nodes",
    "capacity.events": True,
    "workloads.series": "all",
    "workloads.limit": 10_000,
    "workloads.user_metrics": True,
    "workloads.estimates": True,
}


async def exposition(settings: Settings, wall: float) -> str:
    """What one poll of every pool shows."""
    process = process_of(wall)
    renderer, exposed = build_exposition(settings, process)
    async with await Pollers.open(settings, process) as pollers:
        for project in pollers.projects:
            await project.once()
    await renderer.catch_up()
    return b"".join(await exposed.scrape()).decode()


async def recorded(settings: Settings, folder: Path) -> int:
    """Record the cloud; returns the exit status."""
    with capture_logs():  # the command logs nothing below critical
        return await record(settings, process_of(RECORDED), folder)


@asynccontextmanager
async def replayed(folder: Path) -> AsyncIterator[Settings]:
    """The recording as a cloud at the moment `REPLAYED`, and the settings for it."""
    async with recorded_cloud(folder, FakeClock(REPLAYED)) as (_, settings):
        yield load(None, {}, {**SETTINGS, **settings})
