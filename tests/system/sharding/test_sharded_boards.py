"""The boards over several exporters: Prometheus gives for four shards what it gives for one exporter."""

from __future__ import annotations

import json
import re
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from support.fleet import StoodStill, cloud_of_pools, polled, project_settings
from support.programs import program
from support.running import configured_prometheus
from support.waiting import until

from exporter.simulator.server import serve
from grafana.boards import documents

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from support.fleet import Exporter
    from support.running import Prometheus

pytestmark = pytest.mark.long

RULES = Path(__file__).parents[3] / "deploy/prometheus/rules"
OF_SINGLE_EXPORTERS = re.compile(r"modelarts_exporter_(?!pools\b)|process_|time\(\)|instance")
"""Their own cost and fortune, and what changes from second to second."""


def expressions() -> set[str]:
    """Every query of every panel that is about pools and workloads, as when everything is chosen."""
    panels = (panel for text in documents().values() for panel in json.loads(text)["panels"])
    asked = {target["expr"] for panel in panels for target in panel.get("targets", ())}
    asked = {text.replace("$__rate_interval", "10s").replace("$__range", "1m") for text in asked}
    chosen = {re.sub(r'(\w+=~)"\$\w+"', r'\1".*"', text).replace("$job", "") for text in asked}
    kept = {re.sub(r'instance=~"\.\*",?', "", text) for text in chosen}
    return {text for text in kept if not OF_SINGLE_EXPORTERS.search(text)}


async def answers(server: Prometheus, queries: Sequence[str]) -> dict[str, list[str]]:
    """By query: what it gives, apart from when."""
    found = {}
    for query in queries:
        result = (await server.ask("query", query=query))["result"]
        found[query] = sorted(json.dumps([one["metric"], one["value"][1]], sort_keys=True) for one in result)
    return found


async def scraped(server: Prometheus, targets: int) -> None:
    """Wait until every target was scraped some times and the rules were evaluated after that."""
    wanted = f"count(count_over_time(up[1m]) >= 3) == {targets} and on () count(modelarts:pool_fresh) > 0"
    await until(lambda: server.ask("query", query=wanted), lambda answer: answer and answer["result"])


def application(exporters: dict[str, Exporter]) -> web.Application:
    """Answers for each of them at a path of its own."""

    async def metrics(request: web.Request) -> web.Response:
        return web.Response(text=exporters[request.match_info["name"]].text)

    app = web.Application()
    app.router.add_get("/{name}/metrics", metrics)
    return app


def configured(folder: Path, address: str, names: Iterator[str] | Sequence[str]) -> Path:
    """Each exporter an instance of the same job, as in a cluster."""
    targets: list[dict[str, Any]] = [
        {"targets": [address], "labels": {"__metrics_path__": f"/{name}/metrics", "instance": name}}
        for name in names
    ]
    config = folder / "prometheus.yml"
    config.write_text(
        json.dumps(
            {
                "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                "rule_files": [f"{RULES}/*.yml"],
                "scrape_configs": [{"job_name": "modelarts", "static_configs": targets}],
            }
        )
    )
    return config


async def test_boards_show_of_four_shards_what_they_show_of_one(tmp_path: Path) -> None:
    """Every query about pools and workloads has the same answer: nothing is counted twice, or lost."""
    prometheus, still = program("prometheus"), StoodStill(time.time())
    async with serve(cloud_of_pools(still, 10)) as url:  # of more, those in a top ten may change places
        alone = {"alone": await polled(still, project_settings(url))}
        shards = {
            f"watch-{index}": await polled(still, project_settings(url), index=index, total=4)
            for index in range(4)
        }
        twice = {f"replica-{index}": exporter for index in "ab" for exporter in alone.values()}
    queries = sorted(expressions())
    assert len(queries) > 40
    assert any("modelarts_exporter_pools" in query for query in queries)
    found = []
    async with AsyncExitStack() as stack:
        runner = web.AppRunner(application(alone | shards | twice))
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        address = f"127.0.0.1:{runner.addresses[0][1]}"
        watched = (alone, shards, twice)
        servers = []
        for exporters in watched:
            folder = tmp_path / next(iter(exporters))
            folder.mkdir()
            config = configured(folder, address, list(exporters))
            servers.append(await stack.enter_async_context(configured_prometheus(prometheus, config)))
        for server, exporters in zip(servers, watched, strict=True):
            await scraped(server, len(exporters))
            found.append(await answers(server, queries))
    of_one, of_shards, of_replicas = found
    assert sum(map(bool, of_one.values())) > 30
    for others in (of_shards, of_replicas):
        assert {
            query: (of_one[query], others[query]) for query in queries if of_one[query] != others[query]
        } == {}
