"""The web configuration in use, kept up to date while running. The one owner of that state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from exporter.errors import ConfigurationError
from exporter.web import webconfig
from exporter.web.tls import server_context
from exporter.web.webconfig import WebConfig

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

    from exporter.web.webconfig import TlsServerConfig

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_RENEWABLE = {"cert_file", "key_file", "client_ca_file", "client_allowed_sans"}
"""Of `tls_server_config`, what can change under a listener that is open."""


class LiveWebConfig:
    """What --web.config.file says, read again when it or a file that it names changes.

    There is no watcher: `refresh` looks at the files' times and is called for every request and every TLS
    handshake, so a new certificate serves the very connection that comes after it.

    Attributes:
        settings: the configuration in use.
        listener_tls: the context to listen with; None for plain HTTP.

    Args:
        path: the file; None for plain HTTP, open to everybody.

    Raises:
        ConfigurationError: the file, or one that it names, cannot be used.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._seen: dict[Path, object] = {}
        self.settings = WebConfig()
        self._certificate: ssl.SSLContext | None = None
        if path is not None:
            self.settings, self._certificate = self._read(path)
        self.listener_tls = self._certificate
        if self.listener_tls is not None:
            self.listener_tls.sni_callback = self._on_handshake

    def refresh(self) -> None:
        """Take up what changed on disk; if that cannot be used, keep the old and say so once."""
        if all(_state(file) == state for file, state in self._seen.items()):
            return
        try:
            self.reload()
        except ConfigurationError as error:
            _log.warning(
                "web configuration not taken up, the old one holds", problems=[str(p) for p in error.problems]
            )

    def reload(self) -> None:
        """Read everything again.

        Raises:
            ConfigurationError: it cannot be used; the old configuration holds.
        """
        if self._path is None:
            return
        settings, certificate = self._read(self._path)
        if _fixed(settings.tls_server_config) == _fixed(self.settings.tls_server_config):
            self._certificate = certificate
        else:
            _log.warning(
                "tls_server_config is left as it was: only certificates, authorities and allowed names can"
                " change while running; restart to take up the rest"
            )
            settings = settings.model_copy(update={"tls_server_config": self.settings.tls_server_config})
        self.settings = settings

    def _read(self, path: Path) -> tuple[WebConfig, ssl.SSLContext | None]:
        # Each file's state is noted before it is read, so that a change in between shows the next time; those
        # that a new configuration names even when they turn out bad, so that mending one shows too.
        self._seen = {path: _state(path)}
        settings = webconfig.read(path)
        tls = settings.tls_server_config
        files = tls.files if tls else ()
        self._seen |= {file: _state(file) for file in files}
        return settings, server_context(tls, where=f"{path}: tls_server_config") if tls else None

    def _on_handshake(
        self, connection: ssl.SSLObject, _server_name: str | None, _context: ssl.SSLContext
    ) -> None:
        """Called by OpenSSL for every new connection, with SNI or without.

        Giving the connection another context exchanges the certificate and the authorities (measured with TLS
        1.2 and 1.3); calling `load_cert_chain` on the listener's would only serve the connection after it.
        """
        self.refresh()
        if self._certificate is not None:
            connection.context = self._certificate


def _fixed(tls: TlsServerConfig | None) -> object:
    return tls and tls.model_dump(exclude=_RENEWABLE)


def _state(file: Path) -> object:
    """What changes when a file is written or replaced, also through Kubernetes' symbolic links."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
