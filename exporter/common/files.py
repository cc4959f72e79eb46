"""Files that the operator names: read with a message for the operator, and watched for changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.common.text import quote_path_or_hide

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FileVersion = tuple[int, int, int]
"""Modification time in nanoseconds, inode, size in bytes."""


def file_version(path: Path) -> FileVersion | None:
    """A value that changes when the file's content changes; None if there is no file.

    It follows links, so it also changes when Kubernetes replaces a link in a mounted Secret. One `stat` call:
    short enough for the event loop.
    """
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size


def read_file(path: Path, quote: Callable[[Path], str] = quote_path_or_hide) -> bytes:
    """The content of a file.

    Args:
        path: the file.
        quote: how the path is shown in the error.

    Raises:
        ValueError: the file cannot be read; with the path and the reason.
    """
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: the path contains NUL
        reason = getattr(error, "strerror", None) or "no such path"
        advice = "; ~ is not replaced, write the whole path" if path.parts[:1] == ("~",) else ""
        raise ValueError(f"{quote(path)} cannot be read: {reason}{advice}") from None
