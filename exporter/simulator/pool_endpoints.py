"""The ModelArts API: the endpoints below /v2/{project}/ and /v1/{project}/."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from exporter.simulator.answers import node_object, pool_object, runtime_object, statistics_object
from exporter.simulator.errors import bad_request, pool_not_found, wrong_project
from exporter.simulator.pools import BadQuery, WorkloadQuery

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from exporter.common.clock import Clock
    from exporter.simulator.pools import Pool

_NODES_PER_PAGE = 500
_EVENTS_PER_PAGE = 100


class PoolEndpoints:
    """The handlers.

    Args:
        clock: the time.
        projects: the pools by project ID. The caller may change the mapping at any time.
    """

    def __init__(self, clock: Clock, projects: Mapping[str, Sequence[Pool]]) -> None:
        self._clock = clock
        self._projects = projects

    def routes(self) -> list[web.RouteDef]:
        """Path and handler. The name of a route is the endpoint's name in `RecordedRequest`."""
        project = "/v2/{project}"
        return [
            web.get(f"{project}/pools", self.pools, name="pools"),
            web.get(f"{project}/pools/{{pool}}/workloads", self.workloads, name="workloads"),
            web.get(f"{project}/pools/{{pool}}/nodes", self.nodes, name="nodes"),
            web.get(f"{project}/statistics/pools/{{pool}}/workloads", self.statistics, name="statistics"),
            web.get(f"{project}/metrics/runtime/pools", self.runtime, name="runtime"),
            web.get("/v1/{project}/scheduled-events", self.events, name="events"),
        ]

    async def workloads(self, request: web.Request) -> web.Response:
        """One page of a pool's workloads."""
        pool = self._pool(request)
        try:
            query = WorkloadQuery.parse(request.query)
        except BadQuery:
            raise bad_request() from None
        items, total = pool.page(query)
        body = {"kind": "WorkloadList", "apiVersion": "v1", "metadata": {}, "items": items}
        return _answer(body if total is None else {**body, "total": total})

    async def statistics(self, request: web.Request) -> web.Response:
        """The number of a pool's workloads by type and status."""
        return _answer(statistics_object(self._pool(request).select(WorkloadQuery())))

    async def runtime(self, request: web.Request) -> web.Response:
        """Capacity and allocation of every pool of the project."""
        now = self._clock.wall()
        items = [
            runtime_object(pool.profile, pool.free_by_node(), now, pool.counted())
            for pool in self._pools(request)
        ]
        return _answer({"kind": "PoolMetricsList", "apiVersion": "v1", "items": items})

    async def pools(self, request: web.Request) -> web.Response:
        """The pools of one workspace; with `parent` those that are a share of that pool."""
        query = request.query.get("workspaceId", "0"), request.query.get("parent", "")
        profiles = [pool.profile for pool in self._pools(request)]
        items = [
            pool_object(profile, sum(other.parent == profile.id for other in profiles))
            for profile in profiles
            if (profile.workspace, profile.parent) == query
        ]
        return _answer({"kind": "PoolList", "apiVersion": "v2", "items": items})

    async def nodes(self, request: web.Request) -> web.Response:
        """One page of a pool's nodes; `continue` is the cursor of the next page."""
        pool, query = self._pool(request), request.query
        try:
            start, limit = int(query.get("continue") or 0), int(query.get("limit") or _NODES_PER_PAGE)
        except ValueError:
            raise bad_request() from None
        free = pool.free_by_node()
        end = min(start + limit, len(free))
        items = [node_object(pool.profile, index, free[index]) for index in range(start, end)]
        remaining = len(free) - end
        metadata = {"continue": str(end), "remainingItemCount": remaining} if remaining else {}
        return _answer({"kind": "NodeList", "apiVersion": "v2", "metadata": metadata, "items": items})

    async def events(self, request: web.Request) -> web.Response:
        """One page of the scheduled events of the project's pools, or of one of them."""
        query = request.query
        try:
            offset, limit = int(query.get("offset") or 0), int(query.get("limit") or _EVENTS_PER_PAGE)
        except ValueError:
            raise bad_request() from None
        name = query.get("poolName", "")
        events = [
            event for pool in self._pools(request) if name in {"", pool.profile.id} for event in pool.events
        ]
        return _answer({"events": events[offset : offset + limit], "count": len(events)})

    def _pools(self, request: web.Request) -> Sequence[Pool]:
        project = request.match_info["project"]
        if project not in self._projects or request.headers.get("X-Project-Id", project) != project:
            raise wrong_project()
        return self._projects[project]

    def _pool(self, request: web.Request) -> Pool:
        pool_id = request.match_info["pool"]
        for pool in self._pools(request):
            if pool.profile.id == pool_id:
                return pool
        raise pool_not_found(pool_id)


def _answer(body: object) -> web.Response:
    return web.json_bytes_response(body, dumps=msgspec.json.encode)
