from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from support.fakes import FakeClock, StandingClock

from exporter.api.rate_limit import RateLimiter
from exporter.common.errors import ConnectionFailed, LockedOut
from exporter.credentials.credential import KeyPair
from exporter.credentials.in_flight import IN_FLIGHT, SETTLED
from exporter.credentials.lockout import Lockout
from exporter.transport.http import Request, Response

if TYPE_CHECKING:
    from exporter.credentials.credential import Identity

pytestmark = pytest.mark.long

SLOWEST = 300.0
HOUR = 3600.0


class Pace(RuleBasedStateMachine):
    """No request is sent sooner than the pace and the pauses that the cloud asks for allow.

    And none has to wait for a limit that the cloud has not named for an hour.
    """

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = FakeClock()
        self.rate_limiter = RateLimiter("p", requests_per_second=10, concurrency=3, clock=self.clock)
        self.named: list[tuple[float, float]] = []  # (spacing, when)
        self.earliest = self.clock.monotonic()

    @rule(requests=st.integers(1, 5))
    def send(self, requests: int) -> None:
        """So many pools want to be read at the same time."""

        async def one() -> None:
            async with self.rate_limiter.slot():
                sent = self.clock.monotonic()
                assert sent >= self.earliest - 1e-6
                kept = (spacing for spacing, when in self.named if sent < when + HOUR)
                self.earliest = sent + max((0.1, *kept))
                assert self.rate_limiter.paused_for() <= self.earliest - sent + 1e-6

        async def several() -> None:
            await asyncio.gather(*(one() for _ in range(requests)))

        self.loop.run_until_complete(several())

    @rule(
        retry_after=st.none() | st.floats(0, allow_nan=False),
        limit=st.none() | st.tuples(st.integers(1, 10**9), st.floats(1, 10**11)),
    )
    def refuse(self, retry_after: float | None, limit: tuple[int, float] | None) -> None:
        self.rate_limiter.refused(retry_after, limit)
        if limit:
            self.named.append((min(limit[1] / limit[0], SLOWEST), self.clock.monotonic()))
        if retry_after is not None and retry_after <= HOUR:  # more is a mistake
            self.earliest = max(self.earliest, self.clock.monotonic() + retry_after)

    @rule()
    def accept(self) -> None:
        self.rate_limiter.accepted()

    @rule(seconds=st.floats(0, 4000))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @invariant()
    def no_pause_is_for_ever(self) -> None:
        assert 0 <= self.rate_limiter.paused_for() <= HOUR + SLOWEST

    def teardown(self) -> None:
        self.loop.close()


TestPace = Pace.TestCase
TestPace.settings = settings(stateful_step_count=12)

MOST_FAILURES = 5
WINDOW = 300.0
PAIRS = [KeyPair("AK", secret, None, None, "test") for secret in ("one", "another")]


@dataclass(eq=False)
class _Open:
    """A request that has no answer yet.

    Attributes:
        key: whose, whatever the secret.
        sent: when.
        answer: what it waits for.
        let_in: others were sent because it had waited for so long that it cannot be refused any more.
    """

    key: str
    sent: float
    answer: asyncio.Future[Response]
    let_in: bool = False


class Lock(RuleBasedStateMachine):
    """A key is never refused more than five times in a row within five minutes: a sixth would lock it.

    Requests with two secrets of one key, and of three projects, are answered in any order, with anything, at
    any moment, however many want to be sent. But a refusal comes within a second where more than four are
    under way: what has waited for longer makes room for others, or one project that hangs would hold up all
    with the same key.
    """

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = StandingClock()
        self.lockout = Lockout(self.clock)
        self.open: list[_Open] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.failures: defaultdict[str, list[float]] = defaultdict(list)

    @rule(pair=st.sampled_from(PAIRS), project=st.sampled_from("abc"), requests=st.integers(1, 8))
    @precondition(lambda self: len(self.tasks) < 4 * MOST_FAILURES)
    def ask(self, pair: KeyPair, project: str, requests: int) -> None:
        machine = self

        class Waiting:
            async def send(self, request: Request) -> Response:
                del request
                answer: asyncio.Future[Response] = machine.loop.create_future()
                machine._note_sent(pair.identity.lock_group, answer)
                return await answer

        async def sent(identity: Identity) -> None:
            request = Request("GET", "https://c/v2")
            with suppress(LockedOut, ConnectionFailed):
                await self.lockout.send(identity, request, Waiting(), project_id=project)

        for _ in range(requests):
            self.tasks.append(self.loop.create_task(sent(pair.identity)))
        self._settle()

    @rule(pair=st.sampled_from(PAIRS), seconds=st.sampled_from([1.0, 60.0]))
    def revoke(self, pair: KeyPair, seconds: float) -> None:
        """All projects ask with one key, and everything that is under way is refused; then time passes."""
        for project in "abc":
            self.ask(pair, project, 3)
        while self.open:
            self.answer(0, 401)
        self.wait(seconds)

    @rule(which=st.integers(0, 9), status=st.sampled_from([200, 401, 401, 401, 403, 429, 500, 0]))
    @precondition(lambda self: self.open)
    def answer(self, which: int, status: int) -> None:
        """0: the connection breaks."""
        request = self.open.pop(which % len(self.open))
        if status == 401 and request.let_in:
            status = 500
        if status == 401:
            self.failures[request.key].append(self.clock.monotonic())
        elif status in {200, 403}:
            self.failures[request.key].clear()
        if status:
            request.answer.set_result(Response(status, {}, b""))
        else:
            request.answer.set_exception(ConnectionFailed("broken", where="test"))
        self._settle()

    @rule(seconds=st.sampled_from([1.0, 59.0, 60.0, 61.0, 120.0, 900.0, 90_000.0]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self._settle()

    @invariant()
    def never_locked(self) -> None:
        now = self.clock.monotonic()
        for failures in self.failures.values():
            assert sum(now - moment < WINDOW for moment in failures) <= MOST_FAILURES

    def _note_sent(self, key: str, answer: asyncio.Future[Response]) -> None:
        now = self.clock.monotonic()
        self.open.append(_Open(key, now, answer))
        under_way = [request for request in self.open if request.key == key]
        for request in under_way[:-IN_FLIGHT]:
            assert now - request.sent >= SETTLED
            request.let_in = True

    def _settle(self) -> None:
        async def turns() -> None:
            for _ in range(60):
                await asyncio.sleep(0)

        self.loop.run_until_complete(turns())
        for task in self.tasks:
            assert not task.done() or task.cancelled() or task.exception() is None
        self.tasks = [task for task in self.tasks if not task.done()]

    def teardown(self) -> None:
        for task in self.tasks:
            task.cancel()
        self._settle()
        self.loop.close()


TestLock = Lock.TestCase
TestLock.settings = settings(stateful_step_count=25)
