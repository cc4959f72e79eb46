from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from support.fakes import StandingClock
from support.stub_service import Asked, StubService, stub_service

from exporter.common.errors import ConnectionFailed, CredentialsError
from exporter.credentials.credential import KeyPair, Token
from exporter.credentials.in_flight import IN_FLIGHT, SETTLED
from exporter.credentials.lockout import FORGOTTEN_AFTER, PROBES, Lockout
from exporter.transport.http import Request, Response, Transport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from support.fakes import FakeClock

WRONG = KeyPair("AK", "wrong", None, None, "a test").identity
GOOD = KeyPair("AK", "good", None, None, "a test").identity


@pytest.fixture
def lockout(clock: FakeClock) -> Lockout:
    return Lockout(clock)


@pytest.fixture
async def cloud() -> AsyncIterator[StubService]:
    """Answers with the status that is the path."""

    async def answer(asked: Asked) -> web.Response:
        return web.Response(status=int(asked.target.strip("/")))

    async with stub_service(answer) as service:
        yield service


def request(cloud: StubService, status: int) -> Request:
    return Request("GET", f"{cloud.url}/{status}")


async def probe_limit() -> None:
    """Let everybody go on who can."""
    for _ in range(20):
        await asyncio.sleep(0)


class Gate:
    """A transport whose requests wait until they are let through."""

    def __init__(self, transport: Transport) -> None:
        self.open = asyncio.Event()
        self.entered = asyncio.Event()
        self.waiting = 0
        self._transport = transport

    async def send(self, request: Request) -> Response:
        self.waiting += 1
        self.entered.set()
        await self.open.wait()
        return await self._transport.send(request)


async def test_many_pools_with_a_wrong_key_make_one_request(lockout: Lockout, cloud: StubService) -> None:
    """Twenty at once with a key that was never accepted: one is refused, the others are told, none sent."""
    sends = (lockout.send(WRONG, request(cloud, 401), cloud.transport) for _ in range(20))
    results = await asyncio.gather(*sends, return_exceptions=True)
    assert [result.status for result in results if isinstance(result, Response)] == [401]
    assert sum(isinstance(result, CredentialsError) for result in results) == 19
    assert len(cloud.asked) == 1


async def test_good_key_is_probed_once_and_then_free(lockout: Lockout, cloud: StubService) -> None:
    """The first answer lets everybody through at the same time."""
    gate = Gate(cloud.transport)
    sends = [asyncio.ensure_future(lockout.send(GOOD, request(cloud, 200), gate)) for _ in range(5)]
    await gate.entered.wait()
    assert gate.waiting == 1
    gate.open.set()
    await sends[0]
    gate.open.clear()
    await probe_limit()
    assert gate.waiting == 5
    gate.open.set()
    assert [response.status for response in await asyncio.gather(*sends)] == [200] * 5


async def test_refused_key_is_left_alone_longer_and_longer(
    lockout: Lockout, cloud: StubService, clock: FakeClock
) -> None:
    """One, 2, 4, 8, then always 15 minutes without a request; each end lets one through."""
    for seconds in (60, 120, 240, 480, 900, 900):
        await lockout.send(WRONG, request(cloud, 401), cloud.transport)
        sent = len(cloud.asked)
        clock.advance(seconds - 1)
        with pytest.raises(CredentialsError, match=r"a test: .* the next try is in 1 s.*check that the key"):
            await lockout.send(WRONG, request(cloud, 200), cloud.transport)
        assert len(cloud.asked) == sent
        clock.advance(1)


async def test_new_key_starts_clean(lockout: Lockout, cloud: StubService) -> None:
    """A rotated secret is used at once while the old one is held back."""
    await lockout.send(WRONG, request(cloud, 401), cloud.transport)
    assert (await lockout.send(GOOD, request(cloud, 200), cloud.transport)).status == 200
    with pytest.raises(CredentialsError):
        await lockout.send(WRONG, request(cloud, 200), cloud.transport)


