"""The program: `modelarts-exporter` and `python -m exporter`."""

import sys


def _import_structlog_without_rich() -> None:
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


_import_structlog_without_rich()

from exporter.cli.main import main  # noqa: E402  (it imports structlog)

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
