"""A ModelArts that shares no code with the exporter; Huawei's own signer checks signatures."""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from asyncio.subprocess import PIPE
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from aiohttp import web
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


AK, SK = "HPUAENDTOENDENDTOEND", "endToEndEndToEndEndToEndEndToEndEndToEnd"


PROJECT = "fedcba9876543210fedcba9876543210"


LARGE = "pool-large-0123456789abcdef0123456789abcdef"


POOLS = {
    LARGE: 1500,
    "pool-small-0123456789abcdef0123456789abcdef": 521,
    "pool-empty-0123456789abcdef0123456789abcdef": 0,
}


TYPES = ["train", "infer", "notebook", "x-infer"]


WAITING, FINISHED = ["Queue", "Pending"], ["Completed", "Terminated", "Failed"]


STATUSES = [*WAITING, "Creating", "Running", "Abnormal", "Terminating", *FINISHED]


CARDS = {
    "nvidia.com/gpu": "nvidia.com/gpu",
    "huawei.com/ascend-1980": "huawei.com/ascend-1980",
    "huawei.com/ascend-snt9": "huawei.com/ascend-1980",
    "huawei.com/ascend-310": "huawei.com/ascend-310",
    "huawei.com/ascend-snt3": "huawei.com/ascend-310",
}


NOW = int(time.time())


UNAUTHORIZED = {"error_code": "APIGW.0301", "error_msg": "Incorrect IAM authentication information"}


@dataclass
class Job:
    """A made-up workload: as the API lists it, and what it truly asks for."""

    item: dict[str, Any]
    cores: float
    memory: float
    cards: dict[str, float] = field(default_factory=dict)


def made_up(rng: random.Random, pool: str, index: int) -> Job:
    cores, gib, cards = rng.choice([1, 2, 8, 192]), rng.choice([4, 64, 1536]), rng.choice([0, 1, 8, 64])
    key = rng.choice(list(CARDS))
    status = rng.choice(STATUSES)
    waiting = status in WAITING
    # Many are created in the same millisecond, as a batch submitted by a script is.
    created = (NOW - 5_000_000 + index // 3) * 1000
    item = {
        "kind": "Workload",
        "uid": f"{pool[5:10]}-{index:06}",
        "jobName": rng.choice(["llm", 'say "hi"', "back\\slash", "训练"]),
        "type": rng.choice(TYPES),
        "status": status,
        "priority": rng.choice(["0", "1", "2", "3"]),
        "createTime": rng.choice([created, str(created)]),
        "resourceRequirement": {
            "cpu": rng.choice([str(cores), f"{cores * 1000}m", f"{cores} Cores", cores]),
            "memory": rng.choice([f"{gib}Gi", f"{gib} GiB", str(gib * 2**30), f"{gib * 1024}Mi"]),
            **({key: rng.choice([cards, str(cards)])} if cards else {}),
        },
    }
    if waiting:
        item["pendingDuration"] = rng.choice([NOW - created // 1000, str(NOW - created // 1000)])
        item["pendingPosition"] = rng.choice([-1, 0, 1, 17])
    else:
        item["runningDuration"] = rng.randrange(100_000)
    return Job(item, float(cores), gib * 2.0**30, {CARDS[key]: float(cards)} if cards else {})


class Cloud:
    """Lists the jobs, page by page, to whoever signs as Huawei's SDK does."""

    def __init__(self) -> None:
        rng = random.Random(2021)  # noqa: S311  (test data)
        self.jobs = {
            pool: [made_up(rng, pool, index) for index in range(size)] for pool, size in POOLS.items()
        }
        self.requests: Counter[str] = Counter()
        self.refused = 0

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/v2/{project}/pools/{pool}/workloads", self.workloads)
        app.router.add_get("/v2/{project}/pools", self.pools)
        return app

    async def pools(self, request: web.Request) -> web.Response:
        if not signed(request):
            self.refused += 1
            return web.json_response(UNAUTHORIZED, status=401)
        items = [
            {"metadata": {"name": pool, "labels": {"os.modelarts/name": f"the {pool[5:10]} one"}}}
            for pool in POOLS
        ]
        return web.json_response({"kind": "PoolList", "items": items})

    async def workloads(self, request: web.Request) -> web.Response:
        pool = request.match_info["pool"]
        self.requests[pool] += 1
        if not signed(request):
            self.refused += 1
            return web.json_response(UNAUTHORIZED, status=401)
        if pool not in self.jobs:
            return web.json_response(
                {"error_code": "ModelArts.50015001", "error_msg": f"Pool {pool} not found."}, status=404
            )
        assert request.query["sort"] == "create_time"
        assert request.query["ascend"] == "true"
        offset, limit = int(request.query["offset"]), int(request.query["limit"])
        items = [job.item for job in self.jobs[pool][offset : offset + limit]]
        total = len(self.jobs[pool])
        return web.json_response({"kind": "WorkloadList", "apiVersion": "v1", "items": items, "total": total})


def signed(request: web.Request) -> bool:
    """Whether Huawei's signer, given what arrived, comes to the same Authorization."""
    given = request.headers.get("Authorization", "")
    names = given.partition("SignedHeaders=")[2].partition(",")[0].split(";")
    theirs = SdkRequest(
        method=request.method,
        schema="http",
        host=request.host,
        resource_path=request.path,
        query_params=list(request.query.items()),
        header_params={name: request.headers.get(name, "") for name in names},
        body=b"",
    )
    Signer(SimpleNamespace(ak=AK, sk=SK)).sign(theirs)
    return bool(theirs.header_params["Authorization"] == given)


@asynccontextmanager
async def serving(cloud: Cloud) -> AsyncIterator[str]:
    runner = web.AppRunner(cloud.application())
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


async def command(
    *arguments: str,
    endpoint: str,
    pools: str = ",".join(POOLS),
    stdout: int = PIPE,
    stderr: int = PIPE,
    **more: str,
) -> tuple[int, str, str]:
    """Run the command with one project in its environment: exit status, stdout, stderr if they are pipes."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "MODELARTS_EXPORTER_REGION": "cn-north-4",
        "MODELARTS_EXPORTER_PROJECT_ID": PROJECT,
        "MODELARTS_EXPORTER_POOLS": pools,
        "MODELARTS_EXPORTER_ENDPOINT": endpoint,
        "MODELARTS_EXPORTER_POLL__REQUESTS_PER_SECOND": "1000",
        "MODELARTS_EXPORTER_WORKLOADS__SERIES": "all",
        "MODELARTS_EXPORTER_WORKLOADS__LIMIT": "100000",
        "HUAWEICLOUD_SDK_AK": AK,
        "HUAWEICLOUD_SDK_SK": SK,
        **more,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "exporter", *arguments, env=environment, stdout=stdout, stderr=stderr
    )
    out, err = await process.communicate()
    return process.returncode or 0, (out or b"").decode(), (err or b"").decode()
