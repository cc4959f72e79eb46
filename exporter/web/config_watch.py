"""The web configuration in use; it follows changes of its files while the exporter runs."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakSet

import structlog

from exporter.common.errors import ConfigurationError, Problem
from exporter.common.files import file_version
from exporter.web.config import WebConfig, read_web_config
from exporter.web.loosening import lets_in_more
from exporter.web.tls import requirements, server_context

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping
    from pathlib import Path

    from exporter.common.files import FileVersion

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_RELOAD = "reload (SIGHUP or POST /-/reload) or restart"


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
        self._tls: _Tls | None = None
        self._renewed: WeakSet[ssl.SSLContext] = WeakSet()
        self.reload()

    def refresh(self) -> None:
        """Use the changed files; if they cannot be used, keep the old configuration and log it once.

        A change that lets in more than before waits for a `reload`: the file may be half written, because an
        editor empties a file before it writes to it.
        """
        if self._path is None or all(file_version(file) == state for file, state in self._seen.items()):
            return
        try:
            settings, tls = self._read(self._path)
        except ConfigurationError as error:
            self._keep(*error.problems)
            return
        if more := ", ".join(lets_in_more(self.settings, settings)):
            what = f"lets in more than before ({more}); if this is intended, {_RELOAD}"
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

    def tls(self) -> ssl.SSLContext | None:
        """The context for a new connection; None for plain HTTP."""
        self.refresh()
        return self._context

    def is_current(self, context: ssl.SSLContext | None) -> bool:
        """Whether a new connection would be made under the same context, or likewise without one."""
        return context is self._context

    def still_admits(self, context: ssl.SSLContext | None) -> bool:
        """Whether a connection made under this context, or without one, met what is required now.

        False if client authorities, versions or algorithms have changed since, or TLS was switched on or off.
        """
        return context is self._context or context in self._renewed

    @property
    def _context(self) -> ssl.SSLContext | None:
        return self._tls.context if self._tls else None

    def _use(self, settings: WebConfig, tls: _Tls | None) -> None:
        self.settings, self.up_to_date = settings, True
        self._use_tls(tls)

    def _use_tls(self, tls: _Tls | None) -> None:
        old, self._tls = self._tls, tls
        if (tls and tls.required) != (old and old.required):
            self._renewed.clear()
        elif old:
            self._renewed.add(old.context)

    def _keep(self, *problems: Problem) -> None:
        """Keep the configuration, but go on to follow the files that it names: certificates expire."""
        self.up_to_date = False
        log.warning(
            "web configuration not reloaded, the old one stays in use", problems=[str(p) for p in problems]
        )
        if self._tls and self._tls.files != self._versions(self.settings):
            with suppress(ConfigurationError):  # then the old certificates stay in use, too
                self._use_tls(self._read_tls(self.settings, ""))

    def _read(self, path: Path) -> tuple[WebConfig, _Tls | None]:
        # Each version is noted before the file is read, so that a change in between is seen next time. Files
        # of a configuration that turns out to be bad are noted too, so that a repair is seen.
        self._seen = {path: file_version(path)}
        settings = read_web_config(path)
        return settings, self._read_tls(settings, f"{path}: tls_server_config")

    def _read_tls(self, settings: WebConfig, where: str) -> _Tls | None:
        files = self._versions(settings)
        if (tls := settings.tls_server_config) is None:
            return None
        # Before the context: if the authorities change in between, the next look finds other requirements.
        required = requirements(tls)
        return _Tls(server_context(tls, where=where), required, files)

    def _versions(self, settings: WebConfig) -> dict[Path, FileVersion | None]:
        """The versions of the files that a configuration names; they are watched from now on."""
        tls = settings.tls_server_config
        versions = {file: file_version(file) for file in tls.files} if tls else {}
        self._seen |= versions
        return versions


@dataclass(frozen=True, slots=True)
class _Tls:
    """A context, what connections under it have to meet, and the files that it was made from."""

    context: ssl.SSLContext
    required: object
    files: Mapping[Path, FileVersion | None]
