"""The daemon when its log cannot be written, or is not read."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import re
import resource
import signal
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest
from support.cloud import KEY, PROJECT, REGION, jobs
from support.daemon_process import A
from support.fixed_pool import FixedPool
from support.waiting import until

from exporter.common.clock import SystemClock
from exporter.simulator.pools import Profile
from exporter.simulator.server import Simulator, serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_LOST = re.compile("^modelarts_exporter_log_lines_dropped_total [1-9]", re.MULTILINE)


@dataclass
class Logging:
    """A daemon that logs two lines a poll, ten polls a second."""

    simulator: Simulator
    process: asyncio.subprocess.Process

    async def asked(self, times: int) -> None:
        """Wait until it has sent so many more requests."""
        before = len(self.simulator.requests)

        async def more() -> int:
            assert self.process.returncode is None, "it has ended"
            return len(self.simulator.requests) - before

        await until(more, lambda count: count >= times)

    async def ended(self) -> int:
        """End it as a service manager does; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return await self.process.wait()


@asynccontextmanager
async def logging_to(stderr: int, *wrapper: str) -> AsyncIterator[Logging]:
    simulator = Simulator(SystemClock(), {PROJECT: [FixedPool(Profile(A), jobs(3))]}, keys=[KEY])
    async with serve(simulator) as endpoint:
        environment = {
            "PATH": os.environ["PATH"],
            "MODELARTS_EXPORTER_REGION": REGION,
            "MODELARTS_EXPORTER_PROJECT_ID": PROJECT,
            "MODELARTS_EXPORTER_POOLS": A,
            "MODELARTS_EXPORTER_ENDPOINT": endpoint,
            "MODELARTS_EXPORTER_POLL__INTERVAL": "100ms",
            "HUAWEICLOUD_SDK_AK": KEY.ak,
            "HUAWEICLOUD_SDK_SK": KEY.sk,
        }
        flags = ("--web.listen-address=127.0.0.1:0", "--log.level=debug", "--log.format=json")
        process = await asyncio.create_subprocess_exec(
            *(*wrapper, sys.executable, "-m", "exporter", *flags), stderr=stderr, env=environment
        )
        try:
            yield Logging(simulator, process)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


def _url(log: bytes) -> str:
    """Where it serves, from the first line of its log; requests to the cloud come after it."""
    [url] = re.findall(r"http://[0-9.]+:[0-9]+", log.decode().splitlines()[0])
    return str(url)


async def _get(url: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        assert answer.status == 200
        return await answer.text()


@pytest.mark.parametrize("wrapper", [(), ("sh", "-c", 'exec "$@" 2>&-', "sh")], ids=["full", "closed"])
async def test_a_log_that_can_never_be_written_is_no_reason_to_end(wrapper: tuple[str, ...]) -> None:
    """With a full disk, and with stderr closed, whose number no connection gets."""
    full = os.open("/dev/full", os.O_WRONLY)
    async with logging_to(full, *wrapper) as daemon:
        await daemon.asked(10)
        stderr = Path(f"/proc/{daemon.process.pid}/fd/2").readlink()
        assert stderr in {Path("/dev/full"), Path("/dev/null")}
        assert await daemon.ended() == 0
    os.close(full)


async def test_a_reader_that_goes_costs_lines_and_they_are_counted() -> None:
    """A pipe whose reader has ended; polling and serving go on."""
    read, write = os.pipe()
    async with logging_to(write) as daemon:
        os.close(write)
        url = _url(await asyncio.to_thread(os.read, read, 4096))
        os.close(read)
        await until(lambda: _get(f"{url}/metrics"), _LOST.search)
        await daemon.asked(10)
        assert await daemon.ended() == 0


async def test_a_stalled_reader_costs_nothing_else() -> None:
    """A pipe that nobody reads: scrapes, probes and polls go on, and SIGTERM ends the process."""
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
    async with logging_to(write) as daemon:
        os.close(write)
        url = _url(await asyncio.to_thread(os.read, read, 4096))
        await daemon.asked(60)
        assert "modelarts_pool_up" in await _get(f"{url}/metrics")
        assert await _get(f"{url}/-/healthy")
        assert await daemon.ended() == 0
    os.close(read)


async def test_a_disk_that_was_full_is_told_in_the_log(tmp_path: Path) -> None:
    """What was lost is one line, and every line is whole but for the one that the disk cut."""
    file = tmp_path / "log"
    with file.open("wb") as opened:
        async with logging_to(opened.fileno()) as daemon:
            await until(lambda: asyncio.to_thread(file.read_bytes), lambda text: b"serving" in text)
            url = _url(file.read_bytes())
            room = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
            await until(lambda: _get(f"{url}/metrics"), _LOST.search)
            resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, room)
            await until(lambda: asyncio.to_thread(file.read_text), lambda text: "log lines were lost" in text)
            assert await daemon.ended() == 0
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    [lost] = [line for line in lines if "log lines were lost" in line["event"]]
    assert lost["level"] == "error"
    assert lines[-1]["event"] == "stopping"


async def test_signals_during_the_start_are_kept(tmp_path: Path) -> None:
    """A SIGHUP long before the configuration is read is a reload, and a SIGTERM is an orderly end."""
    file = tmp_path / "log"
    with file.open("wb") as opened:
        async with logging_to(opened.fileno()) as daemon:
            await until(lambda: asyncio.to_thread(_holds, daemon.process.pid, signal.SIGHUP))
            daemon.process.send_signal(signal.SIGHUP)
            await until(
                lambda: asyncio.to_thread(file.read_text), lambda text: "configuration reloaded" in text
            )
            await daemon.asked(5)
            assert await daemon.ended() == 0
        async with logging_to(opened.fileno()) as daemon:
            await until(lambda: asyncio.to_thread(_holds, daemon.process.pid, signal.SIGTERM))
            assert await daemon.ended() == 0
    said = file.read_text()
    assert "Traceback" not in said
    assert "Unclosed" not in said


def _holds(process: int, number: int) -> bool:
    """Whether a process lets a signal wait, see proc(5)."""
    status = Path(f"/proc/{process}/status").read_text()
    [blocked] = re.findall(r"^SigBlk:\s*([0-9a-f]+)$", status, re.MULTILINE)
    return bool(int(blocked, 16) >> (number - 1) & 1)


async def test_debug_is_a_line_per_poll_and_per_request_and_shows_no_secret(tmp_path: Path) -> None:
    """Method, address, status, duration and attempt; neither key nor signature."""
    file = tmp_path / "log"
    with file.open("wb") as opened:
        async with logging_to(opened.fileno()) as daemon:
            await daemon.asked(8)
            assert await daemon.ended() == 0
            asked = [recorded for recorded in daemon.simulator.requests if recorded.endpoint == "workloads"]
    text = file.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    polls = [line for line in lines if line["event"] == "pool was polled"]
    requests = [line for line in lines if line.get("request", "").endswith(f"/pools/{A}/workloads")]
    assert abs(len(requests) - len(asked)) <= 1  # the last one may have been cancelled
    assert len(polls) >= len(requests) - 1
    assert requests[0].keys() >= {"status", "seconds", "attempt", "bytes"}
    assert polls[0].keys() >= {"pool", "outcome", "seconds"}
    for secret in (KEY.sk, KEY.ak, "Signature", "SDK-HMAC"):
        assert secret not in text
