"""The API's endpoints about pools: /v2/{project}/..."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from exporter.simulator import listing
from exporter.simulator.describing import node_object, pool_object, runtime_object, statistics_object
from exporter.simulator.refusals import bad_request, pool_not_found, wrong_project

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from exporter.common.clock import Clock
    from exporter.simulator.pools import Pool

_NODES_PER_PAGE = 500


class ModelArts:
    """The endpoints, over the pools of each project.

    Args:
        clock: the time.
        projects: the pools by project ID; read anew for each request.
    """

    def __init__(self, clock: Clock, projects: Mapping[str, Sequence[Pool]]) -> None:
        self._clock = clock
        self._projects = projects

    def routes(self) -> list[web.RouteDef]:
        """Path and handler; a route's name is what a fault calls the endpoint."""
        project = "/v2/{project}"
        return [
            web.get(f"{project}/pools", self.pools, name="pools"),
            web.get(f"{project}/pools/{{pool}}/workloads", self.workloads, name="workloads"),
            web.get(f"{project}/pools/{{pool}}/nodes", self.nodes, name="nodes"),
            web.get(f"{project}/statistics/pools/{{pool}}/workloads", self.statistics, name="statistics"),
            web.get(f"{project}/metrics/runtime/pools", self.runtime, name="runtime"),
        ]

    async def workloads(self, request: web.Request) -> web.Response:
        """One page of a pool's workloads."""
        pool, query = self._pool(request), _query(request)
        selected = pool.select(query)
        body: dict[str, object] = {
            "kind": "WorkloadList",
            "apiVersion": "v1",
            "metadata": {},
            "items": listing.page(selected, query, pool.rules),
        }
        if pool.rules.total:
            body["total"] = len(selected)
        return reply(body)

    async def statistics(self, request: web.Request) -> web.Response:
        """How many workloads a pool has, by type and status."""
        return reply(statistics_object(self._pool(request).select(listing.Query())))

    async def runtime(self, request: web.Request) -> web.Response:
        """Capacity and allocation of every pool of the project."""
        now = self._clock.wall()
        items = [runtime_object(pool.profile, pool.rooms(), now) for pool in self._pools(request)]
        return reply({"kind": "PoolMetricsList", "apiVersion": "v1", "items": items})

    async def pools(self, request: web.Request) -> web.Response:
        """The pools of one workspace."""
        workspace = request.query.get("workspaceId", "0")
        items = [
            pool_object(pool.profile) for pool in self._pools(request) if pool.profile.workspace == workspace
        ]
        return reply({"kind": "PoolList", "apiVersion": "v2", "items": items})

    async def nodes(self, request: web.Request) -> web.Response:
        """The nodes of a pool, page by page; `continue` is the cursor of the next page."""
        pool, query = self._pool(request), request.query
        try:
            start, limit = int(query.get("continue") or 0), int(query.get("limit") or _NODES_PER_PAGE)
        except ValueError:
            raise bad_request() from None
        rooms = pool.rooms()
        end = min(start + limit, len(rooms))
        items = [node_object(pool.profile, index, rooms[index]) for index in range(start, end)]
        left = len(rooms) - end
        metadata = {"continue": str(end), "remainingItemCount": left} if left else {}
        return reply({"kind": "NodeList", "apiVersion": "v2", "metadata": metadata, "items": items})

    def _pools(self, request: web.Request) -> Sequence[Pool]:
        project = request.match_info["project"]
        if project not in self._projects or request.headers.get("X-Project-Id", project) != project:
            raise wrong_project()
        return self._projects[project]

    def _pool(self, request: web.Request) -> Pool:
        wanted = request.match_info["pool"]
        for pool in self._pools(request):
            if pool.profile.id == wanted:
                return pool
        raise pool_not_found(wanted)


def reply(body: object, status: int = 200) -> web.Response:
    """A JSON answer."""
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json")


def _query(request: web.Request) -> listing.Query:
    try:
        return listing.Query.parse(request.query)
    except listing.BadQuery:
        raise bad_request() from None
