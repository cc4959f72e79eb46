from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.sim_client import KEY, POOL, PROJECT, WORKLOADS, connect, simulator_of, workload

from exporter.simulator.demo import demo_cloud
from exporter.simulator.listing import ListingRules, Query
from exporter.simulator.pools import FixedPool, Profile

if TYPE_CHECKING:
    from support.fakes import FakeClock

ORDERED: dict[str, Any] = {"sort": "create_time", "ascend": True}


def uids(body: dict[str, Any]) -> list[str]:
    return [item["uid"] for item in body["items"]]


async def test_pages_hold_what_was_asked_for(clock: FakeClock) -> None:
    """Offset counts items, limit bounds them, 0 or nothing means 500, total is the full match count."""
    simulator, _ = simulator_of(clock, [workload(number) for number in reversed(range(1203))])
    async with connect(simulator, clock) as client:
        first = await client.json(**ORDERED, limit=0)
        middle = await client.json(**ORDERED, limit=200, offset=500)
        last = await client.json(**ORDERED, offset=1200)
        beyond = await client.json(**ORDERED, offset=1203)
    assert uids(first) == [f"uid-{number:05d}" for number in range(500)]
    assert uids(middle) == [f"uid-{number:05d}" for number in range(500, 700)]
    assert uids(last) == ["uid-01200", "uid-01201", "uid-01202"]
    assert uids(beyond) == []
    assert {body["total"] for body in (first, middle, last, beyond)} == {1203}
    assert first["kind"] == "WorkloadList"


async def test_filters_select_and_total_counts_the_selection(clock: FakeClock) -> None:
    """By type, by status, by host; sorting is newest first unless ascend is true."""
    simulator, _ = simulator_of(
        clock,
        [
            workload(1, type="infer", status="Running", hostIps="192.168.0.1,192.168.0.2"),
            workload(2, type="infer"),
            workload(3),
            workload(4, status="Running", hostIps="192.168.0.3"),
        ],
    )
    async with connect(simulator, clock) as client:
        infer = await client.json(type="infer", sort="create_time")
        running = await client.json(status="Running")
        on_host = await client.json(hostip="192.168.0.2,192.168.0.9", offset=3)
    assert (uids(infer), infer["total"]) == (["uid-00002", "uid-00001"], 2)
    assert (uids(running), running["total"]) == (["uid-00001", "uid-00004"], 2)
    assert uids(on_host) == ["uid-00001"]


@pytest.mark.parametrize(
    "query",
    [{"limit": 501}, {"limit": -1}, {"offset": "x"}, {"offset": 2**31}, {"sort": "name"}, {"ascend": "yes"}],
)
async def test_undocumented_queries_are_refused(clock: FakeClock, query: dict[str, Any]) -> None:
    """400 with the documented body."""
    simulator, _ = simulator_of(clock)
    async with connect(simulator, clock) as client, client.get(**query) as answer:
        assert answer.status == 400
        assert await answer.json() == {"error_code": "ModelArts.50004000", "error_msg": "Bad request."}


@pytest.mark.parametrize(
    ("path", "headers", "status", "code"),
    [
        (WORKLOADS.replace(POOL, "pool-nowhere"), {}, 404, "ModelArts.50015001"),
        (WORKLOADS.replace(PROJECT, "f" * 32), {}, 403, "ModelArts.0210"),
        (WORKLOADS, {"X-Project-Id": "f" * 32}, 403, "ModelArts.0210"),
        ("/v9/nothing", {}, 404, "APIGW.0101"),
    ],
)
async def test_what_is_not_there_is_refused(
    clock: FakeClock, path: str, headers: dict[str, str], status: int, code: str
) -> None:
    """Unknown pool, project or path: the documented status and code, and a request id."""
    simulator, _ = simulator_of(clock)
    async with connect(simulator, clock) as client, client.get(path, headers=headers) as answer:
        body = await answer.json()
        assert (answer.status, body["error_code"]) == (status, code)
        assert body.get("request_id", answer.headers["X-Request-Id"]) == answer.headers["X-Request-Id"]


async def test_a_fixed_pool_behaves_as_it_is_told(clock: FakeClock) -> None:
    """Offset may count pages or nothing, total may be missing, ties may come in any order."""
    simulator, pool = simulator_of(clock, [workload(number, createTime=1) for number in range(40)])
    async with connect(simulator, clock) as client:
        pool.rules = ListingRules(offset="pages", total=False)
        by_page = await client.json(**ORDERED, limit=10, offset=1)
        pool.rules = ListingRules(offset="ignored")
        ignored = await client.json(**ORDERED, limit=10, offset=10)
        pool.rules = ListingRules(shuffled_ties=True)
        shuffled = [uids(await client.json(**ORDERED)) for _ in range(2)]
    assert "total" not in by_page
    assert uids(by_page)[0] == "uid-00010"
    assert uids(ignored)[0] == "uid-00000"
    assert shuffled[0] != shuffled[1]
    assert sorted(shuffled[0]) == sorted(shuffled[1])


