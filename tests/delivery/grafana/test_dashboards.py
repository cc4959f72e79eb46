"""The dashboards: current, complete, true to the exporter's metrics, and answered by a real Prometheus."""

from __future__ import annotations

import json
import re
from functools import partial
from operator import lt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from support.exposed import metrics
from support.programs import program
from support.running import configured_prometheus, running_demo
from support.waiting import until

from exporter.metrics.families.base import POOL_LABELS
from grafana.boards import documents

if TYPE_CHECKING:
    from collections.abc import Iterable

    from support.running import Prometheus

FOLDER = Path(__file__).parents[3] / "grafana"
RULES = Path(__file__).parents[3] / "deploy/prometheus/rules"
BOARDS: dict[str, dict[str, Any]] = {
    path.name: json.loads(path.read_text(encoding="utf-8")) for path in (FOLDER / "dashboards").glob("*.json")
}
FOR_OTHERS = {
    "modelarts_exporter_log_lines_dropped_total": "the log itself says how many lines it lost",
    **dict.fromkeys(
        (
            "modelarts_pool_waiting_workloads",
            "modelarts_pool_waiting_accelerators",
            "modelarts_pool_queue_head_requested_accelerators",
            "modelarts_pool_idle_accelerators",
            "modelarts_pool_short_accelerators",
            "modelarts_pool_longest_wait_ratio",
            "modelarts_pool_guaranteed_accelerators",
            "modelarts_pool_limit_accelerators",
            "modelarts_pool_counted_workloads",
            "modelarts_pool_unschedulable_nodes",
            "modelarts_workload_waiting_seconds",
            "modelarts_workload_wait_ratio",
            "modelarts_workload_waiting_reason",
        ),
        "why workloads wait; docs/why-waiting.md reads them, the boards do not yet",
    ),
    "modelarts_pool_label_values_limited": "tells what is not shown as the API gave it; a warning tells too",
    "modelarts_workload_requested_cpu_cores": "cards are what is short; for who looks into a job without any",
    "modelarts_workload_requested_memory_bytes": "likewise",
}
"""Metrics that no board and no rule uses -> why they are there."""
TAKES_MINUTES = re.compile("modelarts_workload_estimated_start_|modelarts_pool_(wait|run)_seconds")
"""These rest on starts and ends that have been seen. Of a histogram, a rate needs the second one."""

every_board = pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def expressions(board: dict[str, Any]) -> Iterable[str]:
    for panel in panels(board):
        yield from (target["expr"] for target in panel["targets"])


def test_the_committed_dashboards_are_current() -> None:
    """grafana/dashboards is what `python -m grafana` writes, no file more or less."""
    committed = {path.name: path.read_text(encoding="utf-8") for path in (FOLDER / "dashboards").iterdir()}
    assert committed == documents()


@every_board
def test_every_panel_can_be_told_apart_and_understood(board: dict[str, Any]) -> None:
    """Ids are set and differ; so do the refIds of a panel; each has a title, a description and a unit."""
    ids = [panel["id"] for panel in board["panels"]]
    assert None not in ids
    assert len(set(ids)) == len(ids)
    for panel in panels(board):
        assert panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        references = [target["refId"] for target in panel["targets"]]
        assert references
        assert all(references)
        assert len(set(references)) == len(references)


@every_board
def test_panels_do_not_overlap(board: dict[str, Any]) -> None:
    """No two panels share a cell of the grid, and none reaches over its 24 columns."""
    taken: dict[tuple[int, int], str] = {}
    for panel in board["panels"]:
        grid = panel["gridPos"]
        for x in range(grid["x"], grid["x"] + grid["w"]):
            for y in range(grid["y"], grid["y"] + grid["h"]):
                assert x < 24
                assert (x, y) not in taken, (panel["title"], taken[x, y])
                taken[x, y] = panel["title"]


@every_board
def test_every_metric_and_label_that_is_queried_exists(board: dict[str, Any]) -> None:
    """Selectors name metrics of the exporter's tables and labels that these have."""
    known = metrics() | {"ALERTS": {"alertname", "alertstate", "severity", *POOL_LABELS}}
    all_labels = set().union(*known.values())
    queried = [*expressions(board), *(str(v.get("query", "")) for v in board["templating"]["list"])]
    for text in queried:
        assert set(re.findall(r"\b(?:modelarts|process)_[a-z_]+", text)) <= set(known)
        assert set(re.findall(r"\bmodelarts:[a-z_]+", text)) <= {rule.get("record") for rule in rules()}
        for metric, matchers in re.findall(r"(\w+)\{(.*?)\}", text):
            assert set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", matchers)) <= known[metric], metric
        grouped = re.findall(r"\b(?:by|on|group_left) \(([^)]*)\)", text)
        assert {label for labels in grouped for label in re.findall(r"\w+", labels)} <= all_labels


def rules() -> list[dict[str, Any]]:
    """Alerts and recording rules."""
    documents = (yaml.safe_load(path.read_text(encoding="utf-8")) for path in RULES.iterdir())
    return [rule for document in documents for group in document["groups"] for rule in group["rules"]]


