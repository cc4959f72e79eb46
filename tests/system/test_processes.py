"""Faults of the exporter's own machine: a real process, real signals, real limits."""

from __future__ import annotations

import asyncio
import re
import resource
import shutil
import signal
import sqlite3
import sys
from contextlib import closing
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


async def test_a_state_file_that_is_deleted_is_made_anew(tmp_path: Path) -> None:
    """A failed write, then a new file: what a start would find is what the daemon shows."""
    state = tmp_path / "state.db"
    async with running(tmp_path, state=state) as daemon:
        await daemon.shows(up(A, 1), up(B, 1), _writes("ok"))
        state.unlink()
        failing = await daemon.shows(_writes("failed"))
        await until(daemon.metrics, lambda text: _written(text) > _written(failing))
        assert _pools(state) == {A, B}


async def test_a_busy_state_file_is_no_bad_configuration(tmp_path: Path) -> None:
    """Status 1, so that a service manager tries again; with status 2 it would stay down."""
    async with running(tmp_path, state=tmp_path / "state.db") as daemon:
        second = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "exporter", f"--config.file={daemon.config}"),
            "--web.listen-address=127.0.0.1:0",
            stderr=-1,
        )
        _, said = await second.communicate()
    assert second.returncode == 1
    assert said.decode() == (
        f"state.path: '{tmp_path / 'state.db'}' is in use by another exporter; give each a file of its own\n"
    )


def _pools(state: Path) -> set[str]:
    """The pools in a copy of a state file, taken while it is in use."""
    copied = state.with_name("copied.db")
    for suffix in ("", "-wal"):
        shutil.copy(f"{state}{suffix}", f"{copied}{suffix}")
    with closing(sqlite3.connect(copied)) as connection:
        return {pool for (pool,) in connection.execute("SELECT pool FROM pools")}


def _asked(daemon: Running) -> int:
    return sum(recorded.endpoint == "workloads" for recorded in daemon.simulator.requests)


def _writes(outcome: str) -> str:
    return rf'modelarts_exporter_state_writes_total\{{outcome="{outcome}"\}} [1-9]'


def _written(text: str) -> float:
    [count] = re.findall(r'^modelarts_exporter_state_writes_total\{outcome="ok"\} (\S+)$', text, re.MULTILINE)
    return float(count)
