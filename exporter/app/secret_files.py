"""Finds files with keys or passwords that other users can read. They are reported, but still used."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from exporter.credentials.key_files import environment_has_keys, profile_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from exporter.app.process import Process
    from exporter.settings.model import Settings
    from exporter.web.config import WebConfig

_MOUNTS = Path("/proc/self/mountinfo")
_IN_MEMORY = {"tmpfs", "ramfs"}
_BY_GROUP, _BY_OTHERS = stat.S_IRGRP | stat.S_IWGRP, stat.S_IROTH | stat.S_IWOTH
_OCTAL = re.compile(r"\\([0-7]{3})")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class InsecureFile:
    """A file that other users can read or write.

    Attributes:
        path: as configured; if that is a link, the mode is its target's.
        mode: the permission bits.
        remedy: the command that corrects it.
    """

    path: Path
    mode: int
    remedy: str

    def __str__(self) -> str:
        return f"{self.path}: holds secrets, and others can read it (mode {self.mode:04o}); {self.remedy}"


class SecretFileWatcher:
    """Logs each insecure file once, and again after it was corrected, or when its mode changes."""

    def __init__(self) -> None:
        self._logged: dict[Path, int] = {}

    def check(self, paths: Iterable[Path]) -> None:
        """Check the files, and log what is new."""
        found = {file.path: file for file in insecure_files(paths)}
        for path, file in found.items():
            if self._logged.get(path) != file.mode:
                log.warning(
                    "a file with secrets can be read by others",
                    file=str(path),
                    mode=f"{file.mode:04o}",
                    remedy=file.remedy,
                )
        self._logged = {path: file.mode for path, file in found.items()}


def secret_files(
    settings: Settings, web: WebConfig, config_file: Path | None, process: Process
) -> Iterator[Path]:
    """Every file in use that holds a secret.

    Args:
        settings: the configuration.
        web: the web configuration.
        config_file: the configuration file; it is secret if keys or passwords are in it.
        process: home and environment, for the profile file.
    """
    for project in settings.projects:
        if project.credentials is None:
            profile = profile_path(process.environment, process.home)
            if profile and not environment_has_keys(process.environment):
                yield profile
            continue
        for secret in project.credentials.secrets:
            file = secret if isinstance(secret, Path) else config_file
            if file is not None:
                yield file
    tls = web.tls_server_config
    if settings.web.config_file and (web.basic_auth_users or (tls and tls.key)):
        yield settings.web.config_file
    if tls and tls.key_file:
        yield tls.key_file


def insecure_files(paths: Iterable[Path]) -> list[InsecureFile]:
    """The files that other users of this machine can read or write, each once.

    Two common setups are accepted, because the exporter's user cannot change the mode there:

    - The file belongs to another user (mostly root), and the exporter may read it by its group.
    - The file is in a read-only mount that a container runtime or systemd made for this process alone. The
      mount is a file system in memory (secrets of Kubernetes and Swarm, which have modes 0644 and 0444, and
      LoadCredential=), or just this file (secrets of Compose; the file on the host has its own mode).
    """
    files = {Path(os.path.realpath(path)): path for path in paths}  # resolve() raises for links in a circle
    mounts = _read_mounts() if files else {}
    return [
        file for target, path in files.items() if (file := _insecure_file(path, target, mounts)) is not None
    ]


def _insecure_file(path: Path, target: Path, mounts: Mapping[Path, tuple[bool, str]]) -> InsecureFile | None:
    try:
        status = target.stat()
    except OSError:
        return None  # reading the file reports that
    mode, ours = stat.S_IMODE(status.st_mode), status.st_uid == os.geteuid()
    if not mode & (_BY_OTHERS | _BY_GROUP if ours else _BY_OTHERS) or _mounted_for_us(target, mounts):
        return None
    remedy = f"chmod 600 {path}" if ours else f"chown {os.geteuid()} {path} && chmod 600 {path}"
    return InsecureFile(path, mode, remedy)


def _mounted_for_us(target: Path, mounts: Mapping[Path, tuple[bool, str]]) -> bool:
    mount = next((folder for folder in (target, *target.parents) if folder in mounts), None)
    if mount is None:
        return False
    read_only, kind = mounts[mount]
    return read_only and (kind in _IN_MEMORY or mount == target)


def _read_mounts() -> dict[Path, tuple[bool, str]]:
    """Mount points by path: whether read-only, and the file system, see proc(5). Empty except on Linux."""
    try:
        lines = _MOUNTS.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return {}
    mounts = {}
    for line in lines:
        own, _, rest = line.partition(" - ")
        fields = own.split(" ")
        point = _OCTAL.sub(lambda code: chr(int(code[1], 8)), fields[4])
        mounts[Path(point)] = ("ro" in fields[5].split(","), rest.split(" ")[0])
    return mounts
