"""Starts the exporter and its peers, each a process of its own, and reads its CPU time and memory."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import msgspec

from tools.bench.data import PROJECT
from tools.bench.stopwatch import Figures

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tools.bench.data import Size

PUSHGATEWAY = "prometheus-pushgateway"

_TESTS = Path(__file__).parents[2]
_ADDRESS = re.compile(r"addresses=\"?(http://[0-9.:]+)")
_STARTING = 60.0
_CPUCLOCK_SCHED = 2


class DidNotStart(Exception):
    """A program that is to be measured does not run; the message is its own last words."""


class Running:
    """A process that is measured."""

    def __init__(self, process: subprocess.Popen[bytes], url: str = "") -> None:
        self.process = process
        self.url = url

    def cpu(self) -> float:
        """Seconds of CPU so far, of all its threads, to the nanosecond (see clock_getcpuclockid(3))."""
        return time.clock_gettime((~self.process.pid << 3) | _CPUCLOCK_SCHED)

    def rss(self) -> int:
        """Bytes resident."""
        status = Path(f"/proc/{self.process.pid}/status").read_text("ascii")
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) * 1024

    def settle(self, quiet: float = 0.06) -> None:
        """Wait until it does nothing any more, but for the beats of a stopwatch.

        Looks only at its CPU clock, so it is not disturbed.
        """
        before = -1.0
        while (now := self.cpu()) - before > quiet / 10:
            before = now
            time.sleep(quiet)

    def figures(self) -> Figures:
        """What a stopwatch says since the last time."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        return msgspec.json.decode(self.process.stdout.readline(), type=Figures)


class Pages(Running):
    """The process that serves the pages."""

    def control(self, command: str) -> dict[str, int]:
        """Open or close the gate, let one poll step through it, or just look."""
        with urlopen(f"{self.url}/control/{command}", timeout=60) as answer:  # noqa: S310  (our own server)
            return msgspec.json.decode(answer.read(), type=dict[str, int])


@contextmanager
def pages(size: Size) -> Iterator[Pages]:
    """Serve so many workloads."""
    command = [sys.executable, "-m", "tools.bench.pages", str(size.pools), str(size.each)]
    with _ended(subprocess.Popen(command, env=_environment(), stdout=subprocess.PIPE)) as process:
        assert process.stdout is not None
        yield Pages(process, process.stdout.readline().decode().strip())


@contextmanager
def exporter(
    pages: Pages,
    size: Size,
    series: str,
    *,
    interval: float = 0.02,
    stopwatch: Sequence[str] | None = None,
    listen: str = "127.0.0.1:0",
    announced: bool = True,
) -> Iterator[Running]:
    """The exporter.

    Args:
        pages: what it polls.
        size: of that.
        series: which workloads get series of their own; there is no limit.
        interval: seconds.
        stopwatch: flags of `bench.stopwatch`; None for the exporter's own command.
        listen: the address.
        announced: wait until it tells its address; else nothing is waited for, and the url is empty.
    """
    config = {
        "poll": {
            "interval": f"{round(interval * 1000)}ms",
            "timeout": "1h",
            "stale_after": "1d",
            "requests_per_second": 1e6,
        },
        "workloads": {"series": series, "limit": size.each},
        "web": {"listen_address": [listen]},
        "projects": [
            {
                "region": "cn-north-4",
                "project_id": PROJECT,
                "endpoint": pages.url,
                "pools": size.ids,
                "credentials": {"ak": "AK", "sk": "SK"},
            }
        ],
    }
    with TemporaryDirectory() as folder:
        file = Path(folder, "config.yml")
        file.write_text(json.dumps(config), "utf-8")
        if stopwatch is None:
            command = [str(Path(sys.executable).with_name("modelarts-exporter"))]
        else:
            command = [sys.executable, "-m", "tools.bench.stopwatch", *stopwatch]
        with _started([*command, f"--config.file={file}"], folder, announced=announced) as running:
            yield running


@contextmanager
def script(pages: Pages, size: Size, series: str) -> Iterator[Running]:
    """The script that a user would write."""
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tools.bench.script", pages.url, series, ",".join(size.ids)]
        with _started(command, folder) as running:
            yield running


@contextmanager
def collector(size: Size, series: str) -> Iterator[Running]:
    """prometheus_client's custom collector over the same data."""
    with (
        TemporaryDirectory() as folder,
        _started([sys.executable, "-m", "tools.bench.collector", series, str(size.each)], folder) as running,
    ):
        yield running


@contextmanager
def pushgateway(exposition: bytes) -> Iterator[Running]:
    """Debian's Pushgateway, which holds an exposition of ours.

    Raises:
        DidNotStart: it is not installed, or refuses the exposition.
    """
    if not shutil.which(PUSHGATEWAY):
        raise DidNotStart(f"{PUSHGATEWAY} is not installed")
    with socket.create_server(("127.0.0.1", 0)) as found:
        address = f"127.0.0.1:{found.getsockname()[1]}"
    command = [PUSHGATEWAY, f"--web.listen-address={address}", "--log.level=error"]
    with _ended(subprocess.Popen(command, stderr=subprocess.DEVNULL)) as process:
        url = f"http://{address}"
        _answers(f"{url}/-/ready", process)
        push = Request(f"{url}/metrics/job/bench", data=_pushable(exposition), method="PUT")  # noqa: S310
        try:
            with urlopen(push, timeout=120):  # noqa: S310  (our own server)
                pass
        except HTTPError as error:
            raise DidNotStart(f"{PUSHGATEWAY} refuses: {error.read().decode()[:200]}") from error
        yield Running(process, url)


def _pushable(exposition: bytes) -> bytes:
    """The pools' families alone; process_* and the like it has itself, and refuses with other HELP texts."""
    ours = (b"modelarts_", b"# HELP modelarts_", b"# TYPE modelarts_")
    return b"".join(line for line in exposition.splitlines(keepends=True) if line.startswith(ours))


@contextmanager
def _started(command: list[str], folder: str, *, announced: bool = True) -> Iterator[Running]:
    """A process that tells its address on stderr. `folder` is its home too: Huawei's SDK writes there."""
    log = Path(folder, "stderr")
    with (
        log.open("wb") as stderr,
        _ended(
            subprocess.Popen(
                command,
                env=_environment() | {"HOME": folder},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
            )
        ) as process,
    ):
        yield Running(process, _address(log, process) if announced else "")


def _address(log: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + _STARTING
    while not (found := _ADDRESS.search(log.read_text("utf-8"))):
        if process.poll() is not None or time.monotonic() > deadline:
            raise DidNotStart(log.read_text("utf-8")[-500:])
        time.sleep(0.01)
    return found[1]


def _answers(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _STARTING
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urlopen(url, timeout=5):  # noqa: S310  (our own server)
                return
        except (URLError, OSError):
            time.sleep(0.01)
    raise DidNotStart(f"nobody answers at {url}")


@contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()


def _environment() -> dict[str, str]:
    """Ours without the settings of any exporter; a thousand pools may need as many connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8192)), hard))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MODELARTS_EXPORTER_")}
    return kept | {"PYTHONPATH": str(_TESTS), "NO_PROXY": "*"}
