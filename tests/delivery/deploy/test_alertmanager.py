"""deploy/alertmanager before amtool and the real Alertmanager: who is told, what of, and in which words."""

from __future__ import annotations

import json
import re
import subprocess
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from support.alerting import DEPLOY, open_inbox, running_alertmanager
from support.programs import program

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.long

FOLDER = DEPLOY / "alertmanager"
RUNBOOK = "https://example.com/runbooks/waits"


def amtool(*arguments: str) -> str:
    done = subprocess.run(
        [program("amtool"), *arguments], cwd=FOLDER, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_amtool_takes_the_configuration_with_its_templates() -> None:
    """Routes, receivers, inhibition, and the message templates are found and parsed."""
    said = amtool("check-config", "alertmanager.yml")
    assert "SUCCESS" in said
    assert " - 1 templates" in said
    assert "FAILED" not in said


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ("alertname=ModelArtsWorkloadWaitsTooLong severity=page pool=a", "page"),
        ("alertname=ModelArtsExporterDown severity=page", "page"),
        ("alertname=ModelArtsPoolUnreadable severity=ticket pool=a", "ticket"),
        ("alertname=ModelArtsSeriesOmitted severity=info pool=a", "info"),
        ("alertname=SomethingElse", "ticket"),
        ("alertname=SomethingElse severity=critical", "ticket"),
    ],
)
def test_the_severity_says_who_is_told(labels: str, receiver: str) -> None:
    """What has none, or one that is not known here, is a ticket: it is not lost and wakes nobody."""
    told = amtool("config", "routes", "test", "--config.file=alertmanager.yml", *labels.split())
    assert told.strip() == receiver


def test_every_alert_has_a_severity_that_is_routed() -> None:
    """Each severity of the rules is a receiver's name."""
    receivers = {
        each["name"] for each in yaml.safe_load((FOLDER / "alertmanager.yml").read_text())["receivers"]
    }
    assert {rule["labels"]["severity"] for rule in alerting_rules()} <= receivers


def test_every_alert_that_is_named_exists() -> None:
    """Nothing is inhibited, and nothing inhibits, that no rule tells of."""
    named = set(re.findall(r"ModelArts[A-Z]\w+", (FOLDER / "alertmanager.yml").read_text(encoding="utf-8")))
    assert named
    assert named <= {rule["alert"] for rule in alerting_rules()}


