"""The thread that writes the log: what it loses, what it tells of it, and that nobody waits for it."""

from __future__ import annotations

import fcntl
import logging
import os
import resource
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from support.waiting import until

from exporter.common.log_writer import LogWriter, QueueOrDrop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Logged:
    """A logger whose lines a `LogWriter` writes.

    Attributes:
        lost: lines that were counted as lost.
    """

    def __init__(self, descriptor: int | None, limit: int = 100) -> None:
        self.lost = 0
        self.writer = LogWriter(descriptor, self._count, limit)
        self.handler = QueueOrDrop(self.writer)

    async def losses(self) -> int:
        return self.lost

    def _count(self) -> None:
        self.lost += 1

    def say(self, *lines: str, arguments: tuple[str, ...] = ()) -> None:
        for line in lines:
            self.handler.handle(logging.LogRecord("test", logging.INFO, "", 0, line, arguments, None))

    def start(self) -> None:
        self.writer.start_with(self.handler.format)


@contextmanager
def full_disk() -> Iterator[None]:
    """Not a byte more into any file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _loss(lines: int) -> str:
    return f"{lines} log lines were lost here: stderr could not be written, or was not read in time\n"


def test_lines_come_in_order_and_all_of_them_at_the_end() -> None:
    """What was logged before the end is written, though the writer had not begun."""
    read, write = os.pipe()
    logged = Logged(write)
    logged.say(*map(str, range(50)))
    logged.start()
    logged.writer.close()
    os.close(write)
    with os.fdopen(read) as written:
        assert written.read().split() == [str(number) for number in range(50)]
    assert logged.lost == 0


def test_what_finds_the_queue_full_is_lost_and_told() -> None:
    """Whoever logs goes on at once; the count stands where the lost lines would."""
    read, write = os.pipe()
    logged = Logged(write, limit=3)
    logged.say(*"abcdefg")
    assert logged.lost == 4
    logged.start()
    logged.writer.close()
    os.close(write)
    with os.fdopen(read) as written:
        assert written.read() == f"a\nb\nc\n{_loss(4)}"


async def test_a_full_disk_costs_lines_and_is_told_when_there_is_room(tmp_path: Path) -> None:
    """A line that was cut is not continued by the next one."""
    file = tmp_path / "log"
    with file.open("wb") as opened:
        logged = Logged(opened.fileno())
        logged.start()
        with full_disk():
            logged.say("first", "a long line", "another")
            await until(logged.losses, lambda lost: lost == 2)
        logged.say("last")
        logged.writer.close()
    assert file.read_text() == f"first\na lo\nlast\n{_loss(2)}"


def test_a_reader_that_has_gone_costs_lines_only() -> None:
    """So does a stderr that was closed before the start."""
    read, write = os.pipe()
    os.close(read)
    for descriptor in (write, None):
        logged = Logged(descriptor)
        logged.start()
        logged.say("a", "b")
        logged.writer.close()
        assert logged.lost == 2
    os.close(write)


def test_a_pipe_that_others_made_non_blocking_loses_nothing() -> None:
    """The writer waits for room."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    logged = Logged(write)
    logged.say("x" * 200_000, "end")
    logged.start()
    with os.fdopen(read) as written:
        assert written.readline() == "x" * 200_000 + "\n"
        assert written.readline() == "end\n"
    logged.writer.close()
    os.close(write)


def test_a_line_that_cannot_be_rendered_is_lost() -> None:
    """Nothing is raised where it is logged."""
    read, write = os.pipe()
    logged = Logged(write)
    logged.say("%d", arguments=("no number",))
    logged.start()
    logged.writer.close()
    assert logged.lost == 1
    os.close(read)
    os.close(write)


_CRASH = """
import sys
from exporter.common.logging import logging_in_background
with logging_in_background("info", sys.argv[1]):
    raise RuntimeError("made to fail")
"""


@pytest.mark.parametrize("form", ["json", "logfmt", "console"])
def test_an_error_that_nobody_expected_is_logged(form: str) -> None:
    """With its traceback, and the process fails."""
    done = subprocess.run([sys.executable, "-c", _CRASH, form], stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1
    assert b"RuntimeError: made to fail" in done.stderr
    assert (done.stderr.count(b"\n") == 1) == (form != "console")


def test_a_stalled_reader_does_not_keep_a_process_that_fails() -> None:
    """It ends though nobody takes its last words."""
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
    os.write(write, bytes(4096))
    done = subprocess.run([sys.executable, "-c", _CRASH, "json"], stderr=write, check=False, timeout=60)
    assert done.returncode == 1
    os.close(read)
    os.close(write)
