"""The exporter as a process of its own, and what Linux tells of it."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tools.soak.subject import Inside

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tools.soak.clock import FastClock

_TESTS = Path(__file__).parents[2]
_SERVING = re.compile(r"addresses=\"?(http://[0-9.:]+)")
_BLOCK = 512
"""Bytes; what st_blocks counts in."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The process at one moment.

    Attributes:
        at: seconds of the fast clock since its beginning.
        rss: bytes resident.
        pss: bytes resident, of what is shared with other processes only its part.
        descriptors: open files.
        threads: of the system.
        inside: what the process itself tells.
        series: on /metrics.
        state: bytes of the state file and of what belongs to it.
        cpu: seconds that it computed so far.
    """

    at: float
    rss: int
    pss: int
    descriptors: int
    threads: int
    inside: Inside
    series: int
    state: int
    cpu: float


class Subject:
    """The running exporter.

    Attributes:
        url: where it serves.
        pid: of the process.
    """

    def __init__(self, process: asyncio.subprocess.Process, url: str, folder: Path, clock: FastClock) -> None:
        self.url = url
        self.pid = process.pid
        self._process = process
        self._folder = folder
        self._clock = clock

    @property
    def ended(self) -> bool:
        """Whether it is no more, which it never should be."""
        return self._process.returncode is not None

    def stop(self) -> None:
        """Stop the process as it stands; nothing in it notices."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it run on."""
        self._process.send_signal(signal.SIGCONT)

    async def sample(self, series: int) -> Sample:
        """Look at it."""
        assert self._process.stdout is not None
        self._process.send_signal(signal.SIGUSR1)
        inside = msgspec.json.decode(await self._process.stdout.readline(), type=Inside)
        proc = Path(f"/proc/{self.pid}")
        cpu = sum(map(int, (proc / "stat").read_text("ascii").rpartition(")")[2].split()[11:13]))
        return Sample(
            at=self._clock.monotonic(),
            rss=_kilobytes(proc / "status", "VmRSS"),
            pss=_kilobytes(proc / "smaps_rollup", "Pss"),
            descriptors=len(os.listdir(proc / "fd")),  # noqa: PTH208  (a Path for each would be waste)
            threads=len(os.listdir(proc / "task")),  # noqa: PTH208
            inside=inside,
            series=series,
            state=sum(file.stat().st_blocks * _BLOCK for file in self._folder.glob("state.db*")),
            cpu=cpu / os.sysconf("SC_CLK_TCK"),
        )


@asynccontextmanager
async def started(config: Path, clock: FastClock) -> AsyncIterator[Subject]:
    """The exporter with this configuration; its log and its state file are in the same folder.

    Raises:
        RuntimeError: it ends instead of serving.
    """
    folder = config.parent
    log = folder / "log"
    with log.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            *(
                sys.executable,
                "-m",
                "tools.soak.subject",
                str(clock.speed),
                str(clock.origin),
                str(clock.start),
            ),
            *(f"--config.file={config}", "--web.listen-address=127.0.0.1:0", "--web.enable-lifecycle"),
            stdout=-1,
            stderr=stderr,
            # Nobody's settings and credentials; Python's own way of using memory.
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(_TESTS), "HOME": str(folder), "NO_PROXY": "*"},
        )
    try:
        while not (found := _SERVING.search(log.read_text("utf-8"))):
            if process.returncode is not None:
                raise RuntimeError(log.read_text("utf-8"))
            await asyncio.sleep(0.05)
        yield Subject(process, found[1], folder, clock)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGCONT)
            process.terminate()
        await process.wait()


def _kilobytes(file: Path, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", file.read_text("ascii"), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024
