"""The daemon as it runs for an operator: reloads, faults, staleness, the end; the cloud is simulated here."""

from __future__ import annotations

import re
import signal
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from support import cloud_faults
from support.cloud import KEY
from support.daemon_process import A, B, C, running, up
from support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from support.daemon_process import Running


async def test_a_reload_adds_and_removes_pools(tmp_path: Path) -> None:
    """After a reload the new pool is polled, and every series of the removed one is gone."""
    async with running(tmp_path) as daemon:
        await daemon.shows(up(A, 1), up(B, 1))
        daemon.write([B, C])
        assert await daemon.reload() == (200, "reloaded\n")
        assert A not in await daemon.metrics()
        await daemon.shows(up(B, 1), up(C, 1))


async def test_a_hangup_reloads_too(tmp_path: Path) -> None:
    """SIGHUP does what the path does, for what the metrics show of workloads as well."""
    async with running(tmp_path) as daemon:
        await daemon.shows(up(A, 1), rf'modelarts_workload_status\{{.*pool="{A}"')
        daemon.write([A], workloads={"series": "none"})
        daemon.process.send_signal(signal.SIGHUP)
        await daemon.lacks("modelarts_workload_")
        assert B not in await daemon.lacks(B)


async def test_a_reload_changes_thresholds(tmp_path: Path) -> None:
    """They are there before and after, for every pool that is watched, though nothing else has changed."""
    threshold = r'modelarts_pool_pending_threshold_seconds\{{.*pool="{}",type="train",priority="1"\}} {}$'
    async with running(tmp_path, interval="1h", stale_after="2h") as daemon:
        await daemon.shows(up(A, 1), threshold.format(A, 14400), threshold.format(B, 14400))
        exception = {"match": "^pool-b-", "pending_after": {"train": "1d"}}
        daemon.write([A, B], alerts={"pending_after": {"train": {"1": "5m"}}, "pools": [exception]})
        assert (await daemon.reload())[0] == 200
        await daemon.shows(up(A, 1), threshold.format(A, 300), threshold.format(B, 86400))


async def test_a_bad_configuration_is_refused_and_the_old_one_holds(tmp_path: Path) -> None:
    """400 with every reason; polling goes on as before, and a metric tells."""
    async with running(tmp_path) as daemon:
        await daemon.shows(up(A, 1), r"modelarts_exporter_config_last_reload_successful 1\.0")
        daemon.write(["Pool A"], poll={"interval": "0"})
        status, reasons = await daemon.reload()
        assert status == 400
        assert "poll.interval: " in reasons
        assert "projects[0].pools[0]: 'Pool A' is no pool ID" in reasons
        assert KEY.sk not in reasons
        await daemon.shows(up(A, 1), up(B, 1), r"modelarts_exporter_config_last_reload_successful 0\.0")


@pytest.mark.parametrize("form", ["console", "logfmt", "json"])
async def test_a_refused_reload_shows_no_secret_and_no_traceback(tmp_path: Path, form: str) -> None:
    """In no form of log lines: tracebacks would show local variables, the settings among them."""
    async with running(tmp_path, log_format=form) as daemon:
        await daemon.shows(up(A, 1))
        daemon.write(["Pool A"], bogus=1)
        daemon.process.send_signal(signal.SIGHUP)
        await daemon.shows(r"modelarts_exporter_config_last_reload_successful 0\.0")
        daemon.process.send_signal(signal.SIGTERM)
        errors = daemon.said + (await daemon.process.communicate())[1]
        assert b"is no pool ID" in errors
        assert KEY.sk.encode() not in errors
        assert b"Traceback" not in errors


async def test_a_key_that_can_be_none_is_refused_and_the_old_one_holds(tmp_path: Path) -> None:
    """A secret with a space in it is a problem of the configuration, not the end of the daemon."""
    async with running(tmp_path) as daemon:
        await daemon.shows(up(A, 1))
        daemon.settings["projects"][0]["credentials"] = {"ak": KEY.ak, "sk": "not a key"}
        daemon.write([A])
        status, reasons = await daemon.reload()
        assert status == 400
        assert "projects[0].credentials" in reasons
        assert "not a key" not in reasons
        await daemon.shows(up(A, 1), up(B, 1))