async def test_secrets_of_one_access_key_are_refused_five_times_together(
    lockout: Lockout, cloud: StubService, clock: FakeClock
) -> None:
    """Each new one gets its try at once, but for the sixth, which would lock the key for all of them."""
    for n in range(5):
        wrong = KeyPair("AK", f"wrong {n}", None, None, "a test").identity
        assert (await lockout.send(wrong, request(cloud, 401), cloud.transport)).status == 401
        clock.advance(10)
    with pytest.raises(
        CredentialsError, match="refused other credentials of this key or user; the next try is in 250 s"
    ):
        await lockout.send(GOOD, request(cloud, 200), cloud.transport)
    another = KeyPair("another AK", "wrong", None, None, "a test").identity
    assert (await lockout.send(another, request(cloud, 401), cloud.transport)).status == 401
    clock.advance(250)
    assert (await lockout.send(GOOD, request(cloud, 200), cloud.transport)).status == 200


async def test_secrets_of_one_access_key_are_tried_three_at_a_time(
    cloud: StubService, lockout: Lockout
) -> None:
    """As many as requests with one secret: all that is under way may be refused."""
    gate = Gate(cloud.transport)
    wrong = (KeyPair("AK", f"wrong {n}", None, None, "a test").identity for n in range(12))
    sends = [asyncio.ensure_future(lockout.send(one, request(cloud, 401), gate)) for one in wrong]
    await probe_limit()
    assert gate.waiting == PROBES
    gate.open.set()
    results = await asyncio.gather(*sends, return_exceptions=True)
    assert sum(isinstance(result, Response) for result in results) == len(cloud.asked) == 5


async def test_a_wrong_secret_does_not_hold_up_the_right_one(lockout: Lockout, cloud: StubService) -> None:
    """A refusal makes the right one prove itself again, with one request; that counts for both."""
    await lockout.send(GOOD, request(cloud, 200), cloud.transport)
    await lockout.send(WRONG, request(cloud, 401), cloud.transport)
    gate = Gate(cloud.transport)
    sends = [asyncio.ensure_future(lockout.send(GOOD, request(cloud, 200), gate)) for _ in range(6)]
    await probe_limit()
    assert gate.waiting == 1
    gate.open.set()
    assert {response.status for response in await asyncio.gather(*sends)} == {200}


@pytest.mark.parametrize(
    ("status", "hold"), [(200, 60), (403, 60)] + [(status, 120) for status in (302, 404, 429, 500)]
)
async def test_only_success_and_missing_permissions_prove_the_key(
    lockout: Lockout, cloud: StubService, clock: FakeClock, status: int, hold: float
) -> None:
    """They make the count of refusals begin anew; other answers may come before anybody saw the key."""
    await lockout.send(WRONG, request(cloud, 401), cloud.transport)
    clock.advance(60)
    await lockout.send(WRONG, request(cloud, status), cloud.transport)
    await lockout.send(WRONG, request(cloud, 401), cloud.transport)
    clock.advance(hold - 1)
    with pytest.raises(CredentialsError):
        await lockout.send(WRONG, request(cloud, 200), cloud.transport)
    clock.advance(1)
    assert (await lockout.send(WRONG, request(cloud, 200), cloud.transport)).status == 200


async def test_a_key_not_proven_yet_is_asked_with_one_by_one(lockout: Lockout, cloud: StubService) -> None:
    """Answers that prove nothing do not open the gate: three more requests make one refusal."""
    await lockout.send(WRONG, request(cloud, 404), cloud.transport)
    results = await asyncio.gather(
        *(lockout.send(WRONG, request(cloud, 401), cloud.transport) for _ in range(3)), return_exceptions=True
    )
    assert [isinstance(result, CredentialsError) for result in results] == [False, True, True]


