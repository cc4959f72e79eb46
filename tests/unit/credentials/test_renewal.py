from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from exporter.common.errors import ConnectionFailed, CredentialsError, LockedOut, PollError, Throttled
from exporter.credentials.credential import KeyPair
from exporter.credentials.renewal import EARLY, FIRST_RETRY, LAST_RETRY, PAUSE, Renewals, RenewedSource

if TYPE_CHECKING:
    from support.fakes import FakeClock

HOUR = 3600.0


class Office:
    """An issuer of numbered keys, valid for an hour, that can be out of order."""

    name = "the office"

    def __init__(self, clock: FakeClock) -> None:
        self.issued = 0
        self.asked = 0
        self.valid: float | None = HOUR
        self.closed = False
        self.sign: PollError = ConnectionFailed("closed", where=self.name)
        self.gate = asyncio.Event()
        self.gate.set()
        self._clock = clock

    async def issue(self) -> KeyPair:
        self.asked += 1
        await asyncio.sleep(0)  # as a real one would, others get their turn
        await self.gate.wait()
        if self.closed:
            raise self.sign
        self.issued += 1
        expires_at = None if self.valid is None else self._clock.wall() + self.valid
        return KeyPair(str(self.issued), "SK", None, expires_at, self.name)


@pytest.fixture
def office(clock: FakeClock) -> Office:
    return Office(clock)


@pytest.fixture
def source(office: Office, clock: FakeClock) -> RenewedSource:
    return RenewedSource(office, clock)


async def key(source: RenewedSource) -> str:
    credential = await source.credential()
    assert isinstance(credential, KeyPair)
    return credential.access_key


async def test_credential_is_held_until_shortly_before_its_end(
    source: RenewedSource, clock: FakeClock
) -> None:
    """An hour's key is replaced 10 minutes before its end, not earlier."""
    assert await key(source) == "1"
    clock.advance(HOUR - EARLY - 1)
    assert await key(source) == "1"
    clock.advance(1)
    assert await key(source) == "2"


async def test_short_lived_credential_is_not_renewed_at_once(
    source: RenewedSource, office: Office, clock: FakeClock
) -> None:
    """What lives only 10 minutes is renewed after two thirds of them, not at every request."""
    office.valid = 600
    await key(source)
    clock.advance(399)
    assert await key(source) == "1"
    clock.advance(1)
    assert await key(source) == "2"


async def test_credential_given_shortly_before_its_end_is_used_up(
    source: RenewedSource, office: Office, clock: FakeClock
) -> None:
    """A service that gives the same last minute again and again is not asked at every request."""
    office.valid = PAUSE
    await key(source)
    clock.advance(PAUSE - 1)
    assert await key(source) == "1"
    clock.advance(1)
    assert await key(source) == "2"


async def test_endless_credential_is_never_renewed(
    source: RenewedSource, office: Office, clock: FakeClock
) -> None:
    """Without an end there is no early renewal."""
    office.valid = None
    await key(source)
    clock.advance(1e9)
    assert await key(source) == "1"


async def test_requests_at_the_same_time_share_one_renewal(source: RenewedSource, office: Office) -> None:
    """Whoever comes while a credential is asked for gets that one."""
    assert await asyncio.gather(*(key(source) for _ in range(20))) == ["1"] * 20
    assert office.asked == 1


async def test_requests_at_the_same_time_share_one_failure(
    source: RenewedSource, office: Office, clock: FakeClock
) -> None:
    """They do not each wait for the same timeout in turn; the next one after a pause tries again."""
    office.closed = True
    results = await asyncio.gather(*(key(source) for _ in range(20)), return_exceptions=True)
    assert all(isinstance(result, ConnectionFailed) for result in results)
    assert office.asked == 1
    office.closed = False
    clock.advance(FIRST_RETRY)
    assert await key(source) == "1"


async def test_failure_is_the_answer_for_longer_and_longer(
    source: RenewedSource, office: Office, clock: FakeClock
) -> None:
    """Ten, 20, 40 seconds, at most 5 minutes without a request; a success makes it begin anew."""
    office.closed = True
    for pause in (10, 20, 40, LAST_RETRY, LAST_RETRY):
        asked = office.asked
        for wait in (0, pause - 1):
            clock.advance(wait)
            with pytest.raises(ConnectionFailed, match="closed"):
                await key(source)
        assert office.asked == asked + 1
        clock.advance(1)
    office.closed = False
    source.refused(await source.credential())
    office.closed = True
    with pytest.raises(ConnectionFailed):
        await key(source)
    office.closed = False
    clock.advance(FIRST_RETRY)
    assert await key(source) == "2"