async def test_a_failing_pool_is_down_alone_and_keeps_its_data(tmp_path: Path) -> None:
    """One pool answers HTML: it is down, its last figures stay, the other one does not notice."""
    async with running(tmp_path) as daemon:
        await daemon.shows(up(A, 1), up(B, 1))
        cloud_faults.plant(daemon.simulator, cloud_faults.html(), pool=A)
        text = await daemon.shows(up(A, 0), up(B, 1))
        assert f'pool="{A}",type="train",status="Queue"}} 3\n' in text
        assert re.search(rf'polls_total\{{.*pool="{A}",outcome="bad_response"\}} [1-9]', text)


async def test_old_data_goes_and_the_pool_stays_down(tmp_path: Path) -> None:
    """Not read for stale_after, a pool has no workload series any more, but modelarts_pool_up 0."""
    async with running(tmp_path, stale_after="300ms") as daemon:
        await daemon.shows(up(A, 1))
        cloud_faults.plant(daemon.simulator, cloud_faults.html(), endpoint="workloads")
        text = await daemon.lacks("modelarts_pool_workloads{")
        assert "modelarts_workload_" not in text
        assert re.search(up(A, 0), text, re.MULTILINE)
        assert re.search(rf'modelarts_pool_last_success_timestamp_seconds\{{.*pool="{A}"', text)


async def test_ready_after_every_pool_was_tried_and_healthy_without_the_cloud(tmp_path: Path) -> None:
    """A dead cloud makes the exporter neither unhealthy nor unready."""
    async with running(tmp_path) as daemon:
        cloud_faults.plant(daemon.simulator, cloud_faults.Reset())
        await until(lambda: daemon.status("/-/ready"), lambda status: status == 200)
        assert await daemon.status("/-/healthy") == 200


async def test_a_pool_that_stays_is_not_asked_again_by_a_reload(tmp_path: Path) -> None:
    """Reloading costs no request for a pool that was just read."""
    async with running(tmp_path, interval="1m") as daemon:
        await daemon.shows(up(A, 1), up(B, 1))
        daemon.write([A, B, C])
        assert (await daemon.reload())[0] == 200
        await daemon.shows(up(A, 1), up(C, 1))
        asked = [recorded.pool for recorded in daemon.simulator.requests if recorded.endpoint == "workloads"]
        assert sorted(asked) == [A, B, C]


async def test_reloads_ask_nothing_that_is_not_due(tmp_path: Path) -> None:
    """However many come, and at whatever pace: neither lists nor capacities nor nodes are requested again."""
    async with running(tmp_path, interval="1h", stale_after="2h") as daemon:
        daemon.write([A, B], capacity={"read": "nodes"})
        assert (await daemon.reload())[0] == 200
        await daemon.shows(up(A, 1), up(B, 1))
        await until(lambda: _asked(daemon), lambda asked: asked["nodes"] == 2)
        before = await _asked(daemon)
        for _ in range(5):
            daemon.process.send_signal(signal.SIGHUP)
            assert (await daemon.reload())[0] == 200
        daemon.write([A, B, C], capacity={"read": "nodes"})
        assert (await daemon.reload())[0] == 200
        await daemon.shows(up(C, 1), rf'modelarts_pool_free_accelerators\{{.*pool="{C}"')
        assert await _asked(daemon) - before == {"workloads": 1, "runtime": 1, "nodes": 1}


async def _asked(daemon: Running) -> Counter[str]:
    return Counter(recorded.endpoint for recorded in daemon.simulator.requests)


async def test_a_reload_does_not_end_a_pause(tmp_path: Path) -> None:
    """429 with Retry-After: 120: nothing is sent after it, however often the configuration is read again."""
    async with running(tmp_path, interval="10s") as daemon:
        cloud_faults.plant(daemon.simulator, cloud_faults.too_many_requests(retry_after="120"))
        daemon.write([A])
        await daemon.reload()
        await daemon.shows(rf'modelarts_exporter_polls_total\{{.*pool="{A}",outcome="throttled"\}} 1')
        before = len(daemon.simulator.requests)
        for count in range(20):
            daemon.write([A, C] if count % 2 else [A])  # C is new, and due at once
            assert (await daemon.reload())[0] == 200
        await daemon.shows(rf'modelarts_exporter_polls_total\{{.*pool="{C}",outcome="throttled"\}} 1')
        assert len(daemon.simulator.requests) == before


