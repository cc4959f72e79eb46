"""The daemon as one of several: what it shows of its share, and a share that changes."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from support.cloud import PROJECT, jobs
from support.daemon_process import A, B, C, running, up

from exporter.polling.selection import owner

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.long

POOLS = (A, B, C)
TOTAL = 4


def mine(index: int, total: int = TOTAL) -> list[str]:
    return [pool for pool in POOLS if owner(PROJECT, pool, total) == index]


BUSY = max(range(TOTAL), key=lambda index: len(mine(index)))
"""A shard that has pools, and leaves some to others."""
IDLE = min(range(TOTAL), key=lambda index: len(mine(index)))
"""One that has none."""


def share(index: int, total: int = TOTAL) -> dict[str, Any]:
    return {"shard": {"index": index, "total": total}}


def shown(text: str) -> set[str]:
    return set(re.findall(r'modelarts_pool_up\{.*pool="(.*?)"\}', text))


async def test_a_reload_with_another_share_moves_pools(tmp_path: Path) -> None:
    """Without a restart: what is other shards' goes with all its series, what is taken over comes."""
    assert mine(BUSY)
    assert not mine(IDLE)
    async with running(tmp_path) as daemon:
        daemon.write(list(POOLS))
        assert (await daemon.reload())[0] == 200
        await daemon.shows(*(up(pool, 1) for pool in POOLS), r'modelarts_exporter_shard\{index="0"\} 1.0')
        daemon.write(list(POOLS), **share(BUSY))
        assert (await daemon.reload())[0] == 200
        text = await daemon.metrics()
        assert shown(text) == set(mine(BUSY))
        assert not any(f'pool="{pool}"' in text for pool in POOLS if pool not in mine(BUSY))
        assert re.findall(r"^modelarts_exporter_shard.*", text, re.MULTILINE) == [
            f'modelarts_exporter_shard{{index="{BUSY}"}} 4.0'
        ]
        daemon.write(list(POOLS))
        assert (await daemon.reload())[0] == 200
        await daemon.shows(*(up(pool, 1) for pool in POOLS))


async def test_a_pool_that_comes_back_has_no_history(tmp_path: Path) -> None:
    """What was counted before it went is forgotten, and what happened meanwhile is not counted here."""
    moving = next(pool for pool in POOLS if pool not in mine(BUSY))
    created = rf'modelarts_pool_workloads_created_total\{{.*pool="{moving}".*type="train".*\}} '
    async with running(tmp_path, state=tmp_path / "state.db") as daemon:
        daemon.write(list(POOLS))
        assert (await daemon.reload())[0] == 200
        await daemon.shows(up(moving, 1))
        pool = next(one for one in daemon.simulator.projects[PROJECT] if one.profile.id == moving)
        new = jobs(9, createTime=int(time.time()) * 1000)
        pool.workloads = new[:5]  # type: ignore[attr-defined]  # a FixedPool
        await daemon.shows(created + "2")
        daemon.write(list(POOLS), **share(BUSY))
        assert (await daemon.reload())[0] == 200
        pool.workloads = new  # type: ignore[attr-defined]
        assert moving not in await daemon.metrics()
        daemon.write(list(POOLS))
        assert (await daemon.reload())[0] == 200
        text = await daemon.shows(up(moving, 1))
        assert not re.search(created + "[1-9]", text)


async def test_a_shard_without_pools_is_ready_and_says_why_it_has_none(tmp_path: Path) -> None:
    """It asks the cloud for nothing, and its page tells whose the pools are."""
    async with running(tmp_path) as daemon:
        daemon.write(list(POOLS), **share(IDLE))
        assert (await daemon.reload())[0] == 200
        daemon.simulator.requests.clear()
        async with daemon.session.get(f"{daemon.url}/-/ready") as answer:
            assert answer.status == 200
        async with daemon.session.get(f"{daemon.url}/") as answer:
            page = await answer.text()
        assert f"Shard {IDLE} of 4 (the first is 0): 0 of 3 pools." in page
        assert "No pool belongs to this shard." in page
        assert shown(await daemon.metrics()) == set()
        assert list(daemon.simulator.requests) == []


@pytest.mark.parametrize("command", ["check", "once"])
@pytest.mark.parametrize("index", [BUSY, IDLE])
async def test_check_and_once_poll_their_share(tmp_path: Path, command: str, index: int) -> None:
    """With exit status 0, also where there is nothing to poll; the table says how many are elsewhere."""
    async with running(tmp_path) as daemon:
        daemon.write(list(POOLS))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "exporter", command, f"--config.file={daemon.config}"),
            "--shard.total=4",
            stdout=-1,
            stderr=-1,
            env={"PATH": os.environ["PATH"], "POD_NAME": f"watch-{index}"},
        )
        said, errors = (text.decode() for text in await process.communicate())
    assert process.returncode == 0, errors
    assert {pool for pool in POOLS if pool in said} == set(mine(index))
    if command == "check":
        elsewhere = len(POOLS) - len(mine(index))
        assert f"shard {index} of 4 (the first is 0); other shards watch {elsewhere} of the pools" in said
        assert ("asking" in errors) == bool(mine(index))
    else:
        assert f'modelarts_exporter_shard{{index="{index}"}} 4.0' in said


async def test_a_state_file_of_another_share_counts_nothing_twice(tmp_path: Path) -> None:
    """What happened while another share was watched is not counted; with the same share it is."""
    totals = [total for total in range(2, 9) if owner(PROJECT, A, total) == owner(PROJECT, A, TOTAL)]
    assert TOTAL in totals
    same, other = TOTAL, next(total for total in totals if total != TOTAL)
    state: dict[str, Any] = {"state": {"path": str(tmp_path / "state.db")}}
    async with running(tmp_path) as daemon:
        pool = next(one for one in daemon.simulator.projects[PROJECT] if one.profile.id == A)
        new = jobs(9, createTime=int(time.time()) * 1000)
        created = []
        for listed, total in ((3, same), (5, same), (7, other), (8, other), (9, same)):
            daemon.write(list(POOLS), **share(owner(PROJECT, A, total), total), **state)
            pool.workloads = new[:listed]  # type: ignore[attr-defined]  # a FixedPool
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "exporter", "once", f"--config.file={daemon.config}"),
                stdout=-1,
                stderr=-1,
                env={"PATH": os.environ["PATH"]},
            )
            text = (await process.communicate())[0].decode()
            line = rf'^modelarts_pool_workloads_created_total\{{.*pool="{A}".*type="train".*\}} (\S+)$'
            created.append(re.findall(line, text, re.MULTILINE))
    assert created == [["0"], ["2"], ["0"], ["1"], ["0"]]