def test_every_metric_is_of_use_to_somebody() -> None:
    """Each of the exporter's tables is on a board or in a rule, or here with a reason to expose it still."""
    asked = [text for board in BOARDS.values() for text in expressions(board)]
    asked += (rule["expr"] for rule in rules())
    used = set(re.findall(r"\bmodelarts_[a-z_]+", " ".join(asked)))
    exposed = {name for name in metrics() if name.startswith("modelarts_")}
    # A histogram is used by its buckets; who uses these needs neither sum nor count.
    parts = {name + part for name in exposed for part in ("_bucket", "_sum", "_count")}
    of_use = used | {name.removesuffix("_bucket") for name in used}
    assert exposed - parts - of_use == FOR_OTHERS.keys()


@every_board
def test_every_variable_that_is_used_is_there(board: dict[str, Any]) -> None:
    """Queries use the board's own variables; and it has none that no query uses."""
    declared = {variable["name"] for variable in board["templating"]["list"]}
    used = set(re.findall(r"\$\{?([a-z]\w*)", json.dumps([panels(board), board["templating"]])))
    assert used == declared


@pytest.mark.parametrize("separator", [",", ", "])
def test_pools_are_chosen_by_name(separator: str) -> None:
    """The pool variable takes ID and name out of what `query_result` gives, whatever stands between."""
    variables = BOARDS["modelarts-pool.json"]["templating"]["list"]
    [regex] = [variable["regex"] for variable in variables if variable["name"] == "pool"]
    labels = ('job="m"', 'pool="pool-a-0123"', 'pool_id="x"', 'pool_name="GPU 研究"', 'region="cn-north-4"')
    text = f"modelarts_pool_info{{{separator.join(labels)}}} 1 1700000000000"
    found = re.search(regex.strip("/").replace("(?<", "(?P<"), text)
    assert found is not None
    assert found.groupdict() == {"value": "pool-a-0123", "text": "GPU 研究"}


def test_links_lead_to_boards_and_their_variables() -> None:
    """A link's uid is a board's, and each var- in it is a variable there."""
    by_uid = {board["uid"]: board for board in BOARDS.values()}
    found = set(re.findall(r"/d/([\w-]+)\?([^\"\\]*)", "".join(map(json.dumps, BOARDS.values()))))
    assert found
    for uid, parameters in found:
        variables = {variable["name"] for variable in by_uid[uid]["templating"]["list"]}
        assert set(re.findall(r"var-(\w+)=", parameters)) <= variables


def test_grafana_is_given_a_prometheus_and_the_boards() -> None:
    """The provisioning files are for the one kind of data source that the boards ask, and for files."""
    [source] = provisioned("datasources")["datasources"]
    asked = {
        v["query"] for b in BOARDS.values() for v in b["templating"]["list"] if v["type"] == "datasource"
    }
    assert {source["type"]} == asked
    [provider] = provisioned("dashboards")["providers"]
    assert provider["type"] == "file"
    assert Path(provider["options"]["path"]).is_absolute()


def provisioned(kind: str) -> dict[str, Any]:
    [file] = (FOLDER / "provisioning" / kind).iterdir()
    document: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert document["apiVersion"] == 1
    return document


@pytest.mark.long
async def test_a_real_prometheus_answers_every_panel(tmp_path: Path) -> None:
    """After a few scrapes of the demo, with the rules loaded, every query of every panel has data."""
    prometheus = program("prometheus")
    config = tmp_path / "prometheus.yml"
    left = {
        (panel["title"], filled_in(target["expr"]), bool(target.get("range")))
        for board in BOARDS.values()
        for panel in panels(board)
        for target in panel["targets"]
        if not TAKES_MINUTES.search(target["expr"])
    }
    async with running_demo() as demo:
        await demo.ready()
        config.write_text(
            "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
            f"rule_files: ['{RULES}/*.yml']\n"
            "scrape_configs: [{job_name: modelarts, static_configs: "
            f"[{{targets: ['{demo.url.removeprefix('http://')}']}}]}}]\n"
        )
        async with configured_prometheus(prometheus, config) as server:
            # As many scrapes as a rate and a job's start may take; far more than it needs.
            done = 0
            while left and done < 40:
                # Before the next scrape no answer changes.
                done = await until(partial(scrapes, server), partial(lt, done))
                left -= {query for query in left if await has_data(server, *query[1:])}
    assert left == set()


def filled_in(expression: str) -> str:
    """With the variables as when everything is chosen."""
    text = expression.replace("$__rate_interval", "10s").replace("$__range", "1m").replace("$job", "")
    text = re.sub(r"\$[a-z]+", ".*", text)
    assert "$__" not in text
    return text


async def scrapes(server: Prometheus) -> int:
    answer = await server.ask("query", query="max(count_over_time(up[1h]))")
    return int(answer["result"][0]["value"][1]) if answer and answer["result"] else 0


async def has_data(server: Prometheus, expression: str, over_time: bool) -> bool:
    if not over_time:
        answer = await server.ask("query", query=expression)
    elif clock := await server.ask("query", query="time()"):
        now = clock["result"][1]
        span = {"start": str(float(now) - 30), "end": now, "step": "1"}
        answer = await server.ask("query_range", query=expression, **span)
    else:
        answer = None
    return bool(answer and answer["result"])