async def test_slow_project_does_not_hold_up_another(lockout: Lockout, cloud: StubService) -> None:
    """While one project does not answer, another with the same key proves it, for both."""
    gate = Gate(cloud.transport)
    slow = [
        asyncio.ensure_future(lockout.send(GOOD, request(cloud, 404), gate, project_id="slow"))
        for _ in range(5)
    ]
    await gate.entered.wait()
    assert gate.waiting == 1
    answer = await lockout.send(GOOD, request(cloud, 200), cloud.transport, project_id="healthy")
    assert answer.status == 200
    await probe_limit()
    assert gate.waiting == 5
    gate.open.set()
    await asyncio.gather(*slow)


async def test_projects_that_prove_nothing_take_turns_with_others(
    lockout: Lockout, cloud: StubService
) -> None:
    """With more projects than probes, none waits for a second request of another."""
    order: list[str] = []

    class Noted:
        def __init__(self, project: str) -> None:
            self._project = project

        async def send(self, request: Request) -> Response:
            order.append(self._project)
            return await cloud.transport.send(request)

    await asyncio.gather(
        *(
            lockout.send(GOOD, request(cloud, 404), Noted(project), project_id=project)
            for project in "abcd"
            for _ in range(5)
        )
    )
    assert sorted(order[:4]) == ["a", "b", "c", "d"]
    assert len(order) == 20


async def test_many_projects_with_a_wrong_key_make_three_requests(
    lockout: Lockout, cloud: StubService, clock: FakeClock
) -> None:
    """Five refusals would lock the key: three at first, and one more after each pause."""
    for sent in (3, 4):
        gate = Gate(cloud.transport)
        sends = [
            asyncio.ensure_future(lockout.send(WRONG, request(cloud, 401), gate, project_id=f"{n % 10}"))
            for n in range(40)
        ]
        await gate.entered.wait()
        gate.open.set()
        results = await asyncio.gather(*sends, return_exceptions=True)
        assert len(cloud.asked) == sent
        assert sum(isinstance(result, CredentialsError) for result in results) in {37, 39}
        clock.advance(60)


async def test_refusal_in_one_project_is_told_to_all(lockout: Lockout, cloud: StubService) -> None:
    """Who waits for a slow project's answer hears at once that the key was refused elsewhere."""
    gate = Gate(cloud.transport)
    slow, waiting = (
        asyncio.ensure_future(lockout.send(WRONG, request(cloud, 401), gate, project_id="slow"))
        for _ in range(2)
    )
    await gate.entered.wait()
    await lockout.send(WRONG, request(cloud, 401), cloud.transport, project_id="other")
    with pytest.raises(CredentialsError, match="the next try is in 60 s"):
        await waiting
    gate.open.set()
    assert (await slow).status == 401


async def test_late_acceptance_does_not_free_a_refused_key(
    lockout: Lockout, cloud: StubService, clock: FakeClock
) -> None:
    """An answer to a request that was under way when the key was revoked may be older than that."""
    await lockout.send(GOOD, request(cloud, 200), cloud.transport)
    gate = Gate(cloud.transport)
    late = asyncio.ensure_future(lockout.send(GOOD, request(cloud, 200), gate))
    await gate.entered.wait()
    await lockout.send(GOOD, request(cloud, 401), cloud.transport)
    gate.open.set()
    await late
    with pytest.raises(CredentialsError, match="next try is in 60 s"):
        await lockout.send(GOOD, request(cloud, 200), cloud.transport)
    clock.advance(60)
    assert (await lockout.send(GOOD, request(cloud, 200), cloud.transport)).status == 200


