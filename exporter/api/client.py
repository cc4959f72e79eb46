"""Asks the ModelArts API of one project: paced, signed, retried, counted."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import tenacity

from exporter.api.capacity import decode_capacities
from exporter.api.clock_skew import ClockSkew
from exporter.api.errors import error_for
from exporter.api.label_limits import ListingLabels
from exporter.api.nodes import read_free_cards
from exporter.api.pagination import read_listing
from exporter.api.pools import decode_pools
from exporter.api.schema import (
    LISTING_QUERY,
    NODES_LIMIT,
    nodes_path,
    pools_path,
    runtime_path,
    statistics_path,
    workloads_path,
)
from exporter.api.statistics import decode_statistics
from exporter.api.workloads import Page, decode_page
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
    from concurrent.futures import Executor

    from exporter.api.rate_limit import RateLimiter
    from exporter.common.clock import Clock
    from exporter.credentials.authenticator import Authenticator
    from exporter.self_metrics import SelfMetrics
    from exporter.snapshot.pool import Listing, PoolDescription
    from exporter.snapshot.resources import Capacity, FreeCards
    from exporter.transport.http import Transport

Decoded = TypeVar("Decoded")

ATTEMPTS = 3
"""How often one request is sent at most."""

_OK = 200
_backoff = tenacity.wait_random_exponential(multiplier=0.5, max=8)


@dataclass(slots=True, kw_only=True)
class Client:
    """The API of one project.

    Attributes:
        endpoint: `https://modelarts.<region>.myhuaweicloud.com`.
        project_id: the project.
        authenticator: signs and sends.
        transport: what it sends with.
        rate_limiter: the project's pace.
        clock: the time, and waits.
        self_metrics: where requests are counted.
        worker: understands every answer, off the event loop: a page of 500 workloads takes 2 ms, a list of
            10,000 pools half a second, and scrapes come in between.
        timeout: seconds for one request, body included.
    """

    endpoint: str
    project_id: str
    authenticator: Authenticator
    transport: Transport
    rate_limiter: RateLimiter
    clock: Clock
    self_metrics: SelfMetrics
    worker: Executor
    timeout: float
    _unauthorized: Unauthorized | None = None
    _cloud_time: ClockSkew = field(default_factory=ClockSkew)

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
            sent = self.clock.wall()
            answer = await self._get("workloads", path, {**LISTING_QUERY, "offset": str(offset)})
            received = self.clock.wall()
            ahead = self._cloud_time.ahead(answer, sent, received)
            now = received - ahead
            decode = partial(decode_page, answer.body, where=self._where(path), now=now, labels=labels)
            return await self._aside(decode)

        listing = await read_listing(fetch)
        for rejection, count in listing.rejected.items():
            self.self_metrics.workloads_rejected.labels(rejection).inc(count)
        self._count_unparsable(listing.unparsable)
        return replace(listing, limited=labels.limited, clock_ahead=ahead)

    async def pools(self, workspace_id: str) -> dict[str, PoolDescription]:
        """Every pool of a workspace, by ID.

        Raises:
            PollError: it could not be read.
        """
        path = pools_path(self.project_id)
        answer = await self._get("pools", path, {"workspaceId": workspace_id})
        return await self._aside(partial(decode_pools, answer.body, where=self._where(path)))

    async def capacities(self) -> Mapping[str, Capacity]:
        """What every pool of the project has and what of it is held, by ID; one request for all.

        Raises:
            NotFound: this region does not have the endpoint.
            PollError: it could not be read.
        """
        path = runtime_path(self.project_id)
        answer = await self._get("runtime", path, {})
        decode = partial(decode_capacities, answer.body, where=self._where(path))
        capacities = await self._aside(decode)
        self._count_unparsable(capacities.unparsable)
        return capacities.pools

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

        cards = await read_free_cards(fetch, worker=self.worker, where=self._where(path))
        self._count_unparsable(cards.unparsable)
        return cards.free

    async def statistics(self, pool: str) -> Mapping[tuple[str, str], int]:
        """The cloud's own count of a pool's workloads, by (type, status).

        Asked for once, without retries: a listing waits for it.

        Raises:
            NotFound: there is no such pool, or this region does not have the endpoint.
            PollError: it could not be read.
        """
        path = statistics_path(self.project_id, pool)
        answer = await self._get("statistics", path, {}, attempts=1)
        return await self._aside(partial(decode_statistics, answer.body, where=self._where(path)))

    async def _aside(self, decode: Callable[[], Decoded]) -> Decoded:
        """What an answer says, found out on the worker.

        Small ones too: the way there and back takes the loop 0.03 ms, as long as it takes to understand an
        answer about one pool, and so nobody has to know which answers are small.
        """
        return await asyncio.get_running_loop().run_in_executor(self.worker, decode)

    async def _get(
        self, endpoint: str, path: str, query: Mapping[str, str], attempts: int = ATTEMPTS
    ) -> Response:
        """A 200.

        Raises:
            PollError: anything else, after the retries that make sense.
        """
        request = Request("GET", canonical_url(self.endpoint, path, query), timeout=self.timeout)
        retrying = tenacity.AsyncRetrying(
            sleep=self.clock.sleep,
            stop=tenacity.stop_after_attempt(attempts),
            retry=tenacity.retry_if_exception(self._worth_retrying),
            wait=self._pause,
            before_sleep=self._count_retry,
            reraise=True,
        )
        async for attempt in retrying:
            with attempt:
                return await self._send(endpoint, request)
        raise AssertionError  # tenacity returns or raises

    async def _send(self, endpoint: str, request: Request) -> Response:
        counted = _Counted(self.transport, endpoint, self.clock, self.self_metrics)
        async with self.rate_limiter.slot():
            try:
                response = await self.authenticator.send(request, counted)
            except LockedOut as held:
                raise self._with_reason(held) from held
        if response.status != _OK:
            raise self._refused(response, request)
        self.rate_limiter.accepted()
        self._unauthorized = None
        return response

    def _refused(self, response: Response, request: Request) -> PollError:
        error = error_for(
            response, where=request.where, source=self.authenticator.source_name, now=self.clock.wall()
        )
        if isinstance(error, Throttled):
            self.rate_limiter.refused(error.retry_after, error.limit)
        if isinstance(error, Unauthorized):
            self._unauthorized = error
        return error

    def _with_reason(self, held: LockedOut) -> LockedOut:
        """An error of credentials that are held back, with what the cloud said when it refused them."""
        if self._unauthorized is None:
            return held
        return LockedOut(
            f"{held.what}; it said: {self._unauthorized.what}",
            where=held.where,
            advice=self._unauthorized.advice,
        )

    def _worth_retrying(self, error: BaseException) -> bool:
        match error:
            case Throttled():
                # A longer pause than a request may take is not waited out here: the poll says so instead.
                return self.rate_limiter.paused_for() <= self.timeout
            case ConnectionFailed() | RequestTimeout() | ServerError():
                return True
            case _:
                return False

    def _pause(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, Throttled):
            return 0.0  # the throttle waits, for everyone
        return _backoff(state)

    def _count_retry(self, state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, PollError):
            self.self_metrics.api_retries.labels(error.outcome).inc()

    def _count_unparsable(self, unparsable: Mapping[str, int]) -> None:
        for resource, count in unparsable.items():
            self.self_metrics.quantities_unparsable.labels(resource).inc(count)

    def _where(self, path: str) -> str:
        return f"GET {self.endpoint}{path}"


@dataclass(frozen=True, slots=True)
class _Counted:
    """A transport that counts what is sent: twice with two credentials, not at all without any.

    Attributes:
        transport: sends.
        endpoint: for the label.
        clock: to time it.
        self_metrics: where it is counted.
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
