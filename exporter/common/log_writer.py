"""Writes log lines from a thread of its own, so that the event loop never waits for stderr.

Lines go through a bounded queue. What finds it full is lost, and so is what cannot be written: a log that
nobody reads, or whose disk is full, must not stop the exporter. What was lost is counted, and told as soon as
stderr takes lines again.
"""

from __future__ import annotations

import logging
import os
import select
from contextlib import suppress
from logging.handlers import QueueHandler
from queue import Full, Queue
from threading import Lock, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_LINES = 10_000
"""Lines that wait for stderr. A start with as many discovered pools logs this many at once."""

_FLUSH = 1.0
"""Seconds. How long the end of the process waits, twice at most, for lines that were not written yet."""

_BY_ITSELF = logging.getLogger(__name__)


class QueueOrDrop(QueueHandler):
    """Puts each line, rendered, into the writer's queue. It never waits, and never raises."""

    def __init__(self, writer: LogWriter) -> None:
        super().__init__(writer.lines)
        self._writer = writer

    def prepare(self, record: logging.LogRecord) -> str:
        """Render now: later, values may have changed; and a traceback would hold its frames until then."""
        return self.format(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802  (the name is logging's)
        """The queue is full, or the line cannot be rendered."""
        self._writer.lose()


class LogWriter:
    """Owns the queue and the thread that empties it. Not `QueueListener`: its `stop()` may wait for ever.

    Args:
        descriptor: where to write; None where stderr was closed before the start: then every line is lost.
        count_lost: called once for each line that is lost; from any thread.

    Attributes:
        lines: what is still to be written; None ends the thread.
    """

    def __init__(
        self, descriptor: int | None, count_lost: Callable[[], None], limit: int = MAX_LINES
    ) -> None:
        self.lines: Queue[str | None] = Queue(limit)
        self._descriptor = descriptor
        self._count_lost = count_lost
        self._lock = Lock()
        self._untold = 0
        self._cut = False
        # A daemon thread: the process can end while it is stuck in a write.
        self._thread = Thread(target=self._run, name="log", daemon=True)
        self._render: Callable[[logging.LogRecord], str] = str

    def start_with(self, render: Callable[[logging.LogRecord], str]) -> None:
        """Begin to write.

        Args:
            render: makes the line that tells what was lost.
        """
        self._render = render
        self._thread.start()

    def lose(self) -> None:
        """Count a line that will not be written."""
        with self._lock:
            self._untold += 1
        self._count_lost()

    def close(self) -> None:
        """Write what is in the queue, and end the thread; give up when stderr takes nothing for a while."""
        with suppress(Full):
            self.lines.put(None, timeout=_FLUSH)
            self._thread.join(_FLUSH)

    def _run(self) -> None:
        while (line := self.lines.get()) is not None:
            if not self._write(line):
                self.lose()
            elif self.lines.empty():  # what waits in the queue is older than what found it full
                self._tell()
        self._tell()

    def _tell(self) -> None:
        lost = self._untold
        if not lost:
            return
        text = "%d log lines were lost here: stderr could not be written, or was not read in time"
        record = _BY_ITSELF.makeRecord(_BY_ITSELF.name, logging.ERROR, __file__, 0, text, (lost,), None)
        if self._write(self._render(record)):
            with self._lock:
                self._untold -= lost

    def _write(self, line: str) -> bool:
        """Write a line; False if that failed. Past `sys.stderr`: its lock would be held by a stuck write."""
        if self._descriptor is None:
            return False
        # After a line that was cut by a full disk, the next one must not continue it.
        rest = memoryview(("\n" * self._cut + line + "\n").encode(errors="backslashreplace"))
        length = len(rest)
        try:
            while rest:
                try:
                    rest = rest[os.write(self._descriptor, rest) :]
                except BlockingIOError:  # somebody who shares stderr has made it non-blocking
                    select.select((), (self._descriptor,), ())
        except OSError:
            self._cut = self._cut or 0 < len(rest) < length
            return False
        self._cut = False
        return True
