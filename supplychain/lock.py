"""requirements.lock, understood."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_PIN = re.compile(
    r"(?P<name>[a-z0-9._-]+)==(?P<version>\S+?)(?: ; (?P<marker>[^\\]+?))?(?P<rest>(?: --hash=\S+)*)"
)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})(?= |$)")


@dataclass(frozen=True, slots=True)
class Pin:
    """One package.

    Attributes:
        name: as PyPI normalises it.
        version: the one that is installed.
        marker: where it is installed; empty for everywhere.
        hashes: SHA-256 of each file that may be installed.
    """

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]


def pins(path: Path) -> list[Pin]:
    """Everything that a lock names.

    Raises:
        ValueError: a line is no exact version with hashes.
    """
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = (
        " ".join(line.partition(" #")[0].split())
        for line in text.splitlines()
        if not line.lstrip().startswith("#")
    )
    return [_pin(line) for line in lines if line]


def _pin(line: str) -> Pin:
    match = _PIN.fullmatch(line)
    hashes = tuple(_HASH.findall(match["rest"])) if match else ()
    if match is None or len(hashes) != line.count("--hash="):
        raise ValueError(f"no exact version with SHA-256 hashes: {line[:80]}")
    if not hashes:
        raise ValueError(f"no hashes: {line[:80]}")
    return Pin(match["name"], match["version"], match["marker"] or "", hashes)
