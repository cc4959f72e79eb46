"""The command: flags and settings in, exit status out."""

from __future__ import annotations

import asyncio
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.app.context import Surroundings
from exporter.app.secret_files import exposed, secret_files
from exporter.cli.args import parse
from exporter.common.clock import SystemClock
from exporter.common.errors import ConfigurationError
from exporter.common.logging import set_up_logging
from exporter.credentials.lockout import Lockout
from exporter.lifecycle.tracker import Tracker
from exporter.self_metrics import SelfMetrics
from exporter.settings.load import load
from exporter.snapshot.store import SnapshotStore
from exporter.web.config import WebConfig
from exporter.web.config_watch import WebConfigWatcher

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.cli.args import Invocation
    from exporter.settings.model import Settings

BAD_CONFIGURATION = 2
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: what follows the program's name; the process's own where not given.

    Returns:
        The exit status: 0 all well, 1 some pool failed (check, once), 2 bad configuration.
    """
    invocation = parse(sys.argv[1:] if argv is None else argv)
    try:
        return _run(invocation)
    except ConfigurationError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)  # noqa: T201  (the contract with whoever reads stderr)
        return BAD_CONFIGURATION
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(invocation: Invocation) -> int:
    # Each command is imported when it is asked for: the daemon starts without rich and the simulator.
    clock, self_metrics = SystemClock(), SelfMetrics()
    # One thread: several could not run side by side, and each would hold on to the memory it has used.
    worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="worker")
    around = Surroundings(
        clock=clock,
        store=SnapshotStore(),
        tracker=Tracker(self_metrics, worker),
        worker=worker,
        self_metrics=self_metrics,
        lockout=Lockout(clock),
        environment=os.environ,
        home=Path.home(),
    )
    if invocation.command == "demo":
        from exporter.cli.demo import demo  # noqa: PLC0415

        return asyncio.run(demo(invocation.flags, around))
    reread = partial(load, invocation.config_file, os.environ, invocation.flags)
    settings = reread()
    if invocation.config_check:
        _warn_of_exposed(settings, invocation, around, WebConfigWatcher(settings.web.config_file).settings)
        print("the configuration is good")  # noqa: T201  (the command's answer)
        return 0
    match invocation.command:
        case "check":
            from exporter.cli.check import check  # noqa: PLC0415

            # The table tells what went wrong; log lines would tell it twice.
            _start_logging(settings, quiet="log.level" not in invocation.flags)
            web = WebConfigWatcher(settings.web.config_file).settings
            _warn_of_exposed(settings, invocation, around, web)
            return asyncio.run(check(settings, around))
        case "once":
            from exporter.cli.once import once  # noqa: PLC0415

            _start_logging(settings)
            _warn_of_exposed(settings, invocation, around, WebConfig())
            with around.tracker.kept_in(settings.state.path, clock.wall()):
                return asyncio.run(once(settings, around))
        case _:
            from exporter.cli.run import run  # noqa: PLC0415

            _start_logging(settings)
            with around.tracker.kept_in(settings.state.path, clock.wall()):
                return asyncio.run(run(settings, reread, around, config_file=invocation.config_file))


def _start_logging(settings: Settings, *, quiet: bool = False) -> None:
    form = settings.log.format or ("console" if sys.stderr.isatty() else "logfmt")
    set_up_logging("critical" if quiet else settings.log.level, form)


def _warn_of_exposed(
    settings: Settings, invocation: Invocation, around: Surroundings, web: WebConfig
) -> None:
    """Tell of files with secrets that others can read; the daemon logs them itself, and goes on watching."""
    for exposure in exposed(secret_files(settings, web, invocation.config_file, around)):
        print(f"warning: {exposure}", file=sys.stderr)  # noqa: T201  (the answer is on stdout)
