"""The trusted certificate authorities: the system's, and those of a file that may change."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import structlog

from exporter.common.files import file_version

if TYPE_CHECKING:
    from pathlib import Path

log = structlog.get_logger(__name__)


class CaBundle:
    """The system's authorities and those of a file. After an unusable change the previous ones stay trusted.

    The file is checked for changes before every request.

    Args:
        path: certificates in PEM.

    Raises:
        OSError, ssl.SSLError: it cannot be read, or holds no certificate.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._version = file_version(path)
        self._context = _trusting(path)

    def context(self) -> ssl.SSLContext:
        """The TLS context; a new one after the file has changed."""
        now = file_version(self._path)
        if now != self._version:
            # Recorded before reading: an unusable file is reported once, a change while reading is noticed.
            self._version = now
            try:
                self._context = _trusting(self._path)
            except (OSError, ValueError) as error:
                log.warning(
                    "ca_file cannot be used; the previous authorities stay trusted",
                    ca_file=str(self._path),
                    problem=str(error),
                )
        return self._context


def _trusting(path: Path) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.load_verify_locations(path)
    return context
