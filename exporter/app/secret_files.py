"""Files that hold keys or passwords, and who else can read them: told with the remedy, never refused."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from exporter.credentials.key_files import environment_has_keys, profile_path
from exporter.settings.credentials import KeysForm, PasswordForm

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from exporter.app.process import Process
    from exporter.settings.credentials import AgencyForm
    from exporter.settings.model import Settings
    from exporter.web.config import WebConfig

_MOUNTS = Path("/proc/self/mountinfo")
_IN_MEMORY = {"tmpfs", "ramfs"}
_BY_GROUP, _BY_OTHERS = stat.S_IRGRP | stat.S_IWGRP, stat.S_IROTH | stat.S_IWOTH
_OCTAL = re.compile(r"\\([0-7]{3})")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Exposure:
    """A file that others can read or write.

    Attributes:
        path: as it was named; where that is a link, the mode is its target's.
        mode: the permission bits.
        remedy: the command that helps.
    """

    path: Path
    mode: int
    remedy: str

    def __str__(self) -> str:
        return f"{self.path}: holds secrets, and others can read it (mode {self.mode:04o}); {self.remedy}"


class Exposures:
    """Tells of each file once, and again after it was well, or when its mode changes."""

    def __init__(self) -> None:
        self._told: dict[Path, int] = {}

    def tell(self, paths: Iterable[Path]) -> None:
        """Log what is new."""
        found = {exposure.path: exposure for exposure in exposed(paths)}
        for path, exposure in found.items():
            if self._told.get(path) != exposure.mode:
                log.warning(
                    "a file with secrets can be read by others",
                    file=str(path),
                    mode=f"{exposure.mode:04o}",
                    remedy=exposure.remedy,
                )
        self._told = {path: exposure.mode for path, exposure in found.items()}


def secret_files(
    settings: Settings, web: WebConfig, config_file: Path | None, process: Process
) -> Iterator[Path]:
    """Every file in use that holds a secret.

    Args:
        settings: the configuration.
        web: what its web configuration says.
        config_file: where the configuration is; secret where keys or passwords stand in it.
        process: home and environment, for the profile file.
    """
    for project in settings.projects:
        if project.credentials is None:
            if not environment_has_keys(process.environment):
                yield profile_path(process.environment, process.home)
            continue
        for part in _parts(project.credentials):
            file = part if isinstance(part, Path) else config_file
            if file is not None:
                yield file
    tls = web.tls_server_config
    if settings.web.config_file and (web.basic_auth_users or (tls and tls.key)):
        yield settings.web.config_file
    if tls and tls.key_file:
        yield tls.key_file


def _parts(form: KeysForm | PasswordForm | AgencyForm) -> tuple[object, ...]:
    match form:
        case KeysForm():
            return tuple(part for part in (form.access_key, form.secret_key, form.token) if part is not None)
        case PasswordForm():
            return (form.secret,)
        case _:
            return ()


def exposed(paths: Iterable[Path]) -> list[Exposure]:
    """Those that other users of this machine can read or write, each once.

    Quiet are two ordinary arrangements, in which the mode is not the exporter's to change:

    - a file of somebody else's (root's, mostly) that is given to the exporter by its group;
    - a read-only mount that a container runtime or systemd made for this process alone: of a file system in
      memory (secrets of Kubernetes and Swarm, which are 0644 and 0444 there, and LoadCredential=), or of this
      very file (secrets of Compose, whose file on the host has a mode of its own).
    """
    files = {Path(os.path.realpath(path)): path for path in paths}  # resolve() raises for links in a circle
    mounts = _mounts() if files else {}
    return [
        exposure
        for target, path in files.items()
        if (exposure := _exposure(path, target, mounts)) is not None
    ]


def _exposure(path: Path, target: Path, mounts: Mapping[Path, tuple[bool, str]]) -> Exposure | None:
    try:
        status = target.stat()
    except OSError:
        return None  # whoever reads it says so
    mode, ours = stat.S_IMODE(status.st_mode), status.st_uid == os.geteuid()
    if not mode & (_BY_OTHERS | _BY_GROUP if ours else _BY_OTHERS) or _given_to_us(target, mounts):
        return None
    remedy = f"chmod 600 {path}" if ours else f"chown {os.geteuid()} {path} && chmod 600 {path}"
    return Exposure(path, mode, remedy)


def _given_to_us(target: Path, mounts: Mapping[Path, tuple[bool, str]]) -> bool:
    mount = next((folder for folder in (target, *target.parents) if folder in mounts), None)
    if mount is None:
        return False
    read_only, kind = mounts[mount]
    return read_only and (kind in _IN_MEMORY or mount == target)


def _mounts() -> dict[Path, tuple[bool, str]]:
    """Mount points as proc(5) tells them: whether read-only, and the file system; none but on Linux."""
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
