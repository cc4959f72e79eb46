"""What a program that imports the exporter notices of it: nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("ours", ["exporter", "exporter.cli.main", "exporter.__main__"])
@pytest.mark.parametrize("ours_first", [True, False])
def test_rich_can_be_imported_before_and_after(ours: str, *, ours_first: bool) -> None:
    """The command keeps structlog from importing rich; nobody else is kept from it."""
    modules = (ours, "rich.console") if ours_first else ("rich.console", ours)
    program = (
        "\n".join(f"import {module}" for module in (*modules, "rich.table")) + "\nprint(rich.console.Console)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, stdout=subprocess.DEVNULL)


def test_the_command_does_not_load_rich() -> None:
    """It is 3 MB of the daemon's memory, and only `check` draws with it."""
    program = (
        "import sys, exporter.__main__\n"
        "exporter.__main__.import_structlog_without_rich()\n"
        "import exporter.cli.main, exporter.cli.run, exporter.app.wiring, structlog.dev\n"
        "sys.exit('rich' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
