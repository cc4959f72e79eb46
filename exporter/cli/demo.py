"""`modelarts-exporter demo`: the daemon on a simulated ModelArts."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from exporter.cli.output import write_output
from exporter.cli.run import run
from exporter.common.logging import logging_in_background
from exporter.settings.load import load
from exporter.simulator.demo import FIFO, demo_cloud
from exporter.simulator.server import serve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.app.process import Process

_INTERVAL = "5s"


async def demo(flags: Mapping[str, object], process: Process) -> int:
    """Run the daemon on a simulated cloud until SIGTERM or SIGINT.

    Args:
        flags: of the command line. Files and environment are ignored, so that no real account is used.
        process: what does not depend on the configuration.

    Returns:
        0.

    Raises:
        OutputFailed: the addresses cannot be written to stdout.
    """
    cloud = demo_cloud(process.context.clock)
    async with serve(cloud.simulator) as endpoint:
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
        settings = {
            "poll.interval": _INTERVAL,
            "capacity.interval": _INTERVAL,
            "capacity.read": "nodes",
            "capacity.events": True,
            "workloads.series": "active",
            "workloads.user_metrics": True,
            "workloads.estimates": True,
            "queue.strategies": [
                {"match": f"^{FIFO}$", "means": "fifo"},
                {"match": ".", "means": "passing"},
            ],
            "projects": [project],
        }
        reread = partial(load, None, {}, {**settings, **flags})
        loaded = reread()
        count_lost = process.context.self_metrics.log_lines_dropped.inc
        with logging_in_background(loaded.log.level, loaded.log.format, count_lost=count_lost):
            return await run(loaded, reread, process, started=_welcome)


def _welcome(urls: tuple[str, ...]) -> None:
    for url in urls:
        write_output(
            f"\n  A simulated ModelArts with four pools is being watched.\n\n"
            f"    status page   {url}/\n    metrics       {url}/metrics\n\n  Ctrl-C ends it.\n\n"
        )