def alerting_rules() -> list[dict[str, Any]]:
    folder = DEPLOY / "prometheus"
    patterns = yaml.safe_load((folder / "prometheus.yml").read_text(encoding="utf-8"))["rule_files"]
    files = [file for pattern in patterns for file in folder.glob(pattern)]
    groups = [group for file in files for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


MUTING = {
    "an exporter that is down mutes what is its own": (
        {"alertname": "ModelArtsExporterDown", "severity": "page", "job": "m", "instance": "a"},
        {"alertname": "ModelArtsStateNotKept", "severity": "ticket", "job": "m", "instance": "a"},
        [
            {"alertname": "ModelArtsStateNotKept", "severity": "ticket", "job": "m", "instance": "b"},
            {"alertname": "ModelArtsWorkloadWaitsTooLong", "severity": "page", "pool": "p", "uid": "u"},
        ],
    ),
    "a pool that cannot be read mutes its tickets, no page, not another pool's": (
        {"alertname": "ModelArtsPoolUnreadable", "severity": "ticket", "pool": "p", "reason": "network"},
        {"alertname": "ModelArtsQueueHeadStuck", "severity": "ticket", "pool": "p", "uid": "u"},
        [
            {"alertname": "ModelArtsWorkloadWaitsTooLong", "severity": "page", "pool": "p", "uid": "v"},
            {"alertname": "ModelArtsDataStale", "severity": "page", "pool": "q"},
            {"alertname": "ModelArtsQueueHeadStuck", "severity": "ticket", "pool": "r", "uid": "u"},
            {"alertname": "ModelArtsPoolUnwell", "severity": "ticket", "pool": "p"},
            {"alertname": "ModelArtsDiscoveryFails", "severity": "ticket"},
            {"alertname": "ModelArtsCapacityUnreadable", "severity": "info"},
        ],
    ),
    "stale data mute a page on a workload": (
        {"alertname": "ModelArtsDataStale", "severity": "page", "pool": "p"},
        {"alertname": "ModelArtsWorkloadWaitsTooLong", "severity": "page", "pool": "p", "uid": "u"},
        [{"alertname": "ModelArtsWorkloadWaitsTooLong", "severity": "page", "pool": "q", "uid": "u"}],
    ),
    "stale data mute the queue, and neither that they are stale nor why": (
        {"alertname": "ModelArtsDataStale", "severity": "page", "pool": "p"},
        {"alertname": "ModelArtsWorkloadFitsButWaits", "severity": "ticket", "pool": "p"},
        [
            {"alertname": "ModelArtsPoolUnreadable", "severity": "ticket", "pool": "p", "reason": "network"},
            {"alertname": "ModelArtsPoolUnwell", "severity": "ticket", "pool": "p"},
        ],
    ),
    "a page mutes the ticket on the same workload": (
        {"alertname": "ModelArtsWorkloadWaitsTooLong", "severity": "page", "pool": "p", "uid": "u"},
        {"alertname": "ModelArtsQueueHeadStuck", "severity": "ticket", "pool": "p", "uid": "u"},
        [
            {"alertname": "ModelArtsQueueHeadStuck", "severity": "ticket", "pool": "p", "uid": "v"},
            {
                "alertname": "ModelArtsHighPriorityOvertaken",
                "severity": "ticket",
                "pool": "p",
                "type": "train",
            },
        ],
    ),
    "a page mutes information on the same pool": (
        {"alertname": "ModelArtsWorkloadWaitsTooLong", "severity": "page", "pool": "p", "type": "train"},
        {"alertname": "ModelArtsQueueGrows", "severity": "info", "pool": "p"},
        [
            {"alertname": "ModelArtsQueueGrows", "severity": "info", "pool": "q"},
            {"alertname": "ModelArtsFailuresSpike", "severity": "ticket", "pool": "p", "type": "train"},
        ],
    ),
    "what is not about ModelArts mutes nothing of it, and the other way round": (
        {"alertname": "ModelArtsWorkloadWaitsTooLong", "severity": "page", "pool": "p", "uid": "u"},
        {"alertname": "ModelArtsSeriesOmitted", "severity": "info", "pool": "p"},
        [
            {"alertname": "Other", "severity": "info", "pool": "p"},
            {"alertname": "Other", "severity": "page", "pool": "q"},
            {"alertname": "ModelArtsSeriesOmitted", "severity": "info", "pool": "q"},
        ],
    ),
}
"""What it shows -> an alert, one that it mutes, those that go through."""


async def test_what_follows_from_something_worse_is_muted_and_nothing_else(tmp_path: Path) -> None:
    """All cases at once, each in a region of its own; once what is to be muted is, nothing else is."""
    posted = [
        {"labels": {"region": case, "id": f"{role}: {case}", **labels}}
        for case, (cause, muted, others) in MUTING.items()
        for role, labels in [("cause", cause), ("muted", muted), *enumerate(others)]
    ]
    expected = {f"muted: {case}" for case in MUTING}
    async with open_inbox() as inbox, running_alertmanager(inbox, tmp_path) as alertmanager:
        await alertmanager.post(posted)
        assert await alertmanager.muting(expected) == expected


async def test_without_any_exporter_that_is_all_there_is_to_tell(tmp_path: Path) -> None:
    """ModelArtsExporterAbsent mutes everything else, of whatever pool or exporter."""
    absent = {"alertname": "ModelArtsExporterAbsent", "severity": "page", "job": "modelarts", "id": "absent"}
    others = [cause | {"region": case, "id": case} for case, (cause, _, _) in MUTING.items()]
    other = {"alertname": "Other", "severity": "info", "id": "other"}
    async with open_inbox() as inbox, running_alertmanager(inbox, tmp_path) as alertmanager:
        await alertmanager.post([{"labels": labels} for labels in (absent, *others, other)])
        assert await alertmanager.muting(set(MUTING)) == set(MUTING)


async def test_fifty_jobs_of_one_pool_are_one_short_message(tmp_path: Path) -> None:
    """The chat gets one message a pool: of each kind of alert the first five jobs, and how many more."""
    posted = [waits(number, "pool-a") for number in range(50)]
    posted += [{**waits(0, "pool-a"), "annotations": {"summary": "The queue grows", "runbook_url": RUNBOOK}}]
    posted[-1]["labels"] = {**posted[-1]["labels"], "alertname": "ModelArtsQueueGrows", "uid": ""}
    async with open_inbox() as inbox, running_alertmanager(inbox, tmp_path) as alertmanager:
        await alertmanager.post([*posted, waits(0, "pool-b")])
        large = await inbox.first(lambda message: message.form == "chat" and "pool-a" in str(message))
        small = await inbox.first(lambda message: message.form == "chat" and "pool-b" in str(message))
    [said] = large.body["attachments"]
    assert said["title"] == "[FIRING 51] pool-a: several alerts"
    assert said["text"].splitlines() == [
        f"*ModelArtsQueueGrows* {RUNBOOK}",
        "• The queue grows",
        f"*ModelArtsWorkloadWaitsTooLong* {RUNBOOK}",
        *(f"• job-{number:02} waits in pool-a" for number in range(5)),
        "… and 45 more",
    ]
    assert said["title_link"].endswith("/#/alerts?receiver=page&filter=%7Bpool%3D%22pool-a%22%7D")
    assert small.body["attachments"][0]["title"] == "[FIRING 1] pool-b: ModelArtsWorkloadWaitsTooLong"


def test_one_job_is_told_in_full() -> None:
    """Alone it has room for the description and the links."""
    assert rendered("text", [alert(0)]) == [
        "job-00 waits in pool-a",
        "Longer than 4 hours.",
        "Dashboard: https://grafana.example.com/d/modelarts-pool",
        f"What to do: {RUNBOOK}",
    ]


def test_what_users_name_is_no_markup() -> None:
    """A job called <!channel> calls nobody, alone or in a list; the links' ampersands are told likewise."""
    loud = alert(0)
    loud["annotations"] |= {
        "summary": "<!channel> & <@U1> wait",
        "description": "<!here>.",
        "dashboard": "https://grafana.example.com/d/modelarts-jobs?var-pool=a&var-type=<b>",
    }
    said = "&lt;!channel&gt; &amp; &lt;@U1&gt; wait"
    assert rendered("text", [loud])[:3] == [
        said,
        "&lt;!here&gt;.",
        "Dashboard: https://grafana.example.com/d/modelarts-jobs?var-pool=a&amp;var-type=&lt;b&gt;",
    ]
    assert rendered("text", [loud, alert(1)])[1] == f"• {said}"


def test_what_is_resolved_stands_below_what_is_not() -> None:
    """A group that changes tells both; once all is well, the message says so in its title and colour."""
    mixed = [alert(0), alert(1), alert(2, "resolved")]
    assert rendered("text", mixed) == [
        f"*ModelArtsWorkloadWaitsTooLong* {RUNBOOK}",
        "• job-00 waits in pool-a",
        "• job-01 waits in pool-a",
        "",
        "Resolved:",
        f"*ModelArtsWorkloadWaitsTooLong* {RUNBOOK}",
        "• job-02 waits in pool-a",
    ]
    assert rendered("title", mixed) == ["[FIRING 2] pool-a: ModelArtsWorkloadWaitsTooLong"]
    assert rendered("colour", mixed) == ["danger"]
    assert rendered("title", [alert(0, "resolved")]) == ["[RESOLVED] pool-a: ModelArtsWorkloadWaitsTooLong"]
    assert rendered("colour", [alert(0, "resolved")]) == ["good"]
    assert rendered("text", [alert(0, "resolved")]) == ["job-00 waits in pool-a"]


def waits(number: int, pool: str) -> dict[str, Any]:
    """An alert as Prometheus sends it."""
    return {
        "labels": {
            "alertname": "ModelArtsWorkloadWaitsTooLong",
            "severity": "page",
            "pool": pool,
            "uid": f"uid-{number:02}",
        },
        "annotations": {
            "summary": f"job-{number:02} waits in {pool}",
            "description": "Longer than 4 hours.",
            "dashboard": "https://grafana.example.com/d/modelarts-pool",
            "runbook_url": RUNBOOK,
        },
    }


def alert(number: int, status: str = "firing") -> dict[str, Any]:
    """The same as the templates see it."""
    return {"status": status, **waits(number, "pool-a")}


def rendered(template: str, alerts: list[dict[str, Any]]) -> list[str]:
    """The lines that a template makes of a group of alerts; amtool takes its data from a file only."""
    firing = any(each["status"] == "firing" for each in alerts)
    data = {
        "receiver": "page",
        "status": "firing" if firing else "resolved",
        "alerts": alerts,
        "groupLabels": {"pool": "pool-a"},
        "commonLabels": {"alertname": "ModelArtsWorkloadWaitsTooLong", "severity": "page"},
        "commonAnnotations": {},
        "externalURL": "http://127.0.0.1:9093",
    }
    with NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(data, file)
        file.flush()
        text = f'{{{{ template "modelarts.{template}" . }}}}'
        glob = "--template.glob=modelarts.tmpl"
        return amtool(
            "template", "render", glob, f"--template.text={text}", f"--template.data={file.name}"
        ).splitlines()
