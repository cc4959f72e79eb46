"""The file beside a state file that says whose it is, and whether it holds everything that was shown.

SQLite's own locks cannot say whose a state file is: a person who reads it holds one, too. So an exporter
locks `PATH.lock`, which nobody else does. The lock ends with the process.

The content of that file is one line. By it the next exporter knows whether the state file may be older than
what was shown last: after failed writes, after a power failure, or if it is a backup. Such a state is not
continued. Prometheus takes a counter that goes back for one that began at 0, and adds all of it once more.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Literal, NamedTuple
from uuid import uuid4

from exporter.common.errors import InUse, Problem

Standing = Literal["running", "behind", "closed"]
"""What was noted last. running: every write so far has succeeded. behind: some have not. closed: the exporter
has ended, and everything is in the file."""

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_LENGTH = 96
"""Bytes of the line, always: a line can be replaced on a full disk if it needs no more room."""


class _Note(NamedTuple):
    """The line: the token of the state file, the boot of the machine, and how things stand."""

    token: str
    boot: str
    standing: str


class Claim:
    """The right to write a state file. It lasts until `release`, or the end of the process."""

    def __init__(self, path: Path, file: int) -> None:
        self._path = path
        self._file = file
        self._previous = _parsed(os.pread(file, _LENGTH, 0))
        self.token = uuid4().hex

    @classmethod
    def take(cls, state: Path) -> Claim:
        """Take the right to write a state file.

        Raises:
            InUse: another exporter has it.
            OSError: the folder or the disk does not allow it.
        """
        path = state.with_name(state.name + ".lock")
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return cls(path, file)
        except BlockingIOError:
            os.close(file)
            what = f"'{state}' is in use by another exporter; give each a file of its own"
            raise InUse(Problem("state.path", what)) from None
        except BaseException:
            os.close(file)
            raise

    @property
    def held(self) -> bool:
        """Whether the locked file is still where others look for it."""
        try:
            there = self._path.stat()
        except OSError:
            return False
        return os.path.samestat(there, os.fstat(self._file))

    def doubt(self, token: str | None) -> str:
        """Why the state file may be older than what was shown last, as a clause; "" if it is not.

        Args:
            token: of the last exporter that wrote the state file; None if it has none.
        """
        if self._previous is None or token is None:
            return ""  # of an earlier release, or new
        if self._previous.token != token:
            return "it is not the file that was written last, but another one, such as a backup"
        if self._previous.standing == "behind":
            return "the last writes to it had failed"
        if self._previous.standing == "running" and self._previous.boot != _boot():
            return "the machine was not shut down properly, and the last writes may be missing"
        return ""

    def note(self, standing: Standing) -> None:
        """Note how things stand, for the next exporter.

        Raises:
            OSError: the disk does not allow it.
        """
        line = f"{self.token} {_boot()} {standing}".ljust(_LENGTH - 1) + "\n"
        os.pwrite(self._file, line.encode(), 0)
        if standing == "running":
            os.fsync(self._file)  # before anything is shown that a power failure could take back

    def release(self) -> None:
        """Let others have the state file."""
        os.close(self._file)


def _parsed(line: bytes) -> _Note | None:
    words = line.decode(errors="replace").split()
    return _Note(*words) if len(words) == len(_Note._fields) else None


def _boot() -> str:
    """Identifies the time since the machine was started; "-" where the system does not say."""
    try:
        return _BOOT_ID.read_text("ascii").strip() or "-"
    except (OSError, ValueError):
        return "-"
