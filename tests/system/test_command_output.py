"""Commands whose output cannot be written, and the file that `once` replaces."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING

import pytest
from support.independent_cloud import PROJECT, Cloud, command, serving
from support.programs import promtool_findings

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.long  # they start many programs

COMMANDS = ["once", "check", "--help", "--version", "--config.check"]
POOL = "pool-small-0123456789abcdef0123456789abcdef"
NO_SPACE = "modelarts-exporter: standard output cannot be written: No space left on device\n"


@pytest.fixture
def full() -> int:
    """A file on a disk without room."""
    return os.open("/dev/full", os.O_WRONLY)


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("name", COMMANDS)
async def test_a_full_disk_is_one_line_and_exit_1(full: int, name: str, unbuffered: str) -> None:
    """Whatever the command; no traceback, also not from the interpreter's own end."""
    async with serving(Cloud()) as endpoint:
        status, _, errors = await command(
            name, endpoint=endpoint, pools=POOL, stdout=full, PYTHONUNBUFFERED=unbuffered
        )
    assert status == 1
    assert errors.endswith(NO_SPACE)
    assert "Traceback" not in errors
    assert "rror:" not in errors


@pytest.mark.parametrize("name", COMMANDS)
async def test_a_reader_that_goes_is_the_end(name: str) -> None:
    """As with `head`: nothing is said, and the status is that of a program that SIGPIPE ends."""
    read, write = os.pipe()
    os.close(read)
    async with serving(Cloud()) as endpoint:
        status, _, errors = await command(name, endpoint=endpoint, pools=POOL, stdout=write)
    os.close(write)
    assert status == 141
    assert "cannot be written" not in errors
    assert "Traceback" not in errors
    assert "rror:" not in errors


@pytest.mark.parametrize("name", COMMANDS)
async def test_a_stderr_that_is_full_changes_no_answer_and_no_status(full: int, name: str) -> None:
    """Progress and log lines are lost; the answer is whole."""
    async with serving(Cloud()) as endpoint:
        status, answer, _ = await command(name, endpoint=endpoint, pools=POOL, stderr=full)
    assert status == 0
    assert answer


@pytest.mark.parametrize(
    ("arguments", "status"), [(["--log.level=loud"], 2), (["--loud"], 2), (["--help"], 0), (["--version"], 0)]
)
@pytest.mark.parametrize("closed", ["1", "2"])
def test_closed_streams_are_no_traceback(arguments: list[str], status: int, closed: str) -> None:
    """Without stdout there is no answer: that is a failure. What is for stderr never goes to stdout."""
    program = [sys.executable, "-m", "exporter", *arguments]
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}>&-', "sh", *program], capture_output=True, text=True, check=False
    )
    answers = status == 0
    assert done.returncode == (1 if closed == "1" and answers else status)
    assert bool(done.stdout) == (closed == "2" and answers)
    assert "Traceback" not in done.stderr


async def test_once_for_the_textfile_collector() -> None:
    """No objection of promtool, and nothing collides with node_exporter's own metrics."""
    async with serving(Cloud()) as endpoint:
        status, text, _ = await command("once", endpoint=endpoint, pools=POOL)
    assert status == 0
    assert promtool_findings(text.encode()) == ""
    names = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    assert {name.split("_")[0] for name in names} == {"modelarts"}
    assert not [name for name in names if "reload" in name or "dropped" in name]  # these are the daemon's


async def test_once_replaces_a_file(tmp_path: Path) -> None:
    """It has what stdout would have, everybody can read it, a link stays, and nothing is beside it."""
    target, link = tmp_path / "target.prom", tmp_path / "modelarts.prom"
    target.write_text("old")
    link.symlink_to(target)
    async with serving(Cloud()) as endpoint:
        status, printed, _ = await command("once", f"--output={link}", endpoint=endpoint, pools=POOL)
    assert (status, printed) == (0, "")
    assert link.is_symlink()
    up = f'modelarts_pool_up{{region="cn-north-4",project_id="{PROJECT}",pool="{POOL}"}} 1'
    assert up in target.read_text().splitlines()
    assert target.stat().st_mode & 0o777 == 0o644
    assert sorted(tmp_path.iterdir()) == [link, target]


async def test_a_file_that_cannot_be_replaced_is_one_line_and_exit_1(tmp_path: Path) -> None:
    """Its folder is missing."""
    output = tmp_path / "none" / "modelarts.prom"
    async with serving(Cloud()) as endpoint:
        status, _, errors = await command("once", f"--output={output}", endpoint=endpoint, pools=POOL)
    assert status == 1
    assert errors.endswith(f"modelarts-exporter: {output} cannot be written: No such file or directory\n")
    assert "Traceback" not in errors


async def test_one_look_says_nothing_of_what_only_several_can_show() -> None:
    """Counters, times in a status, and the queue's head are absent; with a state file, counters go on."""
    async with serving(Cloud()) as endpoint:
        _, text, _ = await command("once", endpoint=endpoint, pools=POOL)
    names = {line.partition("{")[0] for line in text.splitlines()}
    assert not [name for name in names if name.startswith("modelarts_pool_workloads_")]
    assert "modelarts_pool_queue_head_since_timestamp_seconds" not in names
    assert "modelarts_exporter_poll_interval_seconds" not in names
    creating = [line for line in text.splitlines() if 'type="train",status="Creating"' in line]
    [count] = [line for line in creating if line.startswith("modelarts_pool_workloads{")]
    assert not count.endswith(" 0")
    assert not [line for line in creating if line.startswith("modelarts_pool_longest_in_status_seconds{")]


async def test_counters_go_on_in_a_state_file(tmp_path: Path) -> None:
    """From one call of `once` to the next, as over a restart."""
    again = partial(command, "once", pools=POOL, MODELARTS_EXPORTER_STATE__PATH=str(tmp_path / "state"))
    async with serving(Cloud()) as endpoint:
        await again(endpoint=endpoint)
        _, text, _ = await again(endpoint=endpoint)
    assert "modelarts_pool_workloads_created_total{" in text
    assert "modelarts_pool_queue_head_since_timestamp_seconds{" in text
