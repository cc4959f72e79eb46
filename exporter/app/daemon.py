"""The daemon: polls and renders until it is stopped."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from exporter.app.memory import FreeMemory
from exporter.app.restart import waiting_for_restart
from exporter.app.secret_files import SecretFileWatcher
from exporter.app.wiring import Pollers, build_detail, build_exposition, build_thresholds
from exporter.common.errors import ConfigurationError
from exporter.common.signals import release_signals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from exporter.app.process import Process
    from exporter.metrics.pool_text import RenderedPool
    from exporter.settings.model import Settings
    from exporter.snapshot.pool import PoolKey

log = structlog.get_logger(__name__)

_RENDERED_AT_ONCE = 200
"""Pools whose new text a reload waits for, a second or two. With more pools, the rest follows after it."""

_CHECK_INTERVAL = 60.0
"""Seconds between two checks of the permissions of files with secrets, and of memory that is free."""


class Daemon:
    """Everything that runs between start and stop, except for the web server.

    Args:
        settings: the configuration to begin with.
        reread: reads the configuration again; raises ConfigurationError.
        process: what does not depend on the configuration.
        secrets: returns the files with secrets that a configuration names.

    Attributes:
        exposition: the content of `/metrics`.
    """

    def __init__(
        self,
        settings: Settings,
        reread: Callable[[], Settings],
        process: Process,
        secrets: Callable[[Settings], Iterable[Path]] = lambda _: (),
    ) -> None:
        self._started_with = self._settings = settings
        self._reread = reread
        self._process = process
        self._secrets = secrets
        self._renderer, self.exposition = build_exposition(settings, process)
        self._pollers: Pollers | None = None
        self._polling_task: asyncio.Task[None] | None = None
        self._reloading = asyncio.Lock()
        self._next_reload: asyncio.Task[None] | None = None
        self._alive = False
        self._was_ready = False
        self._set_reload_metrics(success=True)

    @property
    def pools(self) -> Mapping[PoolKey, RenderedPool]:
        """The rendered text and the state of every pool."""
        return self._renderer.pools

    @property
    def pollers(self) -> Pollers | None:
        """The pollers of the configuration in use; None before the start."""
        return self._pollers

    def alive(self) -> bool:
        """Whether the polling loop runs."""
        return self._alive

    def ready(self) -> bool:
        """Whether every pool has been polled once, successfully or not. Stays true after a reload."""
        self._was_ready = self._was_ready or (self._pollers is not None and self._pollers.ready)
        return self._was_ready

    async def run(self) -> None:
        """Poll and render until cancelled. An unexpected error ends it, and must end the process.

        Raises:
            ConfigurationError: something in the settings cannot be used.
        """
        if self._pollers is None:  # a reload may have come first
            self._pollers = await Pollers.open(self._settings, self._process)
        await self._pollers.forget_unwatched()  # the state file may hold such pools
        async with asyncio.TaskGroup() as group:
            group.create_task(self._renderer.run())
            group.create_task(self._poll())
            group.create_task(self._watch_secrets())
            group.create_task(self._give_memory_back())

    async def reload(self) -> None:
        """Read the configuration again and use it; pools that are still watched keep their state.

        Reloads do not overlap, and those that wait are one: it reads the configuration after all of them were
        asked for.

        Raises:
            ConfigurationError: it has problems; the old configuration stays in use.
        """
        if self._next_reload is None:
            self._next_reload = asyncio.create_task(self._reload_next())
            self._next_reload.add_done_callback(_retrieve)
        # Shielded: a client that goes away ends neither this reload nor that of the others who wait.
        await asyncio.shield(self._next_reload)

    async def _reload_next(self) -> None:
        async with self._reloading:
            self._next_reload = None  # a change from here on may be too late for this reload
            await self._reload()

    async def _reload(self) -> None:
        try:
            settings = self._reread()
            pollers = await Pollers.open(settings, self._process)
        except ConfigurationError as error:
            self._set_reload_metrics(success=False)
            problems = [str(problem) for problem in error.problems]
            # No traceback: its frames hold secrets, and the configuration is at fault, not the program.
            log.error("the configuration was not reloaded; the old one stays in use", problems=problems)  # noqa: TRY400
            raise
        if waiting := waiting_for_restart(self._started_with, settings):
            log.warning("changed settings take effect at the next start of the exporter", settings=waiting)
        replaced, self._settings, self._pollers = self._pollers, settings, pollers
        self._renderer.configure(build_detail(settings.workloads), build_thresholds(settings.alerts))
        self._process.context.self_metrics.set_shard(settings.shard.index, settings.shard.total)
        if self._polling_task is not None:
            self._polling_task.cancel()
            await asyncio.wait((self._polling_task,))
        elif replaced is not None:
            await replaced.close()  # they have not begun
        await pollers.forget_unwatched()
        await self._renderer.catch_up(_RENDERED_AT_ONCE)
        self._set_reload_metrics(success=True)
        log.info("configuration reloaded", projects=len(settings.projects))

    async def _poll(self) -> None:
        """Run the pollers of the newest configuration. A reload cancels them, and its own pollers follow."""
        self._alive = True
        try:
            while (pollers := self._pollers) is not None:
                self._polling_task = asyncio.create_task(_run_pollers(pollers))
                await asyncio.wait((self._polling_task,))
                if not self._polling_task.cancelled():
                    self._polling_task.result()  # it never ends by itself, so this raises
        finally:
            self._alive = False
            if self._polling_task is not None:
                self._polling_task.cancel()

    async def _watch_secrets(self) -> None:
        watcher = SecretFileWatcher()
        while True:
            watcher.check(self._secrets(self._settings))
            await self._process.context.clock.sleep(_CHECK_INTERVAL)

    async def _give_memory_back(self) -> None:
        memory, context = FreeMemory(), self._process.context
        while True:
            await context.clock.sleep(_CHECK_INTERVAL)
            # By the worker: no poll is decoded or rendered meanwhile.
            await asyncio.get_running_loop().run_in_executor(context.worker, memory.give_back)

    def _set_reload_metrics(self, *, success: bool) -> None:
        self_metrics = self._process.context.self_metrics
        self_metrics.config_last_reload_successful.set(success)
        if success:
            self_metrics.config_last_reload_success_timestamp.set(self._process.context.clock.wall())


def _retrieve(reload: asyncio.Task[None]) -> None:
    """Take the error of a reload that nobody waits for any more, or asyncio logs it with a traceback."""
    if not reload.cancelled():
        reload.exception()


async def _run_pollers(pollers: Pollers) -> None:
    async with pollers:
        await pollers.run()


def handle_signals(daemon: Daemon) -> asyncio.Event:
    """Make SIGHUP reload the configuration, and SIGTERM and SIGINT set the event that is returned.

    Those that came since the start of the process count, too.
    """
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
    release_signals()
    return stopping


async def run_until_stopped(stopping: asyncio.Event, daemon: Daemon) -> None:
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
