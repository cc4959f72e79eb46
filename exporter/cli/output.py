"""Where commands write: their answer to stdout, everything else to stderr.

An answer that cannot be written is an error of its own. A line for stderr that cannot be written is lost, and
does not change how the command ends.
"""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from exporter.common.errors import OutputFailed

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO


def write_output(content: str | Iterable[bytes]) -> None:
    """Write a command's answer to stdout, now and not at the end of the interpreter.

    Args:
        content: text, or pieces of bytes.

    Raises:
        OutputFailed: the reader has gone, the disk is full, or stdout is closed.
    """
    stdout = sys.stdout
    if stdout is None:
        raise OutputFailed("standard output", OSError(errno.EBADF, os.strerror(errno.EBADF)))
    if isinstance(content, str):
        content = (content.encode(stdout.encoding, errors="backslashreplace"),)
    try:
        for piece in content:
            rest = memoryview(piece)
            while rest:  # with PYTHONUNBUFFERED the buffer is none, and a write may be short
                rest = rest[stdout.buffer.write(rest) :]
        stdout.flush()
    except OSError as error:
        _discard(stdout)
        raise OutputFailed("standard output", error) from None


def tell(line: str) -> None:
    """Write a line to stderr, if that is possible."""
    if sys.stderr is None:  # closed; print() would use stdout instead
        return
    try:
        print(line, file=sys.stderr, flush=True)  # noqa: T201  (this is what it is for)
    except OSError:
        _discard(sys.stderr)


def settle_stderr() -> None:
    """Drop what stderr does not take: the interpreter would try again at its end, and exit with 120."""
    if sys.stderr is None:
        return
    try:
        sys.stderr.flush()
    except OSError:
        _discard(sys.stderr)


def _discard(stream: TextIO) -> None:
    """Let everything that is written to a stream, or waits in its buffer, go to /dev/null."""
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
