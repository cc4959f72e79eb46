"""The daemon: fetching and serving side by side, until told to stop."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from exporter.app.secret_files import Exposures
from exporter.app.wiring import Fetching, detail, serving, thresholds
from exporter.common.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from exporter.app.context import Surroundings
    from exporter.metrics.pool_text import RenderedPool
    from exporter.settings.model import Settings
    from exporter.snapshot.pool import PoolKey

log = structlog.get_logger(__name__)

_LOOK = 60.0
"""Seconds between two looks at who can read the files with secrets."""


class Daemon:
    """Everything that runs between start and stop, but for the web server, which looks in from outside.

    Args:
        settings: the configuration to begin with.
        reread: reads the configuration again; raises ConfigurationError.
        around: clock, store and whatever else outlives a configuration.
        secrets: the files with secrets that a configuration names.

    Attributes:
        exposition: what to serve as metrics.
    """

    def __init__(
        self,
        settings: Settings,
        reread: Callable[[], Settings],
        around: Surroundings,
        secrets: Callable[[Settings], Iterable[Path]] = lambda _: (),
    ) -> None:
        self._settings = settings
        self._reread = reread
        self._around = around
        self._secrets = secrets
        self._renderer, self.exposition = serving(settings, around)
        self._fetching: Fetching | None = None
        self._generation: asyncio.Task[None] | None = None
        self._reloading = asyncio.Lock()
        self._polling = False
        self._was_ready = False
        self._note_configured(success=True)

    @property
    def pools(self) -> Mapping[PoolKey, RenderedPool]:
        """What is shown of every pool."""
        return self._renderer.pools

    @property
    def fetching(self) -> Fetching | None:
        """What fetches by the configuration in use; None before the start."""
        return self._fetching

    def alive(self) -> bool:
        """Whether polling goes on."""
        return self._polling

    def ready(self) -> bool:
        """Whether every pool has been tried once. A reload takes nothing back."""
        self._was_ready = self._was_ready or (self._fetching is not None and self._fetching.tried)
        return self._was_ready

    async def run(self) -> None:
        """Fetch and render until cancelled. An unexpected error ends it, and must end the process.

        Raises:
            ConfigurationError: something in the settings turns out not to be usable.
        """
        self._fetching = await Fetching.opened(self._settings, self._around)
        self._fetching.forget_unwatched()  # of which a state file may tell
        async with asyncio.TaskGroup() as group:
            group.create_task(self._renderer.run())
            group.create_task(self._keep_fetching())
            group.create_task(self._watch_secrets())

    async def reload(self) -> None:
        """Read the configuration again and go on with it; pools that stay keep what is known of them.

        Raises:
            ConfigurationError: it has problems; the old one holds.
        """
        async with self._reloading:  # a signal and a request may come together
            await self._reload()

    async def _reload(self) -> None:
        try:
            settings = self._reread()
            fetching = await Fetching.opened(settings, self._around)
        except ConfigurationError as error:
            self._note_configured(success=False)
            problems = [str(problem) for problem in error.problems]
            # No traceback: its frames hold secrets, and nothing is broken but the configuration.
            log.error("configuration not reloaded, the old one holds", problems=problems)  # noqa: TRY400
            raise
        fixed = ("web", "log", "state")
        if any(getattr(settings, name) != getattr(self._settings, name) for name in fixed):
            log.warning("changes of web, log and state take effect at the next start")
        self._settings, self._fetching = settings, fetching
        self._renderer.detail = detail(settings.workloads)
        self._renderer.thresholds = thresholds(settings.alerts)
        self._around.self_metrics.set_shard(settings.shard.index, settings.shard.total)
        if self._generation is not None:
            self._generation.cancel()
            await asyncio.wait((self._generation,))
        fetching.forget_unwatched()
        await self._renderer.catch_up()
        self._note_configured(success=True)
        log.info("configuration reloaded", projects=len(settings.projects))

    async def _keep_fetching(self) -> None:
        """Fetch with the newest configuration; a reload cancels one generation, and the next begins."""
        self._polling = True
        try:
            while (fetching := self._fetching) is not None:
                self._generation = asyncio.create_task(_fetch(fetching))
                await asyncio.wait((self._generation,))
                if not self._generation.cancelled():
                    self._generation.result()  # it never ends by itself, so this raises
        finally:
            self._polling = False
            if self._generation is not None:
                self._generation.cancel()

    async def _watch_secrets(self) -> None:
        exposures = Exposures()
        while True:
            exposures.tell(self._secrets(self._settings))
            await self._around.clock.sleep(_LOOK)

    def _note_configured(self, *, success: bool) -> None:
        self_metrics = self._around.self_metrics
        self_metrics.config_last_reload_successful.set(success)
        if success:
            self_metrics.config_last_reload_success_timestamp.set(self._around.clock.wall())


async def _fetch(fetching: Fetching) -> None:
    async with fetching:
        await fetching.run()


def heed_signals(daemon: Daemon) -> asyncio.Event:
    """From now on SIGHUP reloads, and SIGTERM and SIGINT set the event that is returned."""
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    reloads: set[asyncio.Task[None]] = set()  # the loop itself holds tasks only weakly

    async def reload() -> None:
        with suppress(ConfigurationError):  # it has been logged
            await daemon.reload()

    def on_hangup() -> None:
        task = loop.create_task(reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    loop.add_signal_handler(signal.SIGHUP, on_hangup)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    return stopping


async def run_until(stopping: asyncio.Event, daemon: Daemon) -> None:
    """Run the daemon until the event is set. An unexpected error of the daemon is raised."""
    running = asyncio.create_task(daemon.run())
    waiting = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait((running, waiting), return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()  # it never ends by itself, so this raises
        log.info("stopping")
    finally:
        for task in (running, waiting):
            task.cancel()
        await asyncio.gather(running, waiting, return_exceptions=True)
