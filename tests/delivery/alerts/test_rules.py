"""The alerts: taken by promtool, tried in its tests, true to the exporter's metrics, with a runbook each."""

from __future__ import annotations

import json
import re
import subprocess
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.exposed import metrics
from support.programs import program

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "deploy/prometheus"
RUNBOOKS = ROOT / "docs/runbooks"
RUNBOOK_BASE = "https://github.com/modelarts-exporter/modelarts-exporter/blob/main/docs/runbooks/"
SEVERITIES = {"page", "ticket", "info"}


def documents(folder: str) -> dict[str, Any]:
    return {
        path.name: yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)  # in C, for it is much
        for path in sorted((FOLDER / folder).glob("*.yml"))
    }


RULES = [
    rule
    for document in documents("rules").values()
    for group in document["groups"]
    for rule in group["rules"]
]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
RECORDS = {rule["record"]: rule["expr"] for rule in RULES if "record" in rule}
TESTS = documents("tests")

every_alert = pytest.mark.parametrize("alert", ALERTS.values(), ids=ALERTS)


def promtool(*arguments: str) -> str:
    """What it says; a failed run fails the test."""
    done = subprocess.run(
        [program("promtool"), *arguments], cwd=FOLDER, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_promtool_has_no_finding_in_the_rules() -> None:
    """Every rule file is taken, with every lint."""
    files = sorted(str(path) for path in (FOLDER / "rules").iterdir())
    assert promtool("check", "rules", "--lint=all", "--lint-fatal", *files).count("SUCCESS") == len(files)


@pytest.mark.long
@pytest.mark.parametrize("file", TESTS)
def test_the_rules_do_what_their_tests_say(file: str) -> None:
    """`promtool test rules`, for every file of tests beside the rules."""
    assert "SUCCESS" in promtool("test", "rules", f"tests/{file}")


@every_alert
def test_every_alert_fires_in_one_case_and_stays_quiet_in_another(alert: dict[str, Any]) -> None:
    """An alert nobody has seen fire is none, and one that cannot be silent is none either."""
    cases = chain.from_iterable(
        test.get("alert_rule_test", ()) for document in TESTS.values() for test in document["tests"]
    )
    expected = [bool(case["exp_alerts"]) for case in cases if case["alertname"] == alert["alert"]]
    assert True in expected
    assert False in expected


@every_alert
def test_every_alert_tells_what_is_wrong_how_bad_it_is_and_what_to_do(alert: dict[str, Any]) -> None:
    """For one who is woken by it: one line, a few sentences, a severity, and the runbook of its name."""
    assert alert["for"]
    assert set(alert["labels"]) - {"job"} == {"severity"}
    assert alert["labels"]["severity"] in SEVERITIES
    notes = alert["annotations"]
    assert "\n" not in notes["summary"]
    assert len(notes["summary"]) < 200
    assert notes["description"].strip().endswith((".", "{{ end }}"))
    assert notes["runbook_url"] == f"{RUNBOOK_BASE}{alert['alert']}.md"


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    """`runbook_url` leads to a page that is there, and no page is left over."""
    pages = {path.stem: path.read_text(encoding="utf-8") for path in RUNBOOKS.glob("Model*.md")}
    assert pages.keys() == ALERTS.keys()
    for name, page in pages.items():
        assert page.startswith(f"# {name}\n"), name
        headings = re.findall(r"^## (.*)", page, re.MULTILINE)
        assert headings == ["What it means", "How to confirm", "What to do"], name
    index = (RUNBOOKS / "README.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"\[(\w+)\]\(\1\.md\) \| (\w+)", index))
    assert told == {name: alert["labels"]["severity"] for name, alert in ALERTS.items()}


def queries() -> dict[str, str]:
    """Every expression of rules, annotations and runbooks, by where it stands."""
    found = {rule.get("alert", rule.get("record")): rule["expr"] for rule in RULES}
    for name, alert in ALERTS.items():
        found |= {f"{name}.{key}": text for key, text in alert["annotations"].items()}
    return found | {path.name: path.read_text(encoding="utf-8") for path in RUNBOOKS.iterdir()}


@pytest.mark.parametrize("where", queries())
def test_every_metric_and_label_in_rules_and_runbooks_exists(where: str) -> None:
    """No rule waits for a series that nobody exposes or records, and no runbook asks for one."""
    text = queries()[where]
    known = metrics()
    labels = set().union(*known.values()) | {"reason", "severity", "alertname", "alertstate"}
    labels |= {"namespace", "service"}  # the Prometheus Operator gives them to targets
    named = set(re.findall(r"\bmodelarts(?:_(?:pool|workload|exporter)|:(?:pool|workload))_[a-z_]+", text))
    assert named <= known.keys() | RECORDS.keys()
    for metric, matchers in re.findall(r"(\bmodelarts_\w+)\{(.*?)\}", text):
        assert set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*(?:[\"']|%q)", matchers)) <= known[metric], metric
    joined = re.findall(r"\b(?:by|on|group_left) \(([^)]*)\)", text)
    assert {one.strip() for many in joined for one in many.split(",") if one} <= labels
    assert set(re.findall(r"\$labels\.(\w+)", text)) <= labels


def test_nothing_is_recorded_for_nobody() -> None:
    """Every recording rule is used by another rule."""
    used = set(re.findall(r"modelarts:[a-z_]+", " ".join(rule["expr"] for rule in RULES)))
    assert used == RECORDS.keys()


@every_alert
def test_links_to_dashboards_lead_to_boards_and_their_variables(alert: dict[str, Any]) -> None:
    """A link's uid is a board's, and each var- in it is a variable there."""
    boards = [json.loads(path.read_text(encoding="utf-8")) for path in ROOT.glob("grafana/dashboards/*")]
    variables = {board["uid"]: {v["name"] for v in board["templating"]["list"]} for board in boards}
    link = alert["annotations"].get("dashboard")
    if link is not None:
        uid = re.search(r"/d/([\w-]+)", link)
        assert uid is not None
        assert set(re.findall(r"var-(\w+)=", link)) <= variables[uid[1]]


def test_no_address_in_the_rules_but_the_three_to_replace() -> None:
    """The comment at the head of the alerts names them; `sed` on these replaces every link."""
    texts = [path.read_text(encoding="utf-8") for path in (FOLDER / "rules").iterdir()]
    found = set(re.findall(r"https?://[\w.:-]+", " ".join(texts)))
    assert found == {"http://localhost:3000", "http://localhost:10310", "https://github.com"}
