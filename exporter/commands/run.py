"""`modelarts-exporter` without a command: the daemon with its web server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from exporter import __version__
from exporter.daemon import Daemon, until_stopped

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.assembly import Surroundings
    from exporter.settings.model import Settings

log = structlog.get_logger(__name__)