async def test_issuer_says_how_long_it_wants_to_be_left_alone(
    source: RenewedSource, office: Office, clock: FakeClock
) -> None:
    """The pause of a throttled request is at least what the answer asks for."""
    office.closed = True
    office.sign = Throttled("slow down", where=office.name, status=429, retry_after=70.0)
    for wait in (0, 69):
        clock.advance(wait)
        with pytest.raises(Throttled):
            await key(source)
    assert office.asked == 1
    office.closed = False
    clock.advance(1)
    assert await key(source) == "1"


async def test_held_back_request_makes_no_pause(source: RenewedSource, office: Office) -> None:
    """The guard sent nothing; a new password in its file is used at once."""
    office.closed = True
    office.sign = LockedOut("refused lately", where=office.name)
    with pytest.raises(LockedOut):
        await key(source)
    office.closed = False
    assert await key(source) == "1"


async def test_failed_early_renewals_make_no_pause_at_the_end(
    source: RenewedSource, office: Office, clock: FakeClock
) -> None:
    """When the held credential ends, the issuer is asked at once, however often it failed before."""
    await key(source)
    office.closed = True
    clock.advance(HOUR - EARLY)
    for _ in range(9):
        assert await key(source) == "1"
        clock.advance(PAUSE)
    clock.advance(PAUSE - 1)
    assert await key(source) == "1"
    office.closed = False
    clock.advance(1)
    assert await key(source) == "2"


async def test_failed_early_renewal_keeps_the_held_one(
    source: RenewedSource, office: Office, clock: FakeClock
) -> None:
    """It is tried again after a pause, not at every request, and logged once; at the end it is an error."""
    await key(source)
    office.closed = True
    clock.advance(HOUR - EARLY)
    with capture_logs() as logs:
        assert [await key(source) for _ in range(5)] == ["1"] * 5
        assert office.asked == 2
        clock.advance(PAUSE)
        assert [await key(source) for _ in range(5)] == ["1"] * 5
        assert office.asked == 3
    assert [(log["source"], log["problem"]) for log in logs] == [("the office", "the office: closed")]
    clock.advance(EARLY)
    with pytest.raises(ConnectionFailed):
        await key(source)


async def test_early_renewal_holds_up_one_request_only(
    source: RenewedSource, office: Office, clock: FakeClock
) -> None:
    """While one request waits for the new credential, others go on with the good one."""
    await key(source)
    clock.advance(HOUR - EARLY)
    office.gate.clear()
    renewing = asyncio.ensure_future(key(source))
    while office.asked < 2:
        await asyncio.sleep(0)
    assert await key(source) == "1"
    office.gate.set()
    assert await renewing == "2"


async def test_cancelled_renewal_is_taken_over(source: RenewedSource, office: Office) -> None:
    """A request that is given up does not take those with it who wait for the same credential."""
    office.gate.clear()
    first, second = (asyncio.ensure_future(key(source)) for _ in range(2))
    while office.asked < 1:
        await asyncio.sleep(0)
    first.cancel()
    office.gate.set()
    assert await second == "1"
    assert office.asked == 2


async def test_refused_credential_is_replaced(source: RenewedSource) -> None:
    """After a 401 the issuer is asked; a late 401 of the one before changes nothing."""
    first = await source.credential()
    source.refused(first)
    assert await key(source) == "2"
    source.refused(first)
    assert await key(source) == "2"


async def test_credential_given_with_its_end_in_the_past_is_an_error(
    source: RenewedSource, office: Office
) -> None:
    """A wrong clock shows as such instead of as endless renewal."""
    office.valid = -30
    with pytest.raises(
        CredentialsError, match=r"the office: .* expired 30 s ago; check this machine's clock"
    ):
        await key(source)


async def test_a_reload_neither_asks_again_nor_ends_a_pause(office: Office, clock: FakeClock) -> None:
    """A new configuration has a new source of the same issuer; a changed password is another issuer."""
    renewals = Renewals()
    source = RenewedSource(office, clock, renewals.of("login", "me", "secret"))
    assert await key(source) == "1"
    for _ in range(20):
        source = RenewedSource(office, clock, renewals.of("login", "me", "secret"))
        assert await key(source) == "1"
    office.closed = True
    clock.advance(HOUR)
    for _ in range(20):
        with pytest.raises(ConnectionFailed):
            await key(source)
        source = RenewedSource(office, clock, renewals.of("login", "me", "secret"))
    assert office.asked == 2
    office.closed = False
    source = RenewedSource(office, clock, renewals.of("login", "me", "corrected"))
    assert await key(source) == "2"


async def test_what_no_configuration_uses_is_forgotten(office: Office, clock: FakeClock) -> None:
    """However often a password changes, only the sources in use hold a credential."""
    renewals = Renewals()
    assert await key(RenewedSource(office, clock, renewals.of("login", "me"))) == "1"
    assert renewals.of("login", "me").cached is None
