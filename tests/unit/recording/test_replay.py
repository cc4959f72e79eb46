"""A recording of the demo's cloud, replayed: the same metrics, but for the stand-ins and the date."""

from __future__ import annotations

import re
import stat
from collections import Counter
from typing import TYPE_CHECKING

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.recordings import RECORDED, REPLAYED, exposition, recorded, replayed, still_cloud

from exporter.common.errors import ConfigurationError
from exporter.recording.folder import prepare, read
from exporter.recording.stand_ins import StandIns

if TYPE_CHECKING:
    from pathlib import Path

STAND_INS = {
    *("region", "project_id", "pool", "pool_name", "parent"),
    *("uid", "name", "job_name", "job_uuid", "user"),
}
"""Labels whose values are stand-ins."""

TIMES = {
    "modelarts_pool_last_success_timestamp_seconds",
    "modelarts_pool_queue_head_since_timestamp_seconds",
    "modelarts_pool_next_scheduled_event_timestamp_seconds",
    "modelarts_workload_created_timestamp_seconds",
}


def samples(text: str, shift: float) -> Counter[tuple[str, tuple[tuple[str, str], ...], float]]:
    """The pools' and workloads' samples without the labels that are stand-ins, and with dates moved back."""
    found: Counter[tuple[str, tuple[tuple[str, str], ...], float]] = Counter()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if not sample.name.startswith(("modelarts_pool_", "modelarts_workload_")):
                continue
            labels = tuple(sorted(pair for pair in sample.labels.items() if pair[0] not in STAND_INS))
            value = sample.value - shift if sample.name in TIMES else sample.value
            found[sample.name, labels, round(value, 3)] += 1
    return found


async def test_the_replay_shows_what_the_daemon_showed(tmp_path: Path) -> None:
    """Every family of pools and workloads, every value; creation times are as long ago as they were."""
    async with still_cloud() as (_, settings):
        direct = await exposition(settings, RECORDED)
        assert await recorded(settings, tmp_path / "recording") == 0
    async with replayed(tmp_path / "recording") as settings:
        again = await exposition(settings, REPLAYED)

    before, after = samples(direct, 0.0), samples(again, REPLAYED - RECORDED)
    assert len(before) > 1000
    assert before == after
    for name in ("li.wei", "pretrain-moe-too-large", "研究", "7c1e0a94", "cn-north-4"):
        assert name in direct
        assert name not in again


async def test_the_same_uid_has_the_same_stand_in_in_every_answer(tmp_path: Path) -> None:
    """A pool's ID in paths, lists, metrics and namespaces; a node's address; and no two share one."""
    async with still_cloud() as (cloud, settings):
        await recorded(settings, tmp_path / "recording")
        await recorded(settings, tmp_path / "again")
        uids = [str(job.submission.uid) for pool in cloud.pools for job in pool.cluster.jobs]

    recording = read(tmp_path / "recording")
    by_endpoint: dict[str, set[str]] = {}
    for answer in recording.answers:
        by_endpoint.setdefault(answer.endpoint, set()).add(answer.pool)
    listed = [item for answer in recording.answers if answer.endpoint == "pools" for item in answer.items]
    pools = {item["metadata"]["name"] for item in listed}
    assert pools == by_endpoint["workloads"] == by_endpoint["nodes"] == by_endpoint["statistics"]
    assert pools == set(recording.index.projects[0].pools)
    workloads = [
        item for answer in recording.answers if answer.endpoint == "workloads" for item in answer.items
    ]
    assert {item["namespace"] for item in workloads} <= pools
    assert len({item["uid"] for item in workloads}) == len(uids)
    for item in workloads:
        if item["name"].startswith("modelarts-job-"):
            assert item["name"] == f"modelarts-job-{item['jobUUID']}"
    nodes = [item for answer in recording.answers if answer.endpoint == "nodes" for item in answer.items]
    addresses = {node["status"]["privateIp"] for node in nodes}
    used = {ip for item in workloads for ip in item.get("hostIps", "").split(",") if ip}
    assert used
    assert used <= addresses
    # Another recording has another key.
    assert not pools & set(read(tmp_path / "again").index.projects[0].pools)


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("5f3e1c1e-93ab-4f0e-8f57-1c5f6a0b9e21", r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        ("0d3f8a61c92b4e57a1f6c8e25b7d9042", r"[0-9a-f]{32}"),
        ("192.168.0.11", r"10(\.[0-9]{1,3}){3}"),
        ("192.168.0.11,192.168.0.12", r"10(\.[0-9]{1,3}){3},10(\.[0-9]{1,3}){3}"),
        ("fe80::1:2", r"fd[0-9a-f:]+"),
        ("modelarts-job-5f3e1c1e-93ab-4f0e-8f57-1c5f6a0b9e21", r"modelarts-job-[0-9a-f]{8}-[0-9a-f-]{27}"),
        ("pool-our-research-7c1e0a94b5d24f3e8a6d90c2f1b37e45", r"pool-[0-9a-f-]{45}"),
        ("li.wei", r"anon-[0-9a-f]{12}"),
        ("192.168.0.11:8080", r"anon-[0-9a-f]{12}"),
        ("a name that is longer than most names are", r"anon-[0-9a-f]{36}"),
    ],
)
def test_stand_ins_keep_the_shape(text: str, shape: str) -> None:
    """And the same text has the same one; with another key it has another."""
    stand_ins = StandIns(b"key")
    made = stand_ins.text(text)
    assert re.fullmatch(shape, made)
    assert stand_ins.text(text) == made == StandIns(b"key").text(text)
    assert StandIns(b"other").text(text) != made


