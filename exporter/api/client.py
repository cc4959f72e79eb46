"""Requests to the ModelArts API of one project: rate-limited, authenticated, retried and counted."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

import tenacity

from exporter.api.capacity import decode_runtime_metrics
from exporter.api.errors import error_for
from exporter.api.label_limits import ListingLabels
from exporter.api.nodes import read_free_cards
from exporter.api.pagination import read_listing
from exporter.api.pools import decode_pools
from exporter.api.scheduled_events import read_scheduled_events
from exporter.api.schema import (
    EVENTS_LIMIT,
    LISTING_QUERY,
    NODES_LIMIT,
    nodes_path,
    pools_path,
    runtime_path,
    scheduled_events_path,
    statistics_path,
    workloads_path,
)
from exporter.api.statistics import decode_statistics
from exporter.api.workloads import Page, decode_page
from exporter.common.clock import wall_and_monotonic
from exporter.common.errors import (
    ConnectionFailed,
    LockedOut,
    PollError,
    RequestTimeout,
    ServerError,
    Throttled,
    Unauthorized,
)
from exporter.credentials.signing import canonical_url
from exporter.transport.http import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from exporter.api.capacity import RuntimeMetrics
    from exporter.api.memory import ApiMemory
    from exporter.api.pools import ListedPools
    from exporter.api.rate_limit import RateLimiter
    from exporter.common.clock import Clock
    from exporter.context import Context
    from exporter.credentials.authenticator import Authenticator
    from exporter.self_metrics import SelfMetrics
    from exporter.snapshot.events import ScheduledEvents
    from exporter.snapshot.pool import Listing
    from exporter.snapshot.resources import FreeCards
    from exporter.transport.http import Transport

Decoded = TypeVar("Decoded")

ATTEMPTS = 3
"""Of one request, the first included."""

ABOUT_POOL = {"workloads", "nodes", "statistics"}
"""The endpoints that one pool is asked for; the others are the project's."""

_backoff = tenacity.wait_random_exponential(multiplier=0.5, max=8)


