"""`record` and `demo --replay` as their users start them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families
from support.independent_cloud import AK, LARGE, PROJECT, SK, Cloud, command, serving
from support.running import running_demo
from support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path


def workloads(text: str) -> list[tuple[str, str, float]]:
    """Type, status and number of the workloads of all pools."""
    return sorted(
        (sample.labels["type"], sample.labels["status"], sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "modelarts_pool_workloads"
    )


async def test_record_and_replay(tmp_path: Path) -> None:
    """The listing of several pages too; no key, ID or address of the cloud is written or printed."""
    cloud, folder = Cloud(), tmp_path / "recording"
    async with serving(cloud) as endpoint:
        _, direct, _ = await command("once", endpoint=endpoint)
        status, printed, errors = await command("record", str(folder), endpoint=endpoint)
    assert status == 0, errors
    assert "of 1500" in printed
    assert "overlapping pages begin with the workload that stood at their offset" in printed
    written = printed + "".join(path.read_text() for path in folder.iterdir())
    for secret in (
        AK,
        SK,
        PROJECT,
        LARGE,
        endpoint.removeprefix("http://"),
        cloud.jobs[LARGE][0].item["uid"],
    ):
        assert secret not in written

    async with running_demo(f"--replay={folder}") as demo:

        async def shown() -> list[tuple[str, str, float]]:
            return workloads((await demo.get("/metrics"))[1].decode())

        await until(shown, lambda again: again == workloads(direct))


async def test_a_folder_that_holds_something(tmp_path: Path) -> None:
    """One line and exit 2, and no request."""
    (tmp_path / "mine").touch()
    status, printed, errors = await command("record", str(tmp_path), endpoint="http://127.0.0.1:1")
    assert (status, printed) == (2, "")
    assert errors == f"record: '{tmp_path}' is not empty; give a folder that is new or empty\n"


async def test_a_cloud_that_does_not_answer(tmp_path: Path) -> None:
    """Exit 1; the recording says so, and a replay is possible."""
    status, printed, errors = await command("record", str(tmp_path / "new"), endpoint="http://127.0.0.1:1")
    assert status == 1
    assert "no answer (connection)" in printed
    assert "Traceback" not in errors


async def test_a_replay_of_nothing(tmp_path: Path) -> None:
    """One line and exit 2."""
    status, _, errors = await command("demo", f"--replay={tmp_path}", endpoint="http://127.0.0.1:1")
    assert status == 2
    assert errors.startswith(f"--replay: '{tmp_path}' is no recording: ")
    assert errors.count("\n") == 1
