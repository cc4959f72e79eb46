"""`modelarts-exporter demo`: the daemon on a simulated ModelArts, or on a recording."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from exporter.cli.output import write_output
from exporter.cli.run import run
from exporter.common.logging import logging_in_background
from exporter.common.text import escape_unprintable
from exporter.recording.folder import read
from exporter.recording.replay import serve as serve_recording
from exporter.settings.load import load
from exporter.simulator.demo import FIFO, demo_cloud
from exporter.simulator.server import serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from exporter.app.process import Process
    from exporter.common.clock import Clock
    from exporter.recording.folder import RecordedProject
    from exporter.simulator.demo import DemoCloud

_INTERVAL = "5s"


_SETTINGS = {
    "poll.interval": _INTERVAL,
    "capacity.interval": _INTERVAL,
    "capacity.read": "nodes",
    "capacity.events": True,
    "workloads.series": "active",
    "workloads.user_metrics": True,
    "workloads.estimates": True,
}


async def demo(flags: Mapping[str, object], process: Process, replay: Path | None = None) -> int:
    """Run the daemon on a simulated cloud, or on a recording, until SIGTERM or SIGINT.

    Args:
        flags: of the command line. Files and environment are ignored, so that no real account is used.
        process: what does not depend on the configuration.
        replay: the folder of the recording; None for the simulated cloud.

    Returns:
        0.

    Raises:
        ConfigurationError: the folder holds no recording.
        OutputFailed: the addresses cannot be written to stdout.
    """
    cloud = (
        simulated_cloud(process.context.clock)
        if replay is None
        else recorded_cloud(replay, process.context.clock)
    )
    async with cloud as (what, settings):
        reread = partial(load, None, {}, {**_SETTINGS, **settings, **flags})
        loaded = reread()
        count_lost = process.context.self_metrics.log_lines_dropped.inc
        with logging_in_background(loaded.log.level, loaded.log.format, count_lost=count_lost):
            return await run(loaded, reread, process, started=partial(_welcome, what))


@asynccontextmanager
async def simulated_cloud(clock: Clock) -> AsyncIterator[tuple[str, Mapping[str, object]]]:
    """Serve the simulated cloud.

    Yields:
        What it is, for the welcome, and the settings to watch it, by path.
    """
    cloud = demo_cloud(clock)
    async with serve(cloud.simulator) as endpoint:
        yield "A simulated ModelArts with four pools", simulated_settings(cloud, endpoint)


def simulated_settings(cloud: DemoCloud, endpoint: str) -> Mapping[str, object]:
    """The settings to watch the simulated cloud at that address, by path."""
    project = {
        "region": cloud.region,
        "project_id": cloud.project_id,
        "discover": {},
        "endpoint": endpoint,
        "iam_endpoint": endpoint,
        "credentials": {
            "username": cloud.user.name,
            "password": cloud.user.password,
            "domain": cloud.user.domain,
        },
    }
    strategies = [{"match": f"^{FIFO}$", "means": "fifo"}, {"match": ".", "means": "passing"}]
    return {"queue.strategies": strategies, "projects": [project]}


@asynccontextmanager
async def recorded_cloud(folder: Path, clock: Clock) -> AsyncIterator[tuple[str, Mapping[str, object]]]:
    """Serve a recording.

    Yields:
        What it is, for the welcome, and the settings to watch it, by path.

    Raises:
        ConfigurationError: the folder holds no recording.
    """
    recording = read(folder)
    async with serve_recording(recording, clock) as endpoints:
        projects = recording.index.projects
        strategies = [
            {"pool": f"^{pool}$", "means": means}
            for project in projects
            for pool, means in project.queues.items()
        ]
        yield (
            f"The recording {escape_unprintable(str(folder))}",
            {
                "capacity.accelerator_names": recording.index.accelerator_names,
                "queue.strategies": strategies,
                "projects": [
                    _recorded_project(project, endpoint)
                    for project, endpoint in zip(projects, endpoints, strict=True)
                ],
            },
        )


def _recorded_project(project: RecordedProject, endpoint: str) -> dict[str, object]:
    watched: dict[str, object] = {"pools": project.pools}
    if project.discovers:
        watched = {
            "discover": {
                "include": f"^({'|'.join(map(re.escape, project.pools))})$",
                "workspace_id": project.workspace_id,
            }
        }
    return {
        "region": project.region,
        "project_id": project.project_id,
        "endpoint": endpoint,
        "credentials": {"ak": "replay", "sk": "replay"},  # the server asks for none
        **watched,
    }


def _welcome(what: str, urls: tuple[str, ...]) -> None:
    for url in urls:
        write_output(
            f"\n  {what} is being watched.\n\n"
            f"    status page   {url}/\n    metrics       {url}/metrics\n\n  Ctrl-C ends it.\n\n"
        )
