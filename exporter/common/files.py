"""Files that the operator names: read with a message for the operator, watched for changes, replaced."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

from exporter.common.text import quote_path_or_hide

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

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


_READABLE_BY_ALL = 0o644


def replace_file(path: Path, content: Iterable[bytes]) -> None:
    """Write a file, which everybody may read, so that whoever reads it finds the old content or the new.

    The new content is written beside it, to a hidden file that does not have its suffix. If that fails, the
    old file stays as it is. A link stays, and the file that it points to is replaced.

    Raises:
        OSError: it cannot be written, or is no regular file, such as a device.
    """
    target = Path(os.path.realpath(path))
    with suppress(FileNotFoundError):
        if not stat.S_ISREG(target.stat().st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
    with NamedTemporaryFile(
        dir=target.parent, prefix=f".{target.name}.", suffix=".new", delete=False
    ) as file:
        try:
            file.writelines(content)
            file.flush()
            os.fchmod(file.fileno(), _READABLE_BY_ALL)
            Path(file.name).replace(target)
        except BaseException:
            Path(file.name).unlink()
            raise