@dataclass(slots=True, kw_only=True)
class Client:
    """The API of one project.

    Attributes:
        endpoint: `https://modelarts.<region>.myhuaweicloud.com`.
        project_id: the project.
        authenticator: adds the credentials.
        transport: sends.
        rate_limiter: the project's.
        memory: what earlier answers have said about how to ask.
        context: clock, self metrics, and the worker, which decodes answers off the event loop, so that
            scrapes are served meanwhile: a page of 500 workloads takes 2 ms, a list of 10,000 pools half a
            second.
        timeout: seconds for one request, body included.
        accelerator_names: what accelerators are called in requests, by their names in capacities and nodes,
            where they differ.
    """

    endpoint: str
    project_id: str
    authenticator: Authenticator
    transport: Transport
    rate_limiter: RateLimiter
    memory: ApiMemory
    context: Context
    timeout: float
    accelerator_names: Mapping[str, str] = field(default_factory=dict)

    async def listing(self, pool: str) -> Listing:
        """Every workload of a pool.

        Args:
            pool: the pool's ID.

        Raises:
            PollError: it could not be read.
        """
        path = workloads_path(self.project_id, pool)
        labels, ahead = ListingLabels(), 0.0

        async def fetch(offset: int) -> Page:
            nonlocal ahead
            started = self.context.clock.monotonic()
            answer = await self._get("workloads", path, {**LISTING_QUERY, "offset": str(offset)})
            wall, monotonic = wall_and_monotonic(self.context.clock)
            took = monotonic - started
            ahead = self.memory.clock_skew.ahead(answer, took=took, wall=wall, monotonic=monotonic)
            now = wall - ahead
            where, secrets = self._where(path), answer.secrets
            decode = partial(decode_page, answer.body, where=where, now=now, labels=labels, secrets=secrets)
            return self.memory.named_pools.check(await self._decoded(decode), pool, where, secrets)

        listing = await read_listing(fetch)
        for rejection, count in listing.rejected.items():
            self.context.self_metrics.workloads_rejected.labels(rejection).inc(count)
        self._count_unparsable(listing.unparsable)
        return replace(listing, limited=labels.limited, clock_ahead=ahead)

    async def pools(self, workspace_id: str) -> ListedPools:
        """Every pool of a workspace, by ID, and the logical pools that are a share of one.

        One request, and another one for each pool that has shares: the list does not have these otherwise.

        Raises:
            PollError: it could not be read.
        """
        listed = await self._pools({"workspaceId": workspace_id})
        for parent in listed.parents:
            listed = listed.with_shares(await self._pools({"workspaceId": workspace_id, "parent": parent}))
        return listed

    async def _pools(self, query: Mapping[str, str]) -> ListedPools:
        path = pools_path(self.project_id)
        answer = await self._get("pools", path, query)
        return await self._decoded(partial(decode_pools, answer.body, where=self._where(path)))

    async def runtime_metrics(self) -> RuntimeMetrics:
        """Resources, and the cloud's count of workloads, of every pool of the project; one request for all.

        Raises:
            NotFound: this region does not have the endpoint.
            PollError: it could not be read.
        """
        path = runtime_path(self.project_id)
        answer = await self._get("runtime", path, {})
        decode = partial(
            decode_runtime_metrics,
            answer.body,
            where=self._where(path),
            accelerators=self.accelerator_names,
        )
        metrics = await self._decoded(decode)
        self._count_unparsable(metrics.unparsable)
        return metrics

    async def free_cards(self, pool: str) -> FreeCards:
        """The free cards of a pool, node by node.

        Args:
            pool: the pool's ID.

        Raises:
            NotFound: there is no such pool, or this region does not have the endpoint.
            PollError: they could not be read.
        """
        path = nodes_path(self.project_id, pool)

        async def fetch(cursor: str) -> bytes:
            query = {"limit": str(NODES_LIMIT), **({"continue": cursor} if cursor else {})}
            return (await self._get("nodes", path, query)).body

        cards = await read_free_cards(
            fetch,
            pool=pool,
            worker=self.context.worker,
            where=self._where(path),
            accelerators=self.accelerator_names,
        )
        self._count_unparsable(cards.unparsable)
        return cards.free

    async def scheduled_events(self, pool: str) -> ScheduledEvents:
        """What the cloud plans to do to the nodes of a pool.

        Args:
            pool: the pool's ID.

        Raises:
            NotFound: this region does not have the endpoint.
            PollError: it could not be read.
        """
        path = scheduled_events_path(self.project_id)

        async def fetch(offset: int) -> bytes:
            query = {"poolName": pool, "limit": str(EVENTS_LIMIT), "offset": str(offset)}
            return (await self._get("events", path, query)).body

        return await read_scheduled_events(
            fetch, pool=pool, worker=self.context.worker, where=self._where(path)
        )

    async def statistics(self, pool: str) -> Mapping[tuple[str, str], int] | None:
        """The cloud's own count of a pool's workloads, by (type, status); None if the answer has none.

        Without retries, because a listing waits for it.

        Raises:
            NotFound: there is no such pool, or this region does not have the endpoint.
            PollError: it could not be read.
        """
        path = statistics_path(self.project_id, pool)
        answer = await self._get("statistics", path, {}, attempts=1)
        return await self._decoded(partial(decode_statistics, answer.body, where=self._where(path)))

    async def _decoded(self, decode: Callable[[], Decoded]) -> Decoded:
        """Decode an answer on the worker.

        Small answers too: handing one over costs the event loop 0.03 ms, as much as decoding it.
        """
        return await asyncio.get_running_loop().run_in_executor(self.context.worker, decode)

    async def _get(
        self, endpoint: str, path: str, query: Mapping[str, str], attempts: int = ATTEMPTS
    ) -> Response:
        """Send a request, with retries if they may help; the answer has status 200.

        Raises:
            PollError: there is no such answer.
        """
        request = Request("GET", canonical_url(self.endpoint, path, query), timeout=self.timeout)
        retrying = tenacity.AsyncRetrying(
            sleep=self.context.clock.sleep,
            stop=tenacity.stop_after_attempt(attempts),
            retry=tenacity.retry_if_exception(self._worth_retrying),
            wait=self._pause,
            before_sleep=self._count_retry,
            reraise=True,
        )
        async for attempt in retrying:
            with attempt:
                sent = replace(request, attempt=attempt.retry_state.attempt_number)
                return await self._send(endpoint, sent)
        raise AssertionError  # tenacity returns or raises

    async def _send(self, endpoint: str, request: Request) -> Response:
        counted = _Counted(self.transport, endpoint, self.context.clock, self.context.self_metrics)
        async with self.rate_limiter.slot():
            try:
                response = await self.authenticator.send(request, counted)
            except LockedOut as error:
                raise self._with_reason(error) from error
        if response.status != HTTPStatus.OK:
            raise self._refused(response, request, about_pool=endpoint in ABOUT_POOL)
        self.rate_limiter.accepted()
        self.memory.refusal = None
        return response

    def _refused(self, response: Response, request: Request, *, about_pool: bool) -> PollError:
        error = error_for(
            response,
            where=request.where,
            source=self.authenticator.source_name,
            now=self.context.clock.wall(),
            about_pool=about_pool,
        )
        if isinstance(error, Throttled):
            self.rate_limiter.refused(error.retry_after, error.limit)
        if isinstance(error, Unauthorized):
            self.memory.refusal = error
        return error

    def _with_reason(self, error: LockedOut) -> LockedOut:
        """The error, with the cloud's message when it refused the credentials."""
        if self.memory.refusal is None:
            return error
        return LockedOut(
            f"{error.what}; its answer was {self.memory.refusal.what}",
            where=error.where,
            advice=self.memory.refusal.advice,
        )

    def _worth_retrying(self, error: BaseException) -> bool:
        match error:
            case Throttled():
                # The poll fails rather than wait for a pause that is longer than a request's timeout.
                return self.rate_limiter.paused_for() <= self.timeout
            case ConnectionFailed() | RequestTimeout() | ServerError():
                return True
            case _:
                return False

    def _pause(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, Throttled):
            return 0.0  # the rate limiter pauses the whole project
        return _backoff(state)

    def _count_retry(self, state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, PollError):
            self.context.self_metrics.api_retries.labels(error.outcome).inc()

    def _count_unparsable(self, unparsable: Mapping[str, int]) -> None:
        for resource, count in unparsable.items():
            self.context.self_metrics.quantities_unparsable.labels(resource).inc(count)

    def _where(self, path: str) -> str:
        return f"GET {self.endpoint}{path}"


@dataclass(frozen=True, slots=True)
class _Counted:
    """A transport that counts each request that is sent: two if the credentials change, none if locked out.

    Attributes:
        transport: sends.
        endpoint: the label's value.
        clock: measures durations.
        self_metrics: counts.
    """

    transport: Transport
    endpoint: str
    clock: Clock
    self_metrics: SelfMetrics

    async def send(self, request: Request) -> Response:
        """See `Transport`."""
        started = self.clock.monotonic()
        try:
            response = await self.transport.send(request)
        except PollError as error:
            self._count(error.outcome, started)
            raise
        self._count(str(response.status), started)
        return response

    def _count(self, code: str, started: float) -> None:
        self.self_metrics.api_requests.labels(self.endpoint, code).inc()
        self.self_metrics.api_request_duration.labels(self.endpoint).observe(self.clock.monotonic() - started)
