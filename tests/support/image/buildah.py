"""Builds the image without Docker or a registry: buildah, on a stand-in for the official Python image."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.programs import program

PROJECT = Path(__file__).parents[3]
_TRUSTED = Path("/etc/ssl/certs/ca-certificates.crt")
INSTALLERS = (
    "usr/local/lib/python3.13/ensurepip",
    "usr/local/lib/python3.13/site-packages/pip",
    "usr/local/lib/python3.13/site-packages/pip-25.3.dist-info",
    "usr/local/bin/pip3.13",
)
"""Where the official image has them, from the image's root; in the stand-in they are there and empty."""


@dataclass(frozen=True, slots=True)
class Buildah:
    """buildah with a storage of its own.

    Args:
        directory: an empty one; all that buildah keeps is in it, but for its small cache of digests.
    """

    directory: Path

    def __call__(self, *arguments: str | Path) -> str:
        """What buildah says on stdout; its stderr is in the error when it fails."""
        storage = (
            *("--storage-driver", "vfs"),
            *("--root", self.directory / "storage"),
            *("--runroot", self.directory / "run"),
        )
        environment = {**os.environ, "TMPDIR": str(self.directory), "BUILDAH_ISOLATION": "chroot"}
        return _run(program("buildah"), *storage, *arguments, environment=environment).strip()

    def build(self) -> str:
        """The ID of the project's image."""
        self._stand_in()
        index = _package_index(self.directory / "pip.conf")
        volumes = [f"--volume={outside}:{inside}:ro" for outside, inside in index.items()]
        return self("bud", "--quiet", "--format=docker", "--pull=never", *volumes, PROJECT).splitlines()[-1]

    def unpacked(self, image: str) -> Path:
        """The image's files, in a directory."""
        return Path(self("mount", self("from", "--pull=never", image)))

    def configuration(self, image: str) -> dict[str, Any]:
        """The image's configuration, as `docker inspect` shows it under `Config`."""
        found: dict[str, Any] = json.loads(self("inspect", "--type=image", image))["Docker"]["config"]
        return found

    def _stand_in(self) -> None:
        """An image under the name that the Dockerfile begins with: Debian with `python` and `pip`."""
        container = self("from", "scratch")
        root = Path(self("mount", container))
        _debian(root)
        for installer in INSTALLERS:
            (root / installer).mkdir(parents=True)
        self("config", "--cmd=python3", container)
        [python] = re.findall(r"^ARG PYTHON=(.+)$", (PROJECT / "Dockerfile").read_text(), re.MULTILINE)
        self("commit", "--quiet", "--rm", container, f"docker.io/library/python:{python}-slim")


def _debian(root: Path) -> None:
    """Debian's Python and what it needs, unpacked and not configured, which takes half the time."""
    ours = ["apt-get", "indextargets", "--format=$(REPO_URI)", "Created-By: Packages", "Codename: bookworm"]
    mirror = _run(*ours).splitlines()[:1] if shutil.which("apt-get") else []
    packages = "--include=python3,python3-pip"
    _run(program("debootstrap"), "--foreign", "--variant=minbase", packages, "bookworm", root, *mirror)
    for package in (root / "var/cache/apt/archives").glob("*.deb"):
        content = subprocess.run(
            ["dpkg-deb", "--fsys-tarfile", package], capture_output=True, check=True
        ).stdout
        subprocess.run(["tar", "-x", "--skip-old-files", "-C", root], input=content, check=True)
        package.unlink()
    if (root / "proc").is_symlink():  # in a container debootstrap borrows the machine's
        (root / "proc").unlink()
        (root / "proc").mkdir()
    (root / "usr/bin/python").symlink_to("python3")
    # It trusts whom this machine trusts, for the package index may be a local one.
    shutil.copy(_TRUSTED, root / _TRUSTED.relative_to("/"))


def _package_index(file: Path) -> dict[Path, Path]:
    """Lets pip in the build reach the packages as pip on this machine does.

    Args:
        file: where to write pip's configuration for the build.

    Returns:
        What to mount, and where: that file, and every file and directory that it names.
    """
    listed = _run(sys.executable, "-m", "pip", "config", "list").splitlines()
    split = [line.partition("=") for line in listed]
    settings = {name.rpartition(".")[2]: ast.literal_eval(value) for name, _, value in split}
    if "SSL_CERT_FILE" in os.environ:
        settings.setdefault("cert", os.environ["SSL_CERT_FILE"])
    words = {name: value.split() for name, value in settings.items()}
    file.write_text("[global]\n" + "".join(f"{name} = {' '.join(value)}\n" for name, value in words.items()))
    mounts = {file: Path("/etc/pip.conf")}
    for word in (word for value in words.values() for word in value):
        # An index names its files by relative links: they are beside it, not in it.
        path = Path(word.removeprefix("file://")).parent if word.startswith("file://") else Path(word)
        if path.is_absolute() and path.exists():
            mounts[path] = path
    return mounts


def _run(*command: str | Path, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout
