"""`modelarts-exporter demo`: the daemon on a simulated ModelArts."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

from exporter.cli.run import run
from exporter.common.logging import set_up_logging
from exporter.settings.load import load
from exporter.simulator.demo import demo_cloud
from exporter.simulator.server import serve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.app.context import Surroundings

_INTERVAL = "5s"


async def demo(flags: Mapping[str, object], around: Surroundings) -> int:
    """Serve the metrics of a simulated cloud until told to stop.

    Args:
        flags: the command line's; files and environment are left aside, for nobody's account is to be asked.
        around: clock, store and whatever else outlives a configuration.

    Returns:
        0.
    """
    cloud = demo_cloud(around.clock)
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
            "workloads.series": "active",
            "workloads.user_metrics": True,
            "workloads.estimates": True,
            "projects": [project],
        }
        reread = partial(load, None, {}, {**settings, **flags})
        loaded = reread()
        set_up_logging(
            loaded.log.level, loaded.log.format or ("console" if sys.stderr.isatty() else "logfmt")
        )
        return await run(loaded, reread, around, started=_welcome)


def _welcome(urls: tuple[str, ...]) -> None:
    for url in urls:
        print(  # noqa: T201  (for whoever tries it out)
            f"\n  A simulated ModelArts with three pools is being watched.\n\n"
            f"    status page   {url}/\n    metrics       {url}/metrics\n\n  Ctrl-C ends it.\n",
            flush=True,
        )