async def test_a_fixed_pool_can_change_between_two_pages(clock: FakeClock) -> None:
    """The hook runs before each page and sees its query; items may be anything."""
    simulator, pool = simulator_of(clock, [workload(number) for number in range(4)])
    queries: list[Query] = []

    def drop_first(changing: FixedPool, query: Query) -> None:
        queries.append(query)
        if query.offset:
            changing.workloads = (*changing.workloads[1:], None)

    pool.before_page = drop_first
    async with connect(simulator, clock) as client:
        first = await client.json(limit=2)
        second = await client.json(limit=2, offset=2)
    assert uids(first) == ["uid-00000", "uid-00001"]
    assert second["items"] == [workload(3), None]
    assert [(query.offset, query.limit) for query in queries] == [(0, 2), (2, 2)]


async def test_statistics_count_by_type_and_status(clock: FakeClock) -> None:
    """The total of a type counts every status, though only some are broken down."""
    simulator, _ = simulator_of(
        clock,
        [workload(1), workload(2, status="Failed"), workload(3, type="infer", status="Running")],
    )
    async with connect(simulator, clock) as client:
        body = await client.json(f"/v2/{PROJECT}/statistics/pools/{POOL}/workloads")
    assert body == {
        "statistics": {
            "total": 3,
            "items": [
                {"type": "infer", "total": 1, "status": {"Pending": 0, "Queue": 0, "Running": 1}},
                {"type": "train", "total": 2, "status": {"Pending": 0, "Queue": 1, "Running": 0}},
            ],
        }
    }


async def test_discovery_lists_the_pools_of_a_workspace(clock: FakeClock) -> None:
    """Display names are in the labels; pools of other workspaces are not listed by default."""
    simulator, pool = simulator_of(clock)
    other = FixedPool(Profile(id="pool-other-00112233445566778899aabbccddee", workspace="7"))
    simulator.projects[PROJECT] = [pool, other]
    async with connect(simulator, clock) as client:
        default: Any = await client.json(f"/v2/{PROJECT}/pools")
        seventh: Any = await client.json(f"/v2/{PROJECT}/pools", workspaceId="7")
    assert [item["metadata"]["name"] for item in default["items"]] == [POOL]
    assert default["items"][0]["metadata"]["labels"]["os.modelarts/name"] == "fixed"
    assert [item["metadata"]["name"] for item in seventh["items"]] == [other.profile.id]
    assert "os.modelarts/name" not in seventh["items"][0]["metadata"]["labels"]


async def test_nodes_and_runtime_metrics_agree_with_the_jobs(clock: FakeClock) -> None:
    """Cards taken on the nodes, page by page, are the allocated ones and those of the running jobs."""
    cloud = demo_cloud(clock)
    cloud.simulator.identity.trust(KEY)
    pool = cloud.pools[0]
    nodes: list[Any] = []
    async with connect(cloud.simulator, clock) as client:
        metrics: Any = await client.json(f"/v2/{cloud.project_id}/metrics/runtime/pools")
        cursor: dict[str, Any] = {}
        while True:
            page: Any = await client.json(
                f"/v2/{cloud.project_id}/pools/{pool.profile.id}/nodes", limit=5, **cursor
            )
            nodes += page["items"]
            if not (cursor := {"continue": page["metadata"].get("continue")})["continue"]:
                break
    held = sum(
        share.cards.bit_count() for job in pool.cluster.jobs if job.finished is None for share in job.shares
    )
    occupied = [node["metadata"]["annotations"]["os.modelarts/npu-topology-placement"] for node in nodes]
    table = metrics["items"][0]["table"]
    assert len(nodes) == 16
    assert sum(places.count("1") for places in occupied) == held
    assert table["allocated"]["value"]["huawei.com/ascend-snt9"] == held
    assert table["capacity"]["value"] == {"cpu": 3072, "memory": "24576Gi", "huawei.com/ascend-snt9": 128}


async def test_requests_are_recorded(clock: FakeClock) -> None:
    """What was asked, when and with which headers, refused or not; never a header's value."""
    simulator, _ = simulator_of(clock)
    async with connect(simulator, clock) as client:
        await client.json(limit=7)
        async with client.session.get(f"{client.base}/v2/{PROJECT}/pools") as answer:
            assert answer.status == 401
    listing, discovery = simulator.requests
    assert (listing.method, listing.path, listing.query) == ("GET", WORKLOADS, "limit=7")
    assert (listing.endpoint, listing.pool, listing.at) == ("workloads", POOL, clock.wall())
    assert "authorization" in listing.headers
    assert (discovery.endpoint, discovery.pool) == ("pools", "")


async def test_the_date_is_that_of_the_simulated_clock(clock: FakeClock) -> None:
    """So that a client can tell by how much its own clock is wrong."""
    simulator, _ = simulator_of(clock)
    async with connect(simulator, clock) as client, client.get() as answer:
        assert answer.headers["Date"] == "Tue, 14 Nov 2023 22:13:20 GMT"