def test_no_two_numbers_share_a_stand_in() -> None:
    """Even where there are hardly more stand-ins than numbers; of texts and addresses it is the same."""
    stand_ins = StandIns(b"key")
    made = [stand_ins.number(number) for number in range(2, 10)]
    assert len(set(made)) == 8
    assert all(1 <= number <= 9 for number in made)


async def test_files_are_their_owners_alone(tmp_path: Path) -> None:
    """The folder, too, where the command makes it."""
    async with still_cloud() as (_, settings):
        await recorded(settings, tmp_path / "recording")
    for path in (tmp_path / "recording", *(tmp_path / "recording").iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


async def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    """Before the cloud is asked; nothing in it is touched."""
    (tmp_path / "mine").write_text("precious")
    async with still_cloud() as (cloud, settings):
        asked = len(cloud.simulator.requests)
        with pytest.raises(ConfigurationError, match="is not empty; give a folder that is new or empty"):
            await recorded(settings, tmp_path)
        assert len(cloud.simulator.requests) == asked
    assert [path.read_text() for path in tmp_path.iterdir()] == ["precious"]


@pytest.mark.parametrize("name", ["no/such/parent", "file", "file/below"])
def test_a_folder_that_cannot_be_made_is_one_problem(tmp_path: Path, name: str) -> None:
    """With the reason."""
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"^record: .* cannot be used: "):
        prepare(tmp_path / name)


@pytest.mark.parametrize("content", [None, "", "{}", '{"version": 2}', "[" * 9000])
def test_what_is_no_recording_is_one_problem(tmp_path: Path, content: str | None) -> None:
    """A missing folder, or files of another form."""
    if content is not None:
        (tmp_path / "recording.json").write_text(content)
    with pytest.raises(ConfigurationError, match=r"^--replay: .* is no recording: .*; give a folder"):
        read(tmp_path)


async def test_the_report_tells_of_the_unknowns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same is printed, with a line for each file before it is written."""
    async with still_cloud() as (_, settings):
        await recorded(settings, tmp_path / "recording")
    report, printed = (tmp_path / "recording" / "report.md").read_text(), capsys.readouterr().out
    for told in (
        "whether positions start at 0 or 1: base 1: ",
        "whether total is there, and the full count: there; the last one is 413, 413 workloads were listed",
        "in which order workloads are listed: by createTime, oldest first, as asked",
        "workloads of the same millisecond: 0 workloads share their createTime",
        "how long finished jobs stay listed: 376 are listed; the oldest was created 12.5 h before",
        "whether namespace is the pool's ID: of 413 workloads it is the pool's ID",
        "pages of the listing: offset 0: 413 of 413",
        "the names of queueing strategies: simulator-fifo",
        "capacity has huawei.com/ascend-310, requests have huawei.com/ascend-310, nvidia.com/gpu",
        "how many requests the cloud allows: 0 of 18 answers were 429",
    ):
        assert f"{told}" in report, told
        assert f"{told}" in printed, told
    for path in (tmp_path / "recording").glob("0*.json"):
        assert f"{path.name}  status 200" in printed


async def test_unknown_paths_are_not_found(tmp_path: Path) -> None:
    """The replayed cloud has only what was asked when it was recorded."""
    async with still_cloud() as (_, settings):
        await recorded(settings, tmp_path / "recording")
    async with replayed(tmp_path / "recording") as settings, aiohttp.ClientSession() as session:
        endpoint = settings.projects[0].endpoint
        for path in ("/", "/v2/other/pools", "/%00"):
            async with session.get(endpoint + path) as answer:
                assert answer.status == 404, path