async def test_key_revoked_under_way_is_not_locked(cloud: StubService) -> None:
    """Of twenty requests four are out when a key is revoked; a fifth tries again, and a sixth waits."""
    clock = StandingClock()
    lockout = Lockout(clock)
    await lockout.send(GOOD, request(cloud, 200), cloud.transport)
    gate = Gate(cloud.transport)
    sends = [asyncio.ensure_future(lockout.send(GOOD, request(cloud, 401), gate)) for _ in range(20)]
    await probe_limit()
    assert gate.waiting == IN_FLIGHT
    gate.open.set()
    results = await asyncio.gather(*sends, return_exceptions=True)
    assert sum(isinstance(result, CredentialsError) for result in results) == 16
    clock.advance(60)
    assert (await lockout.send(GOOD, request(cloud, 401), cloud.transport)).status == 401
    clock.advance(239)
    with pytest.raises(CredentialsError, match="next try is in 1 s"):
        await lockout.send(GOOD, request(cloud, 401), cloud.transport)
    assert len(cloud.asked) == 1 + 5
    clock.advance(1)
    assert (await lockout.send(GOOD, request(cloud, 200), cloud.transport)).status == 200


async def test_slots_come_free_with_answers_and_after_a_second(cloud: StubService) -> None:
    """Who gets no answer holds up others for a second; an answer lets the next one out at once."""
    clock = StandingClock()
    lockout = Lockout(clock)
    await lockout.send(GOOD, request(cloud, 200), cloud.transport)
    hung, quick = Gate(cloud.transport), Gate(cloud.transport)
    sends = [asyncio.ensure_future(lockout.send(GOOD, request(cloud, 200), hung)) for _ in range(IN_FLIGHT)]
    await probe_limit()
    sends += [
        asyncio.ensure_future(lockout.send(GOOD, request(cloud, 200), quick)) for _ in range(IN_FLIGHT + 1)
    ]
    await probe_limit()
    assert (hung.waiting, quick.waiting) == (IN_FLIGHT, 0)
    clock.advance(SETTLED)
    await probe_limit()
    assert quick.waiting == IN_FLIGHT
    quick.open.set()
    await asyncio.wait_for(asyncio.gather(*sends[IN_FLIGHT:]), 5)
    hung.open.set()
    await asyncio.gather(*sends)


async def test_late_refusals_are_waited_for(cloud: StubService) -> None:
    """Requests without an answer may yet be refused: with four of them and a refusal nobody tries again."""
    clock = StandingClock()
    lockout = Lockout(clock)
    await lockout.send(GOOD, request(cloud, 200), cloud.transport)
    gate = Gate(cloud.transport)
    hung = [asyncio.ensure_future(lockout.send(GOOD, request(cloud, 401), gate)) for _ in range(IN_FLIGHT)]
    await probe_limit()
    clock.advance(SETTLED)
    await lockout.send(GOOD, request(cloud, 401), cloud.transport)
    clock.advance(60)
    with pytest.raises(CredentialsError):
        await lockout.send(GOOD, request(cloud, 200), cloud.transport)
    for send in hung:
        send.cancel()
    await asyncio.wait(hung)
    assert (await lockout.send(GOOD, request(cloud, 200), cloud.transport)).status == 200


async def test_waiting_for_a_slot_can_be_given_up(cloud: StubService) -> None:
    """Somebody who is cancelled in the line leaves it; the next one moves up."""
    clock = StandingClock()
    lockout = Lockout(clock)
    await lockout.send(GOOD, request(cloud, 200), cloud.transport)
    gate = Gate(cloud.transport)
    sends = [
        asyncio.ensure_future(lockout.send(GOOD, request(cloud, 200), gate)) for _ in range(IN_FLIGHT + 2)
    ]
    await probe_limit()
    sends.pop(IN_FLIGHT).cancel()
    gate.open.set()
    assert {response.status for response in await asyncio.wait_for(asyncio.gather(*sends), 5)} == {200}


