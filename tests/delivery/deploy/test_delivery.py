"""From a stuck job to somebody's phone and back. Only the cloud and the phone are not the real ones."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from support.alerting import DEPLOY, TOKEN, open_inbox, running_alertmanager
from support.cloud import KEY, POOL, PROJECT, REGION
from support.fixed_pool import FixedPool
from support.programs import program
from support.running import configured_prometheus, listening

from exporter.common.clock import SystemClock
from exporter.simulator.pools import Profile
from exporter.simulator.server import Simulator, serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from support.alerting import Inbox

pytestmark = pytest.mark.long

ALERT = "ModelArtsWorkloadWaitsTooLong"
WAITED = 30 * 24 * 3600


def stuck_job() -> dict[str, Any]:
    """A job that waits for longer than any threshold, and matters."""
    return {
        "uid": "c3a9f2d4-41be-4d0e-8c36-9d2b6f1e7a58",
        "jobName": "pretrain-moe",
        "name": "modelarts-job-5f0c1d52",
        "jobUUID": "5f0c1d52",
        "type": "train",
        "status": "Pending",
        "priority": "3",
        "userName": "li.wei",
        "createTime": int(time.time() - WAITED) * 1000,
        "pendingDuration": WAITED,
        "pendingPosition": 1,
        "resourceRequirement": {"cpu": "768", "memory": "6144Gi", "huawei.com/ascend-1980": "32"},
    }


async def test_a_stuck_job_is_told_of_and_taken_back_when_it_starts(tmp_path: Path) -> None:
    """On-call service and chat hear of it with who, where and what to do; and again when it starts."""
    job = stuck_job()
    told = {"alertname": ALERT, "uid": job["uid"]}
    pool = FixedPool(Profile(POOL, name="Training"), [job])
    async with everything(pool, tmp_path) as inbox:
        firing = await inbox.first(lambda message: message.alert("firing", **told))
        chat = await inbox.first(lambda message: message.form == "chat" and job["jobName"] in str(message))
        pool.workloads = [{**job, "status": "Running", "runningDuration": 1, "pendingPosition": -1}]
        resolved = await inbox.first(lambda message: message.alert("resolved", **told))
        messages = [asdict(message) for message in inbox.messages]
        # Kept for whoever wants to see what arrives, and when: pytest --basetemp=FOLDER
        (tmp_path / "messages.json").write_text(json.dumps(messages, indent=2, ensure_ascii=False))

    assert firing.receiver == "page"
    assert firing.authorization == f"Bearer {TOKEN}"
    assert firing.body["groupLabels"] == {"region": REGION, "project_id": PROJECT, "pool": POOL}
    alert = firing.alert("firing", **told)
    assert alert is not None
    assert_names_the_job(alert, job)
    assert chat.receiver == "page"
    [said] = chat.body["attachments"]
    assert POOL in said["title"]
    assert alert["annotations"]["summary"] in said["text"]
    assert alert["annotations"]["runbook_url"] in said["text"]
    taken_back = resolved.alert("resolved", **told)
    assert taken_back is not None
    assert taken_back["labels"] == alert["labels"]
    assert taken_back["startsAt"] == alert["startsAt"] < taken_back["endsAt"]


def assert_names_the_job(alert: dict[str, Any], job: dict[str, Any]) -> None:
    expected = {"region": REGION, "project_id": PROJECT, "pool": POOL, "severity": "page"}
    expected |= {"job_name": job["jobName"], "type": "train", "priority": "3"}
    assert expected.items() <= alert["labels"].items()
    assert job["jobName"] in alert["annotations"]["summary"]
    assert "30d" in alert["annotations"]["summary"] + alert["annotations"]["description"]
    assert re.match(r"https?://.+", alert["annotations"]["runbook_url"])


@asynccontextmanager
async def everything(pool: FixedPool, folder: Path) -> AsyncIterator[Inbox]:
    """A simulated cloud with that pool, the exporter, Prometheus, Alertmanager, and whom it tells."""
    async with AsyncExitStack() as stack:
        inbox = await stack.enter_async_context(open_inbox())
        simulator = Simulator(SystemClock(), {PROJECT: [pool]}, keys=[KEY])
        endpoint = await stack.enter_async_context(serve(simulator))
        exporter = await stack.enter_async_context(running_exporter(endpoint, folder))
        alertmanager = await stack.enter_async_context(running_alertmanager(inbox, folder / "alertmanager"))
        config = hurried_prometheus(folder / "prometheus", exporter, alertmanager.url)
        await stack.enter_async_context(configured_prometheus(program("prometheus"), config))
        yield inbox


def running_exporter(endpoint: str, folder: Path) -> Any:
    """The command, as an operator starts it, on the one pool."""
    settings = {
        "poll": {"interval": "500ms"},
        "projects": [
            {
                "region": REGION,
                "project_id": PROJECT,
                "pools": [POOL],
                "endpoint": endpoint,
                "credentials": {"ak": KEY.ak, "sk": KEY.sk},
            }
        ],
    }
    config = folder / "exporter.yml"
    config.write_text(json.dumps(settings))  # JSON is YAML
    command = (sys.executable, "-m", "exporter", f"--config.file={config}")
    return listening(*command, env={"PATH": os.environ["PATH"]})


def hurried_prometheus(folder: Path, exporter: str, alertmanager: str) -> Path:
    """deploy/prometheus with other targets and every second; the one alert neither hesitates nor lingers."""
    shutil.copytree(DEPLOY / "prometheus", folder)
    for name, url in (("exporters", exporter), ("alertmanagers", alertmanager)):
        (folder / f"targets/{name}.yml").write_text(json.dumps([{"targets": [url.removeprefix("http://")]}]))
    config = folder / "prometheus.yml"
    settings = yaml.safe_load(config.read_text(encoding="utf-8"))
    settings["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config.write_text(yaml.safe_dump(settings))
    for file in (found for pattern in settings["rule_files"] for found in folder.glob(pattern)):
        rules = yaml.safe_load(file.read_text(encoding="utf-8"))
        for rule in (rule for group in rules["groups"] for rule in group["rules"]):
            if rule.get("alert") == ALERT:
                rule |= {"for": "0s", "keep_firing_for": "0s"}
        file.write_text(yaml.safe_dump(rules))
    return config
