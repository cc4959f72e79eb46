"""The web configuration in use, kept up to date while running. The one owner of that state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from exporter.common.errors import ConfigurationError, Problem
from exporter.common.files import file_version
from exporter.web import config as webconfig
from exporter.web.config import WebConfig
from exporter.web.tls import server_context

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator
    from pathlib import Path

    from exporter.web.config import TlsServerConfig

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class WebConfigWatcher:
    """What --web.config.file says, read again when it or a file that it names changes.

    There is no watcher: `refresh` looks at the files' times and is called for every request and every
    connection, so a new certificate serves the very connection that comes after it.

    Attributes:
        settings: the configuration in use.
        up_to_date: whether that is what the files said when they were last read.

    Args:
        path: the file; None for plain HTTP, open to everybody.

    Raises:
        ConfigurationError: the file, or one that it names, cannot be used.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._seen: dict[Path, object] = {}
        self.settings = WebConfig()
        self.up_to_date = True
        self._tls: ssl.SSLContext | None = None
        self.reload()

    def refresh(self) -> None:
        """Take up what changed on disk; if that cannot be used, keep the old and say so once.

        What would let in whom the old refuses is kept out as well, for it may be half a file: an editor
        empties one before it writes. It takes a `reload`.
        """
        if self._path is None or all(file_version(file) == state for file, state in self._seen.items()):
            return
        try:
            settings, tls = self._read(self._path)
        except ConfigurationError as error:
            self._keep(*error.problems)
            return
        if opened := tuple(_opened(self.settings, settings)):
            what = f"takes away {' and '.join(opened)}; if that is meant, reload (SIGHUP) or restart"
            self._keep(Problem(str(self._path), what))
            return
        self._take_up(settings, tls)

    def reload(self) -> None:
        """Read everything again.

        Raises:
            ConfigurationError: it cannot be used; the old configuration holds.
        """
        if self._path is not None:
            self.up_to_date = False
            self._take_up(*self._read(self._path))

    def _take_up(self, settings: WebConfig, tls: ssl.SSLContext | None) -> None:
        self.settings, self._tls, self.up_to_date = settings, tls, True

    def _keep(self, *problems: Problem) -> None:
        self.up_to_date = False
        log.warning("web configuration not taken up, the old one holds", problems=[str(p) for p in problems])

    def tls(self) -> ssl.SSLContext | None:
        """For a connection that begins now: the context; None for plain HTTP."""
        self.refresh()
        return self._tls

    def _read(self, path: Path) -> tuple[WebConfig, ssl.SSLContext | None]:
        # Each file's state is noted before it is read, so that a change in between shows the next time; those
        # that a new configuration names even when they turn out bad, so that mending one shows too.
        self._seen = {path: file_version(path)}
        settings = webconfig.read(path)
        tls = settings.tls_server_config
        files = tls.files if tls else ()
        self._seen |= {file: file_version(file) for file in files}
        return settings, server_context(tls, where=f"{path}: tls_server_config") if tls else None


def _opened(old: WebConfig, new: WebConfig) -> Iterator[str]:
    """What the old configuration asks of a client and the new one does not."""
    if old.basic_auth_users and not new.basic_auth_users:
        yield "basic_auth_users"
    if old.tls_server_config is None:
        return
    if new.tls_server_config is None:
        yield "tls_server_config"
    elif _asks_for_certificate(old.tls_server_config) and not _asks_for_certificate(new.tls_server_config):
        yield "the need of a client certificate"


def _asks_for_certificate(tls: TlsServerConfig) -> bool:
    return tls.client_auth_type == "RequireAndVerifyClientCert" or bool(tls.client_allowed_sans)
