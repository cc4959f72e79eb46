"""Rules and dashboards: the repository's own, unchanged by their way through Helm's templates."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import yaml
from support.chart import CHART, EXAMPLES, PROJECT, objects_of, of_kind, only, rendered
from support.programs import program

if TYPE_CHECKING:
    from pathlib import Path

RULES = {
    file.stem: content
    for file in (PROJECT / "deploy/prometheus").rglob("*.yml")
    if "groups" in (content := yaml.safe_load(file.read_text()))
}


def test_every_rule_file_is_a_prometheus_rule() -> None:
    """With the very groups of the file: what `{{ }}` there means is Prometheus's business, not Helm's."""
    prefix = "watch-modelarts-exporter-"
    found = {
        rule["metadata"]["name"].removeprefix(prefix): rule["spec"]
        for rule in of_kind("PrometheusRule", objects_of("demo"))
    }
    assert found == RULES
    assert "{{ $labels." in json.dumps(found)


def test_links_in_alerts_lead_where_the_values_say(tmp_path: Path) -> None:
    """Rules are written for somebody's own machine; in a cluster, localhost is nobody's."""
    copy = tmp_path / "modelarts-exporter"
    shutil.copytree(CHART, copy)
    shutil.rmtree(copy / "files/prometheus")
    (copy / "files/prometheus/rules").mkdir(parents=True)
    text = "groups: [{name: links, rules: [{record: a:b, expr: '1', labels: {d: '%s/d', s: '%s/'}}]}]"
    (copy / "files/prometheus/rules/links.yml").write_text(
        text % ("http://localhost:3000", "http://localhost:10310")
    )
    spec = only("PrometheusRule", rendered(EXAMPLES["production"], copy))["spec"]
    wanted = ("https://grafana.example.com", "https://modelarts-exporter.example.com")
    assert spec == yaml.safe_load(text % wanted)
    assert "http://localhost" not in json.dumps(of_kind("PrometheusRule", objects_of("production")))


def test_promtool_takes_the_rules(tmp_path: Path) -> None:
    """Out of the rendered objects, as the operator would write them into Prometheus's files."""
    files = []
    for rule in of_kind("PrometheusRule", objects_of("production")):
        files.append(tmp_path / f"{rule['metadata']['name']}.yml")
        files[-1].write_text(yaml.safe_dump(rule["spec"]))
    done = subprocess.run(
        [program("promtool"), "check", "rules", *files], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_every_dashboard_is_there_as_it_is() -> None:
    """Each in a ConfigMap that Grafana's sidecar finds by its label."""
    labelled = [
        board
        for board in of_kind("ConfigMap", objects_of("production"))
        if "grafana_dashboard" in board["metadata"]["labels"]
    ]
    found = {file: text for board in labelled for file, text in board["data"].items()}
    assert found == {file.name: file.read_text() for file in (PROJECT / "grafana/dashboards").glob("*.json")}
    assert {board["metadata"]["annotations"]["grafana_folder"] for board in labelled} == {"ModelArts"}


def test_operators_select_by_their_own_labels() -> None:
    """The Prometheus Operator of a cluster looks only at objects with labels that it was told."""
    for kind in ("ServiceMonitor", "PrometheusRule"):
        for document in of_kind(kind, objects_of("production")):
            assert document["metadata"]["labels"]["release"] == "kube-prometheus-stack"


def test_series_outlive_their_pod() -> None:
    """Job and instance stay the same over a rollout, so that no alert begins to wait anew."""
    [endpoint] = only("ServiceMonitor", objects_of("production"))["spec"]["endpoints"]
    replaced = {
        rule["targetLabel"]: rule["replacement"] for rule in endpoint["relabelings"] if "targetLabel" in rule
    }
    assert replaced == {"job": "modelarts", "instance": "watch-modelarts-exporter"}
    [dropped] = [rule["regex"] for rule in endpoint["relabelings"] if rule.get("action") == "labeldrop"]
    assert "pod" in dropped.split("|")
    scraped = yaml.safe_load((PROJECT / "deploy/prometheus/prometheus.yml").read_text())
    assert replaced["job"] in {job["job_name"] for job in scraped["scrape_configs"]}


def test_a_protected_exporter_is_scraped_as_it_asks() -> None:
    """Over TLS, with the password's Secret only named."""
    [endpoint] = only("ServiceMonitor", objects_of("tls"))["spec"]["endpoints"]
    assert endpoint["scheme"] == "https"
    assert endpoint["tlsConfig"]["serverName"] == "modelarts-exporter.example.com"
    assert endpoint["basicAuth"]["password"] == {"name": "modelarts-scrape", "key": "password"}


def test_a_scrape_ends_before_the_next_one_begins() -> None:
    """The operator refuses a longer timeout; Prometheus's own gives way, so none is written."""
    for interval, timeout in (("5s", None), ("1m", "60s"), ("1m30s", "80s")):
        monitor = {"enabled": True, "interval": interval} | ({"scrapeTimeout": timeout} if timeout else {})
        [endpoint] = only("ServiceMonitor", rendered({"demo": True, "serviceMonitor": monitor}))["spec"][
            "endpoints"
        ]
        assert (endpoint["interval"], endpoint.get("scrapeTimeout")) == (interval, timeout)
