"""Runs the command that the command line asks for."""

from __future__ import annotations

import asyncio
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.app.process import Process
from exporter.app.secret_files import insecure_files, secret_files
from exporter.cli.args import parse
from exporter.cli.output import settle_stderr, tell, write_output
from exporter.common.clock import SystemClock
from exporter.common.errors import ConfigurationError, InUse, OutputFailed
from exporter.common.logging import logging_in_background, set_up_logging
from exporter.common.signals import release_signals
from exporter.context import Context
from exporter.credentials.lockout import Lockout
from exporter.lifecycle.tracker import Tracker
from exporter.self_metrics import SelfMetrics
from exporter.settings.environment import trimmed
from exporter.settings.load import load
from exporter.snapshot.store import SnapshotStore
from exporter.web.config import WebConfig
from exporter.web.config_watch import WebConfigWatcher

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.cli.args import Invocation
    from exporter.settings.model import Settings

FAILED = 1
BAD_CONFIGURATION = 2
INTERRUPTED = 130
READER_LEFT = 141
"""What a shell tells of a program that writes into a pipe without a reader: 128 and SIGPIPE."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: the arguments after the program's name; those of the process if not given.

    Returns:
        The exit status: 0 success; 1 some pool failed (check, once, record), the answer cannot be written, or
        another process has the state file or the address, which may pass; 2 bad configuration; 141 nobody
        reads the answer.
    """
    try:
        return _run(parse(sys.argv[1:] if argv is None else argv))
    except ConfigurationError as error:
        for problem in error.problems:
            tell(str(problem))
        return BAD_CONFIGURATION
    except InUse as error:
        for problem in error.problems:
            tell(str(problem))
        return FAILED
    except OutputFailed as error:
        if error.reader_left:
            return READER_LEFT
        tell(f"modelarts-exporter: {error}")
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        settle_stderr()


def _run(invocation: Invocation) -> int:
    # One thread: the interpreter runs one at a time anyway, and every thread keeps memory of its own.
    worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="worker")
    environment = trimmed(os.environ)
    self_metrics = SelfMetrics(daemon=invocation.command in {None, "demo"})
    context = Context(clock=SystemClock(), worker=worker, self_metrics=self_metrics, store=SnapshotStore())
    process = Process(
        context=context,
        tracker=Tracker(context),
        lockout=Lockout(context.clock),
        environment=environment,
        home=_home(),
    )
    # Each command is imported when it is needed: the daemon starts without rich and the simulator.
    if invocation.command == "demo":
        from exporter.cli.demo import demo  # noqa: PLC0415

        return asyncio.run(demo(invocation.flags, process, invocation.replay))
    if invocation.command or invocation.config_check:
        release_signals()  # the daemon does that itself
    # A recording has everything that there is, whatever is configured.
    everything = {"capacity.read": "nodes", "capacity.events": True} if invocation.command == "record" else {}
    reread = partial(load, invocation.config_file, environment, {**invocation.flags, **everything})
    settings = reread()
    if invocation.config_check:
        _warn_of_insecure_files(
            settings, invocation, process, WebConfigWatcher(settings.web.config_file).settings
        )
        write_output("the configuration is good\n")
        return 0
    match invocation.command:
        case "check":
            from exporter.cli.check import check  # noqa: PLC0415

            # The table shows what went wrong; log lines would repeat it.
            level = settings.log.level if "log.level" in invocation.flags else "critical"
            set_up_logging(level, settings.log.format)
            web = WebConfigWatcher(settings.web.config_file).settings
            _warn_of_insecure_files(settings, invocation, process, web)
            return asyncio.run(check(settings, process))
        case "once":
            from exporter.cli.once import once  # noqa: PLC0415

            set_up_logging(settings.log.level, settings.log.format)
            _warn_of_insecure_files(settings, invocation, process, WebConfig())
            with process.tracker.persist_in(settings.state.path, _share(settings)):
                return asyncio.run(once(settings, process, invocation.output))
        case "record":
            from exporter.cli.record import record  # noqa: PLC0415

            assert invocation.folder is not None  # noqa: S101  (`parse` has checked that)
            level = settings.log.level if "log.level" in invocation.flags else "critical"
            set_up_logging(level, settings.log.format)
            _warn_of_insecure_files(settings, invocation, process, WebConfig())
            return asyncio.run(record(settings, process, invocation.folder))
        case _:
            from exporter.cli.run import run  # noqa: PLC0415

            with (
                logging_in_background(
                    settings.log.level, settings.log.format, count_lost=self_metrics.log_lines_dropped.inc
                ),
                process.tracker.persist_in(
                    settings.state.path, _share(settings), continues_for=settings.poll.stale_after
                ),
            ):
                return asyncio.run(run(settings, reread, process, config_file=invocation.config_file))


def _share(settings: Settings) -> tuple[int, int]:
    return settings.shard.index, settings.shard.total


def _home() -> Path | None:
    """The user's home directory; None without HOME and without an entry in the user database."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def _warn_of_insecure_files(
    settings: Settings, invocation: Invocation, process: Process, web: WebConfig
) -> None:
    """Print the files with secrets that others can read; the daemon logs them itself, and keeps checking."""
    for file in insecure_files(secret_files(settings, web, invocation.config_file, process)):
        tell(f"warning: {file}")
