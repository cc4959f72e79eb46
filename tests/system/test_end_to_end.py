"""The command, whole, against a server that shares no code with it and checks with Huawei's own signer."""

from __future__ import annotations

from collections import Counter

from prometheus_client.parser import text_string_to_metric_families
from support.independent_cloud import (
    FINISHED,
    POOLS,
    STATUSES,
    TYPES,
    WAITING,
    Cloud,
    command,
    serving,
)
from support.programs import promtool_findings


def samples_of(exposition: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample by name and labels, region and project left out."""
    return {
        (
            sample.name,
            tuple(sorted((k, v) for k, v in sample.labels.items() if k not in {"region", "project_id"})),
        ): sample.value
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
    }


def expected(  # noqa: C901  (adds up every figure in one pass, as nothing else here does)
    cloud: Cloud,
) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Counts, sums, longest waits, waits and positions, added up from what was made up."""
    result: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter()

    def key(name: str, **labels: str) -> tuple[str, tuple[tuple[str, str], ...]]:
        return name, tuple(sorted(labels.items()))

    longest: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
    for pool, jobs in cloud.jobs.items():
        for kind in TYPES:
            for status in STATUSES:
                for name in ("workloads", "requested_cpu_cores", "requested_memory_bytes"):
                    result[key(f"modelarts_pool_{name}", pool=pool, type=kind, status=status)] = 0
        for job in jobs:
            item = job.item
            labels = {"pool": pool, "type": item["type"], "status": item["status"]}
            result[key("modelarts_pool_workloads", **labels)] += 1
            if item["status"] not in FINISHED:
                result[key("modelarts_pool_requested_cpu_cores", **labels)] += int(job.cores)
                result[key("modelarts_pool_requested_memory_bytes", **labels)] += int(job.memory)
                for name, cards in job.cards.items():
                    result[key("modelarts_pool_requested_accelerators", **labels, accelerator=name)] += int(
                        cards
                    )
            own = {"pool": pool, "uid": item["uid"], "job_name": item["jobName"], "type": item["type"]}
            if item["status"] in WAITING:
                wait = int(item["pendingDuration"])
                result[key("modelarts_workload_pending_duration_seconds", **own)] = wait
                if item["pendingPosition"] >= 0:
                    result[key("modelarts_workload_pending_position", **own)] = item["pendingPosition"]
                queue = key(
                    "modelarts_pool_longest_pending_seconds",
                    pool=pool,
                    type=item["type"],
                    priority=item["priority"],
                )
                longest[queue] = max(longest.get(queue, 0), wait)
                result[key("modelarts_pool_pending_age_seconds_gcount", pool=pool, type=item["type"])] += 1
    return {**result, **longest}


async def test_every_figure_of_2021_workloads_is_as_computed_independently() -> None:
    """Three pools over several pages, one of them empty: counts, sums, waits and positions, all of them."""
    cloud = Cloud()
    async with serving(cloud) as endpoint:
        status, exposition, errors = await command("once", endpoint=endpoint)
    assert (status, cloud.refused) == (0, 0), errors
    samples = samples_of(exposition)
    wanted = expected(cloud)
    assert sum(map(len, cloud.jobs.values())) == 2021
    assert {key: samples.get(key) for key in wanted} == wanted
    # Nothing besides: a figure nobody expects is as wrong as a missing one.
    for name in {name for name, _ in wanted}:
        others = {key: value for key, value in samples.items() if key[0] == name and key not in wanted}
        assert set(others.values()) <= {0.0}, name
    for pool in POOLS:
        assert samples["modelarts_pool_up", (("pool", pool),)] == 1
        assert samples["modelarts_pool_listing_complete", (("pool", pool),)] == 1
    assert promtool_findings(exposition.encode()) == ""
