"""`modelarts-exporter demo`, as a user starts it, before the real Prometheus."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from typing import TYPE_CHECKING

import pytest
from support.programs import program, promtool_findings
from support.running import running_demo, running_prometheus
from support.waiting import until

from exporter.self_metrics import PREFIX
from exporter.snapshot.waiting import REASONS

if TYPE_CHECKING:
    from pathlib import Path

CONTRACT = {
    "modelarts_pool_up",
    "modelarts_pool_last_success_timestamp_seconds",
    "modelarts_pool_info",
    "modelarts_exporter_polls_total",
    "modelarts_pool_pending_threshold_seconds",
    "modelarts_pool_workloads_created_total",
    "modelarts_pool_workloads_started_total",
    "modelarts_pool_workloads_finished_total",
    "modelarts_pool_workloads_requeued_total",
    "modelarts_pool_phase",
    "modelarts_pool_nodes",
    "modelarts_pool_capacity_cpu_cores",
    "modelarts_pool_capacity_memory_bytes",
    "modelarts_pool_capacity_accelerators",
    "modelarts_pool_allocated_cpu_cores",
    "modelarts_pool_allocated_memory_bytes",
    "modelarts_pool_allocated_accelerators",
    "modelarts_pool_free_accelerators",
    "modelarts_pool_free_accelerators_max_per_node",
    "modelarts_pool_unschedulable_nodes",
    "modelarts_pool_counted_workloads",
    "modelarts_pool_waiting_workloads",
    "modelarts_pool_waiting_accelerators",
    "modelarts_pool_queue_head_requested_accelerators",
    "modelarts_pool_idle_accelerators",
    "modelarts_pool_short_accelerators",
    "modelarts_pool_overtaken_workloads",
    "modelarts_pool_longest_wait_ratio",
    "modelarts_workload_waiting_seconds",
    "modelarts_workload_wait_ratio",
    "modelarts_workload_waiting_reason",
    "modelarts_pool_listing_complete",
    "modelarts_pool_workloads",
    "modelarts_pool_requested_cpu_cores",
    "modelarts_pool_requested_memory_bytes",
    "modelarts_pool_requested_accelerators",
    "modelarts_pool_longest_pending_seconds",
    "modelarts_pool_shortest_running_seconds",
    "modelarts_pool_longest_in_status_seconds",
    "modelarts_pool_user_workloads",
    "modelarts_pool_user_requested_accelerators",
    "modelarts_pool_queue_head_since_timestamp_seconds",
    "modelarts_pool_workload_series_omitted",
    "modelarts_pool_label_values_limited",
    "modelarts_pool_fitting_workloads",
    "modelarts_pool_oldest_fitting_seconds",
    "modelarts_workload_info",
    "modelarts_workload_status",
    "modelarts_workload_pending_duration_seconds",
    "modelarts_workload_pending_position",
    "modelarts_workload_running_duration_seconds",
    "modelarts_workload_created_timestamp_seconds",
    "modelarts_workload_requested_cpu_cores",
    "modelarts_workload_requested_memory_bytes",
    "modelarts_workload_requested_accelerators",
    "modelarts_workload_nodes",
    "modelarts_pool_pending_age_seconds_bucket",
    "modelarts_pool_pending_age_seconds_gcount",
    "modelarts_pool_pending_age_seconds_gsum",
    f"{PREFIX}build_info",
    f"{PREFIX}poll_duration_seconds_count",
    f"{PREFIX}api_requests_total",
    f"{PREFIX}api_request_duration_seconds_bucket",
    f"{PREFIX}api_retries_total",
    f"{PREFIX}workloads_rejected_total",
    f"{PREFIX}quantities_unparsable_total",
    f"{PREFIX}credentials_expiry_timestamp_seconds",
    f"{PREFIX}config_last_reload_successful",
    f"{PREFIX}config_last_reload_success_timestamp_seconds",
    f"{PREFIX}web_config_last_reload_successful",
    f"{PREFIX}render_duration_seconds_count",
    "process_resident_memory_bytes",
    "python_info",
}
"""What operators rely on, but for what takes starts and ends to be seen: estimated starts, and the histograms
of waits and runs."""


async def test_the_demo_serves_every_family_and_promtool_has_no_finding() -> None:
    """Once ready, every family of the contract has a series, and queues, runs and a stuck job are there."""
    async with running_demo() as demo:
        assert (await demo.get("/-/healthy"))[0] == 200
        await demo.ready()
        # Rendering follows the poll, and capacities follow both; a scrape in between shows what there is. The
        # time at the head of the queue takes a second look.
        families = (
            "workload_nodes",
            "pool_oldest_fitting_seconds",
            "pool_free_accelerators",
            "pool_queue_head_since_timestamp_seconds",
            "pool_overtaken_workloads",
        )
        _, text = await until(
            lambda: demo.get("/metrics"),
            lambda answer: all(f"modelarts_{family}{{".encode() in answer[1] for family in families),
        )
        assert promtool_findings(text) == ""
        names = {line.split("{")[0].split(" ")[0] for line in text.decode().splitlines() if line[:1] != "#"}
        assert names >= CONTRACT
        reasons = re.findall(rb'modelarts_pool_waiting_workloads\{.*reason="(\w+)"\} [1-9]', text)
        assert {reason.decode() for reason in reasons} == set(REASONS)
        waits = re.findall(rb"modelarts_workload_pending_duration_seconds\{.*\} (\d+)", text)
        assert max(map(int, waits)) > 24 * 3600
        status, page = await demo.get("/")
        assert status == 200
        assert page.count(b"pool-") >= 3


async def test_sigterm_ends_the_demo_with_status_0() -> None:
    """An orderly end: 0, and no traceback."""
    async with running_demo() as demo:
        demo.process.send_signal(signal.SIGTERM)
        _, errors = await demo.process.communicate()
        assert demo.process.returncode == 0
        assert b"Traceback" not in errors


@pytest.mark.long
async def test_a_real_prometheus_scrapes_every_family(tmp_path: Path) -> None:
    """Prometheus itself reads the demo, by the format it prefers, and has series of every family."""
    async with running_demo() as demo:
        await demo.ready()
        async with running_prometheus(program("prometheus"), demo.url, tmp_path) as prometheus:
            await until(
                lambda: prometheus.ask("label/__name__/values"), lambda names: set(names or ()) >= CONTRACT
            )
            up = await until(
                lambda: prometheus.ask("query", query="up"), lambda answer: answer and answer["result"]
            )
            assert [sample["value"][1] for sample in up["result"]] == ["1"]


@pytest.mark.long
async def test_a_port_in_use_is_a_clear_sentence() -> None:
    """Exit 1 and one line, no traceback: the other program may end, and a service manager tries again."""
    async with running_demo() as demo:
        address = demo.url.removeprefix("http://")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "exporter", "demo", f"--web.listen-address={address}"),
            stdout=-1,
            stderr=-1,
        )
        _, errors = await process.communicate()
    assert process.returncode == 1
    [line] = [line for line in errors.decode().splitlines() if line.startswith("web.listen_address")]
    assert f"{address} is in use" in line
    assert "Traceback" not in errors.decode()


@pytest.mark.parametrize("arguments", [["--config.check"], []], ids=["check", "run"])
async def test_no_configuration_at_all_says_how_to_begin(arguments: list[str]) -> None:
    """Exit 2; the sentence names both ways to configure a project, and the demo."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "exporter", *arguments),
        stdout=-1,
        stderr=-1,
        env={"PATH": os.environ["PATH"]},
    )
    _, errors = await process.communicate()
    assert process.returncode == 2
    assert "MODELARTS_EXPORTER_POOLS" in errors.decode()
    assert "modelarts-exporter demo" in errors.decode()
