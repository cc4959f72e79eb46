"""The web configuration in use; it follows changes of its files while the exporter runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from exporter.common.errors import ConfigurationError, Problem
from exporter.common.files import file_version
from exporter.web.config import WebConfig, read_web_config
from exporter.web.tls import server_context

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator
    from pathlib import Path

    from exporter.web.config import TlsServerConfig

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class WebConfigWatcher:
    """The content of --web.config.file, read again when that file or a file that it names changes.

    Nothing runs in the background: every request and every connection calls `refresh`, which compares the
    files' versions. So a new certificate is used by the next connection.

    Attributes:
        settings: the configuration in use.
        up_to_date: whether the last attempt to read the files succeeded.

    Args:
        path: the file; None for plain HTTP without authentication.

    Raises:
        ConfigurationError: the file, or a file that it names, cannot be used.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._seen: dict[Path, object] = {}
        self.settings = WebConfig()
        self.up_to_date = True
        self._tls: ssl.SSLContext | None = None
        self.reload()

    def refresh(self) -> None:
        """Use the changed files; if they cannot be used, keep the old configuration and log it once.

        A change that removes users, TLS or required client certificates also needs a `reload`: the file may
        be half written, because an editor empties a file before it writes to it.
        """
        if self._path is None or all(file_version(file) == state for file, state in self._seen.items()):
            return
        try:
            settings, tls = self._read(self._path)
        except ConfigurationError as error:
            self._keep(*error.problems)
            return
        if removed := tuple(_removed_checks(self.settings, settings)):
            what = f"removes {' and '.join(removed)}; if this is intended, reload (SIGHUP) or restart"
            self._keep(Problem(str(self._path), what))
            return
        self._use(settings, tls)

    def reload(self) -> None:
        """Read everything again.

        Raises:
            ConfigurationError: they cannot be used; the old configuration stays in use.
        """
        if self._path is not None:
            self.up_to_date = False
            self._use(*self._read(self._path))

    def _use(self, settings: WebConfig, tls: ssl.SSLContext | None) -> None:
        self.settings, self._tls, self.up_to_date = settings, tls, True

    def _keep(self, *problems: Problem) -> None:
        self.up_to_date = False
        log.warning(
            "web configuration not reloaded, the old one stays in use", problems=[str(p) for p in problems]
        )

    def tls(self) -> ssl.SSLContext | None:
        """The context for a new connection; None for plain HTTP."""
        self.refresh()
        return self._tls

    def _read(self, path: Path) -> tuple[WebConfig, ssl.SSLContext | None]:
        # Each version is noted before the file is read, so that a change in between is seen next time. Files
        # of a configuration that turns out to be bad are noted too, so that a repair is seen.
        self._seen = {path: file_version(path)}
        settings = read_web_config(path)
        tls = settings.tls_server_config
        files = tls.files if tls else ()
        self._seen |= {file: file_version(file) for file in files}
        return settings, server_context(tls, where=f"{path}: tls_server_config") if tls else None


def _removed_checks(old: WebConfig, new: WebConfig) -> Iterator[str]:
    """The checks of clients that the old configuration has and the new one has not."""
    if old.basic_auth_users and not new.basic_auth_users:
        yield "basic_auth_users"
    if old.tls_server_config is None:
        return
    if new.tls_server_config is None:
        yield "tls_server_config"
    elif _requires_certificate(old.tls_server_config) and not _requires_certificate(new.tls_server_config):
        yield "the requirement of a client certificate"


def _requires_certificate(tls: TlsServerConfig) -> bool:
    return tls.client_auth_type == "RequireAndVerifyClientCert" or bool(tls.client_allowed_sans)
