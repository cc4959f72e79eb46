"""The exporter's own command on a fast clock: `python -m tools.soak.subject SPEED ORIGIN START FLAG...`.

On SIGUSR1 it writes one line of JSON about itself to stdout, see `Inside`.
"""

from __future__ import annotations

import asyncio
import ctypes
import signal
import sys
from dataclasses import replace
from functools import partial
from unittest.mock import patch

import msgspec

from exporter.__main__ import import_structlog_without_rich

import_structlog_without_rich()  # as the real command does

from exporter.cli import main as cli  # noqa: E402
from exporter.cli import run  # noqa: E402
from exporter.web.listener.connections import Limits  # noqa: E402
from exporter.web.listener.server import Server  # noqa: E402
from tools.soak.clock import FastClock  # noqa: E402


class Inside(msgspec.Struct):
    """What only the process itself can tell.

    Attributes:
        tasks: asyncio's.
        blocks: of memory that Python has handed out, for objects of any kind.
        used: bytes that the C library has handed out; what it holds beyond them is no leak, but scattered.
    """

    tasks: int
    blocks: int
    used: int


class _MallocInfo(ctypes.Structure):
    """mallinfo2(3)."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    )


def tell(*_: object) -> None:
    """Write a line.

    The garbage collector's objects are not counted: to list them would hand out tuples that another thread is
    still making, which CPython answers with a SystemError there.
    """
    inside = Inside(len(asyncio.all_tasks()), sys.getallocatedblocks(), _used())
    sys.stdout.buffer.write(msgspec.json.encode(inside) + b"\n")
    sys.stdout.buffer.flush()


def _used() -> int:
    mallinfo = ctypes.CDLL(None).mallinfo2
    mallinfo.restype = _MallocInfo
    info = mallinfo()
    return int(info.uordblks) + int(info.hblkhd)


def main() -> int:
    """Run the command; its exit status."""
    speed, origin, start = map(float, sys.argv[1:4])
    signal.signal(signal.SIGUSR1, tell)
    # The composition stays the command's own: only where it makes its clock, it gets this one. Clients live
    # in real seconds, so they get as many of the fast ones.
    with (
        patch.object(cli, "SystemClock", lambda: FastClock(speed, origin, start)),
        patch.object(run, "Server", partial(Server, limits=_patient(speed))),
    ):
        return cli.main(sys.argv[4:])


def _patient(speed: float) -> Limits:
    usual = Limits()
    return replace(
        usual,
        handshake=usual.handshake * speed,
        head=usual.head * speed,
        answer=usual.answer * speed,
        idle=usual.idle * speed,
    )


if __name__ == "__main__":
    sys.exit(main())
