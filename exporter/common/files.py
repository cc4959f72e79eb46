"""Whether a file has changed since it was read: every file that is taken up while running is told by this."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

FileVersion = tuple[int, int, int]


def file_version(path: Path) -> FileVersion | None:
    """What changes with the content, also when Kubernetes swaps a link on the way to it; None without a file.

    One `stat`, too short to leave the event loop for.
    """
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size