@pytest.mark.parametrize("shards", [1, 2, 3, 4, 5])
async def test_shards_with_one_wrong_key_do_not_lock_it(
    cloud: StubService, clock: FakeClock, shards: int
) -> None:
    """Whenever they ask, and for however many projects: all of them are refused five times at most."""
    guards = [Lockout(clock) for _ in range(shards)]
    refused: list[float] = []
    for lockout in guards:
        lockout.shared_by = shards
    for _ in range(120):
        sends = (
            lockout.send(WRONG, request(cloud, 401), cloud.transport, project_id=project)
            for lockout in guards
            for project in "abcd"
        )
        results = await asyncio.gather(*sends, return_exceptions=True)
        refused += [clock.monotonic()] * sum(isinstance(result, Response) for result in results)
        assert sum(clock.monotonic() - moment < 300 for moment in refused) <= 5
        clock.advance(15)
    assert len(refused) >= 5


async def test_more_than_five_shards_keep_to_the_limit_on_average(
    cloud: StubService, clock: FakeClock
) -> None:
    """Of ten, each tries once in ten minutes, for all of them may be refused."""
    lockout = Lockout(clock)
    lockout.shared_by = 10
    await lockout.send(WRONG, request(cloud, 401), cloud.transport)
    clock.advance(599)
    with pytest.raises(CredentialsError, match="next try is in 1 s"):
        await lockout.send(WRONG, request(cloud, 401), cloud.transport)


async def test_unreachable_host_is_neutral_and_found_once(lockout: Lockout, cloud: StubService) -> None:
    """No connection says nothing about the key; those who wait for the same host need not try it in turn."""
    tried: list[str] = []

    class Broken:
        async def send(self, request: Request) -> Response:
            tried.append(request.url)
            await asyncio.sleep(0)
            raise ConnectionFailed("no connection", where=request.where, advice="check the cable")

    dead = [Request("GET", f"http://dead.test/{n}") for n in range(5)]
    results = await asyncio.gather(
        *(lockout.send(GOOD, request, Broken()) for request in dead),
        lockout.send(GOOD, request(cloud, 200), cloud.transport),
        return_exceptions=True,
    )
    assert [str(result) for result in results[:5]] == [
        f"GET http://dead.test/{n}: no connection; check the cable" for n in range(5)
    ]
    assert tried == ["http://dead.test/0"]
    assert isinstance(results[5], Response)


async def test_cancelled_probe_hands_over(lockout: Lockout, cloud: StubService) -> None:
    """A request that is given up while others wait for its answer lets the next one find out."""
    gate = Gate(cloud.transport)
    first, second = (asyncio.ensure_future(lockout.send(GOOD, request(cloud, 200), gate)) for _ in range(2))
    await gate.entered.wait()
    first.cancel()
    gate.open.set()
    assert (await second).status == 200


async def test_renewed_tokens_share_their_count_of_refusals(
    lockout: Lockout, cloud: StubService, clock: FakeClock
) -> None:
    """A new token is tried at once, but when none of a login's tokens is accepted the pauses grow."""
    first, second = (Token(value, 0.0, "one login").identity for value in ("a", "b"))
    await lockout.send(first, request(cloud, 401), cloud.transport)
    assert (await lockout.send(second, request(cloud, 401), cloud.transport)).status == 401
    clock.advance(119)
    with pytest.raises(CredentialsError, match="next try is in 1 s"):
        await lockout.send(second, request(cloud, 401), cloud.transport)


async def test_unused_credentials_are_forgotten(
    lockout: Lockout, cloud: StubService, clock: FakeClock
) -> None:
    """Temporary keys that came and went do not pile up."""
    for n in range(3):
        temporary = KeyPair("AK", str(n), None, None, "s").identity
        await lockout.send(temporary, request(cloud, 401), cloud.transport)
    clock.advance(FORGOTTEN_AFTER)
    await lockout.send(GOOD, request(cloud, 200), cloud.transport)
    assert list(lockout._states) == [GOOD.fingerprint]
    assert lockout._lock_groups.keys() == {GOOD.lock_group}
    assert lockout._hold_counts == {}
