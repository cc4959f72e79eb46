"""Faults of the exporter's own machine: a real process, real signals, real limits."""

from __future__ import annotations

import re
import resource
import signal
from typing import TYPE_CHECKING

import aiohttp
import pytest
from support.daemon_process import A, B, running, up
from support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from support.daemon_process import Running

_FULL = (0, resource.RLIM_INFINITY)
"""Not a byte more into any file, as on a full disk."""

_ROOM = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


async def test_a_process_that_was_stopped_goes_on(tmp_path: Path) -> None:
    """SIGSTOP silences it; after SIGCONT it polls both pools as if nothing had been."""
    async with running(tmp_path) as daemon:
        await daemon.shows(up(A, 1), up(B, 1))
        daemon.process.send_signal(signal.SIGSTOP)
        with pytest.raises(TimeoutError):
            await daemon.session.get(f"{daemon.url}/metrics", timeout=aiohttp.ClientTimeout(total=1))
        polled = _asked(daemon)
        daemon.process.send_signal(signal.SIGCONT)
        await until(lambda: daemon.shows(up(A, 1), up(B, 1)), lambda _: _asked(daemon) >= polled + 10)
        assert await daemon.status("/-/healthy") == 200


async def test_a_full_disk_costs_the_state_and_nothing_else(tmp_path: Path) -> None:
    """Pools stay up and a counter tells of failed writes; with room again they succeed, without a restart."""
    async with running(tmp_path, state=tmp_path / "state") as daemon:
        await daemon.shows(up(A, 1), up(B, 1), _writes("ok"))
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, _FULL)
        failing = await daemon.shows(_writes("failed"))
        polled = _asked(daemon)
        await until(lambda: daemon.shows(up(A, 1), up(B, 1)), lambda _: _asked(daemon) >= polled + 10)
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, _ROOM)
        before = _written(failing)
        await until(lambda: daemon.shows(up(A, 1), up(B, 1)), lambda text: _written(text) > before)


def _asked(daemon: Running) -> int:
    return sum(recorded.endpoint == "workloads" for recorded in daemon.simulator.requests)


def _writes(outcome: str) -> str:
    return rf'modelarts_exporter_state_writes_total\{{outcome="{outcome}"\}} [1-9]'


def _written(text: str) -> float:
    [count] = re.findall(r'^modelarts_exporter_state_writes_total\{outcome="ok"\} (\S+)$', text, re.MULTILINE)
    return float(count)
