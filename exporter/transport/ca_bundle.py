"""Which certificate authorities are trusted: the system's, and those of a file that may change."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import structlog

from exporter.common.files import file_version

if TYPE_CHECKING:
    from pathlib import Path

log = structlog.get_logger(__name__)


class CaBundle:
    """The system's authorities and those of a file. A change that cannot be used leaves the last good ones.

    The file is looked at before every request.

    Args:
        path: certificates in PEM.

    Raises:
        OSError, ssl.SSLError: it cannot be read, or holds no certificate.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mark = file_version(path)
        self._context = _trusting(path)

    def context(self) -> ssl.SSLContext:
        """Another one once the file has changed."""
        now = file_version(self._path)
        if now != self._mark:
            # Noted first: what cannot be used is told once, and what changes while it is read is read again.
            self._mark = now
            try:
                self._context = _trusting(self._path)
            except (OSError, ValueError) as error:
                log.warning(
                    "ca_file cannot be used, the authorities before it stay trusted",
                    ca_file=str(self._path),
                    problem=str(error),
                )
        return self._context


def _trusting(path: Path) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.load_verify_locations(path)
    return context
