"""`modelarts-exporter` without a command: the daemon with its web server."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import structlog

from exporter import __version__
from exporter.app.daemon import Daemon, handle_signals, run_until_stopped
from exporter.app.secret_files import secret_files
from exporter.app.status import pool_views, share_view
from exporter.web.application import Backend, application
from exporter.web.config_watch import WebConfigWatcher
from exporter.web.listener.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from exporter.app.process import Process
    from exporter.settings.model import Settings

log = structlog.get_logger(__name__)

_SWITCH_INTERVAL = 0.001
"""Seconds after which a rendering thread must give way to the event loop; Python's default is 5 ms.

A scrape during a poll waits this long for each of its parts. The 99th percentile of scrapes (10,000
workloads, gzip) took 19 and 34 ms in two runs with 5 ms, and 18 and 25 ms with 1 ms; with 20 scrapers of 24
MB each, not compressed, it took 112 and 210 ms, then 78 and 54 ms.
"""


async def run(
    settings: Settings,
    reread: Callable[[], Settings],
    process: Process,
    started: Callable[[tuple[str, ...]], None] = lambda _: None,
    config_file: Path | None = None,
) -> int:
    """Run until SIGTERM or SIGINT.

    Args:
        settings: the configuration.
        reread: reads it again, for reloads.
        process: what does not depend on the configuration.
        started: called with the URLs as soon as the server listens.
        config_file: the configuration file; None if there is none.

    Returns:
        0.

    Raises:
        ConfigurationError: the web configuration is bad, or an address cannot be listened on.
        InUse: another program listens on an address.
    """
    sys.setswitchinterval(_SWITCH_INTERVAL)
    web_config = WebConfigWatcher(settings.web.config_file)
    process.context.self_metrics.web_config_last_reload_successful.set_function(lambda: web_config.up_to_date)

    def reread_all() -> Settings:
        reread_settings = reread()
        web_config.reload()
        return reread_settings

    daemon = Daemon(
        settings,
        reread_all,
        process,
        secrets=lambda current: secret_files(current, web_config.settings, config_file, process),
    )
    server = Server(
        application(
            Backend(
                exposition=daemon.exposition,
                alive=daemon.alive,
                ready=daemon.ready,
                pools=lambda: pool_views(daemon.pools.values(), process.context.clock),
                share=lambda: share_view(daemon.pollers),
                reload=daemon.reload if settings.web.enable_lifecycle else None,
            ),
            config=web_config,
            clock=process.context.clock,
            telemetry_path=settings.web.telemetry_path,
            max_requests=settings.web.max_requests,
        ),
        [(address.host, address.port) for address in settings.web.listen_address],
        clock=process.context.clock,
        tls=web_config.tls,
    )
    stopping = handle_signals(daemon)  # before anybody can see that the exporter is running
    await server.start()
    try:
        addresses = " ".join(server.bound_urls)
        log.info("serving", version=__version__, addresses=addresses, **_shard_fields(settings))
        started(server.urls)
        await run_until_stopped(stopping, daemon)
    finally:
        await server.stop()
    return 0


def _shard_fields(settings: Settings) -> dict[str, str]:
    """For the log: which shard this is, if there are several; it may come from the pod's name."""
    shard = settings.shard
    return {"shard": f"{shard.index} of {shard.total}"} if shard.total > 1 else {}
