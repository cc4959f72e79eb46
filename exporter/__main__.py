"""The program: `modelarts-exporter` and `python -m exporter`.

Importing this module does nothing, and imports hardly anything: before anything slow, signals are held.
"""

import os
import sys

from exporter.common.signals import hold_signals

__all__ = ["import_structlog_without_rich", "main"]


def main() -> int:
    """Run the command line of the process; returns its exit status."""
    hold_signals()
    _open_standard_streams()
    import_structlog_without_rich()
    from exporter.cli.main import main as run  # noqa: PLC0415  (it imports everything)

    return run()


def import_structlog_without_rich() -> None:
    """Save 3 MB of memory: structlog imports rich, where it is installed, for tracebacks that we do not show.

    Only `check` uses rich, and imports it itself. rich is hidden for the time of this one import.
    """
    if "rich" in sys.modules:
        return
    sys.modules["rich"] = None  # type: ignore[assignment]  # how Python marks a module that is not to be imported
    try:
        import structlog  # noqa: F401, PLC0415
    finally:
        del sys.modules["rich"]


def _open_standard_streams() -> None:
    """Open /dev/null for each of stdin, stdout and stderr that is closed.

    Otherwise the next file or connection would get its number, and lines meant for stderr would go there.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free


if __name__ == "__main__":
    sys.exit(main())
