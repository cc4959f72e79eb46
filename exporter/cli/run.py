"""`modelarts-exporter` without a command: the daemon with its web server."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import structlog

from exporter import __version__
from exporter.app.daemon import Daemon, heed_signals, run_until
from exporter.app.secret_files import secret_files
from exporter.app.status import pool_views, share_view
from exporter.web.application import Backend, application
from exporter.web.config_watch import WebConfigWatcher
from exporter.web.listener.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from exporter.app.context import Surroundings
    from exporter.settings.model import Settings

log = structlog.get_logger(__name__)

_SWITCH_INTERVAL = 0.001
"""Seconds that rendering may hold the interpreter while the event loop wants it. With Python's own 5 ms a
scrape that comes during a poll waits so long for each of its parts: the 99th of 100 (10,000 workloads, gzip)
took 19 and 34 ms in two runs, with 1 ms 18 and 25; of 20 scrapers of 24 MB plain 112 and 210, then 78 and 54.
"""


async def run(
    settings: Settings,
    reread: Callable[[], Settings],
    around: Surroundings,
    started: Callable[[tuple[str, ...]], None] = lambda _: None,
    config_file: Path | None = None,
) -> int:
    """Serve until told to stop.

    Args:
        settings: the configuration.
        reread: reads it again, for reloads.
        around: clock, store and whatever else outlives a configuration.
        started: told of the addresses once they are listened on.
        config_file: where the configuration is; None where it is in no file.

    Returns:
        0.

    Raises:
        ConfigurationError: the web configuration is bad, or an address cannot be listened on.
    """
    sys.setswitchinterval(_SWITCH_INTERVAL)
    web_config = WebConfigWatcher(settings.web.config_file)
    around.self_metrics.web_config_last_reload_successful.set_function(lambda: web_config.up_to_date)

    def reread_all() -> Settings:
        reread_settings = reread()
        web_config.reload()
        return reread_settings

    daemon = Daemon(
        settings,
        reread_all,
        around,
        secrets=lambda current: secret_files(current, web_config.settings, config_file, around),
    )
    server = Server(
        application(
            Backend(
                exposition=daemon.exposition,
                alive=daemon.alive,
                ready=daemon.ready,
                pools=lambda: pool_views(daemon.pools.values(), around.clock),
                share=lambda: share_view(daemon.fetching),
                reload=daemon.reload if settings.web.enable_lifecycle else None,
            ),
            config=web_config,
            clock=around.clock,
            telemetry_path=settings.web.telemetry_path,
            max_requests=settings.web.max_requests,
        ),
        [(address.host, address.port) for address in settings.web.listen_address],
        clock=around.clock,
        tls=web_config.tls,
    )
    stopping = heed_signals(daemon)  # before anybody can know that there is something to stop
    await server.start()
    try:
        log.info("serving", version=__version__, addresses=" ".join(server.urls), **_shared(settings))
        started(server.urls)
        await run_until(stopping, daemon)
    finally:
        await server.stop()
    return 0


def _shared(settings: Settings) -> dict[str, str]:
    """For the log: which shard this is, where there are several; a pod's name may have decided it."""
    shard = settings.shard
    return {"shard": f"{shard.index} of {shard.total}"} if shard.total > 1 else {}