async def test_a_reload_while_the_list_of_pools_fails_stops_no_poll(tmp_path: Path) -> None:
    """The pools that were discovered before are polled on, and a metric says what fails."""
    async with running(tmp_path) as daemon:
        daemon.write(None)
        await daemon.reload()
        await daemon.shows(up(A, 1), up(C, 1), r"modelarts_exporter_discovery_up\{.*\} 1\.0")
        cloud_faults.plant(daemon.simulator, cloud_faults.html(503), endpoint="pools")
        await daemon.shows(r"modelarts_exporter_discovery_up\{.*\} 0\.0")
        assert (await daemon.reload())[0] == 200
        before = (await _asked(daemon))["workloads"]
        await until(lambda: _asked(daemon), lambda asked: asked["workloads"] > before + 10)
        await daemon.shows(up(A, 1), up(B, 1), up(C, 1), r"modelarts_exporter_discovery_up\{.*\} 0\.0")


async def test_sigterm_ends_it_with_status_0(tmp_path: Path) -> None:
    """In the middle of polling too."""
    async with running(tmp_path) as daemon:
        await daemon.shows(up(A, 1))
        cloud_faults.plant(daemon.simulator, cloud_faults.Silence())
        daemon.process.send_signal(signal.SIGTERM)
        _, errors = await daemon.process.communicate()
        assert daemon.process.returncode == 0
        assert b"Traceback" not in errors


async def test_a_region_without_capacities_loses_these_and_nothing_else(tmp_path: Path) -> None:
    """404: the pools are up, their queues are there, and a metric tells."""
    async with running(tmp_path) as daemon:
        cloud_faults.plant(daemon.simulator, cloud_faults.html(404), endpoint="runtime")
        daemon.write([A, B], capacity={"interval": "100ms"})
        assert (await daemon.reload())[0] == 200
        await daemon.shows(up(A, 1), up(B, 1), r"modelarts_exporter_capacity_up\{.*\} 0\.0")
        asked = [recorded.endpoint for recorded in daemon.simulator.requests].count("runtime")
        await daemon.shows(rf'modelarts_exporter_polls_total\{{.*pool="{A}",outcome="ok"\}} [1-9][0-9]')
        assert asked == [recorded.endpoint for recorded in daemon.simulator.requests].count("runtime")


async def test_capacities_that_are_not_wanted_any_more_go_at_once(tmp_path: Path) -> None:
    """A reload with capacity.read: none takes them away, and what would fit with them."""
    async with running(tmp_path) as daemon:
        await daemon.shows(rf'modelarts_pool_oldest_fitting_seconds\{{.*pool="{A}"')
        daemon.write([A, B], capacity={"read": "none"})
        assert (await daemon.reload())[0] == 200
        text = await daemon.metrics()
        for gone in ("pool_capacity_", "pool_allocated_", "fitting", "exporter_capacity_up{"):
            assert gone not in "".join(line for line in text.splitlines() if not line.startswith("#")), gone
        assert re.search(up(A, 1), text, re.MULTILINE)


async def test_what_is_told_of_a_project_goes_with_it_though_it_has_no_pools(tmp_path: Path) -> None:
    """Discovery that fails is an alarm; it ends at once when the project is not discovered any more."""
    lost = {
        "region": "cn-south-1",
        "project_id": "f" * 32,
        "endpoint": "http://127.0.0.1:9",
        "credentials": {"ak": KEY.ak, "sk": KEY.sk},
    }
    async with running(tmp_path) as daemon:
        daemon.write([A], others=[{**lost, "discover": {}}])
        assert (await daemon.reload())[0] == 200
        await daemon.shows(r'modelarts_exporter_discovery_up\{.*region="cn-south-1"\} 0\.0')
        daemon.write([A], others=[{**lost, "pools": [B]}])
        assert (await daemon.reload())[0] == 200
        text = await daemon.shows(r'modelarts_exporter_pools\{.*region="cn-south-1"\} 1\.0')
        assert "modelarts_exporter_discovery_up{" not in text
        daemon.write([A])
        assert (await daemon.reload())[0] == 200
        assert "cn-south-1" not in await daemon.metrics()
