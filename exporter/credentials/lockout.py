"""Prevents the cloud from locking credentials that it refuses.

Huawei documents for AK/SK: more than 5 failures in a row lock a key pair for 5 minutes, for everyone who
uses it. IAM locks users after failed logins likewise. So there must be no sixth refusal within 5 minutes:
few requests are in flight at a time (see `InFlight`), every refusal counts, and the next attempt waits until
it would be the fifth refusal at most. The cloud locks the access key, whatever the secret, and the user,
whatever the password, so refusals are counted by access key and by user.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from exporter.common.errors import ConnectionFailed, LockedOut, RequestTimeout, TlsFailed
from exporter.credentials.in_flight import InFlight

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from exporter.common.clock import Clock
    from exporter.credentials.credential import Identity
    from exporter.transport.http import Request, Response, Transport

FIRST_HOLD = 60.0
"""Seconds without a request after the first refusal; every further one doubles them."""

LONGEST_HOLD = 900.0
"""Seconds; a credential that has been put right is tried again after this at the latest."""

FORGOTTEN_AFTER = 86_400.0
"""Seconds since its last use after which a credential is forgotten: temporary ones come every hour."""

MOST_REFUSALS = 5
"""In a row within a window; one more locks."""

WINDOW = 300.0
"""Seconds; older refusals do not count any more."""

PROBES = 3
"""Requests under way at a time with a credential that nothing is known of: all may be refused, and further
tries are to be left for whoever puts it right."""

_Unreachable = ConnectionFailed | RequestTimeout | TlsFailed


class _Scope(NamedTuple):
    """Requests that are likely to be answered alike."""

    origin: str
    project_id: str


@dataclass(slots=True)
class _Allowance:
    """What is common to all credentials that the cloud locks together.

    Attributes:
        in_flight: their requests in flight.
        turns: for the probes of all scopes together; in the order of asking, so that no scope waits for
            a second probe of another.
        refusals: when the last ones in a row arrived; monotonic.
    """

    in_flight: InFlight
    turns: asyncio.Semaphore
    refusals: deque[float] = field(default_factory=lambda: deque(maxlen=MOST_REFUSALS))


@dataclass(slots=True)
class _State:
    """What is known of one credential.

    Attributes:
        allowance: what it shares with those that are locked together with it.
        lineage: whose times of being refused count together with its own.
        used_at: monotonic.
        accepted: an answer has proved it, and none refused it, or another of its allowance, since.
        held_until: monotonic; no request goes out before. 0 if it was never refused.
        probes: by scope, the one request of it that finds out, or waits for its turn to. Done with why it
            brought no answer, or with None as soon as there is something new to know.
    """

    allowance: _Allowance
    lineage: str
    used_at: float
    accepted: bool = False
    held_until: float = 0.0
    probes: dict[_Scope, asyncio.Future[_Unreachable | None]] = field(default_factory=dict)

    def conclude(self) -> None:
        """Let all who wait, in every scope, look at what is known now."""
        for probe in self.probes.values():
            probe.set_result(None)
        self.probes.clear()


class Lockout:
    """Sends requests on behalf of credentials; one instance for the whole process.

    A credential that has not been accepted yet has one request under way per project, and three in all: many
    pools with one wrong key make at most three failed requests, and a project that is slow or answers
    nothing of use does not hold up another with the same key. A refused credential is left alone for a
    minute, then 2, 4, 8, at most 15, or longer if a sixth refusal within 5 minutes were possible. From then
    on it is tried with one request at a time. A changed secret or password is tried at once, unless that
    could be the sixth refusal of its key or user.

    Attributes:
        shared_by: how many exporters are likely to have the same credentials, and to be refused together.
            Each takes its share of the refusals that are allowed. With more than five there is less than one
            for each, so that they keep to the limit on average, but not when all try at the same time.
    """

    def __init__(self, clock: Clock) -> None:
        self.shared_by = 1
        self._clock = clock
        self._states: dict[str, _State] = {}
        self._allowances: dict[str, _Allowance] = {}
        self._times: dict[str, int] = {}

    async def send(
        self, identity: Identity, request: Request, transport: Transport, *, project_id: str = ""
    ) -> Response:
        """Send a request that bears this credential, when that is safe.

        Args:
            identity: the credential's.
            request: what to send.
            transport: adds the credential.
            project_id: whom the request is about; empty where it is about no project, as a login.

        Raises:
            LockedOut: the cloud refused it lately; nothing was sent.
            PollError: the transport's.
        """
        state, scope = self._state_of(identity), _Scope(_origin(request), project_id)
        while True:
            if state.accepted:
                async with state.allowance.in_flight.taken():
                    if state.accepted:  # it may have been refused meanwhile
                        return await self._sent(state, request, transport)
            self._refuse_while_held(state, identity)
            if scope in state.probes:
                await _concluded(state.probes[scope], request)
                continue
            with _probing(state, scope):
                async with state.allowance.turns, state.allowance.in_flight.taken():
                    # Another scope's may have been refused meanwhile.
                    self._refuse_while_held(state, identity, own=1)
                    return await self._sent(state, request, transport)

    async def _sent(self, state: _State, request: Request, transport: Transport) -> Response:
        response = await transport.send(request)
        self._note(state, response)
        return response

    def _note(self, state: _State, response: Response) -> None:
        """Success proves the credential, as does 403, which is for somebody known; 401 refuses it.

        Other answers say nothing: a gateway may give them (an unknown path, a limit, a login page) before it
        looks at who asks.
        """
        now = self._clock.monotonic()
        late = now < state.held_until  # it was under way when another was refused
        if response.status == HTTPStatus.UNAUTHORIZED:
            state.allowance.refusals.append(now)
            self._doubt(state.allowance)
            if not late:
                self._refuse(state, now)
        elif not late and (
            HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES
            or response.status == HTTPStatus.FORBIDDEN
        ):
            state.accepted = True
            state.allowance.refusals.clear()
            self._times.pop(state.lineage, None)
            state.conclude()

    def _doubt(self, allowance: _Allowance) -> None:
        """Have all that share it proved again: the next refusals may be theirs, and count together."""
        for state in self._states.values():
            if state.allowance is allowance:
                state.accepted = False

    def _refuse(self, state: _State, now: float) -> None:
        """Leave the credential alone; refusals of requests that were under way together are one time."""
        before = self._times.get(state.lineage, 0)
        self._times[state.lineage] = before + 1
        # The exponent is bounded: 2**1024 is no float any more.
        state.held_until = now + min(FIRST_HOLD * 2 ** min(before, 16), LONGEST_HOLD)
        # One at a time from now on: the refusals that follow count in a row with those before.
        state.allowance.turns = asyncio.Semaphore(1)
        state.conclude()

    def _next_try(self, refusals: Sequence[float]) -> float:
        """The monotonic moment from which on another refusal would not be one too many in its window."""
        allowed = self._allowed
        if len(refusals) < allowed:
            return 0.0
        return refusals[-allowed] + WINDOW * math.ceil(self.shared_by / MOST_REFUSALS)

    @property
    def _allowed(self) -> int:
        return max(1, MOST_REFUSALS // self.shared_by)

    def _refuse_while_held(self, state: _State, identity: Identity, own: int = 0) -> None:
        """Refuse to send what may be refused once too often; `own` requests under way are the asker's."""
        now = self._clock.monotonic()
        # What is under way from before the credential was refused may be refused at any moment.
        refusals = state.allowance.refusals
        pending = [now] * (state.allowance.in_flight.under_way - own) if refusals else []
        remaining = max(state.held_until, self._next_try([*refusals, *pending])) - now
        if remaining > 0:
            refused = "these credentials" if state.held_until else "others of this key or user"
            raise LockedOut(
                f"the cloud refused {refused}; asked again in {remaining:.0f} s, "
                "so that it does not lock them",
                where=identity.source,
                advice=identity.advice,
            )

    def _state_of(self, identity: Identity) -> _State:
        now = self._clock.monotonic()
        state = self._states.get(identity.fingerprint)
        if state is None:
            self._forget_unused(now)
            allowance = self._allowances.get(identity.locked)
            if allowance is None:
                turns = asyncio.Semaphore(
                    1 if identity.lineage in self._times else min(PROBES, self._allowed)
                )
                allowance = self._allowances[identity.locked] = _Allowance(InFlight(self._clock), turns)
            state = self._states[identity.fingerprint] = _State(allowance, identity.lineage, now)
        state.used_at = now
        return state

    def _forget_unused(self, now: float) -> None:
        self._states = {
            fingerprint: state
            for fingerprint, state in self._states.items()
            if now - state.used_at < FORGOTTEN_AFTER or state.allowance.in_flight.under_way
        }
        used = {id(state.allowance) for state in self._states.values()}
        self._allowances = {locked: one for locked, one in self._allowances.items() if id(one) in used}
        lineages = {state.lineage for state in self._states.values()}
        self._times = {lineage: times for lineage, times in self._times.items() if lineage in lineages}


async def _concluded(probe: asyncio.Future[_Unreachable | None], request: Request) -> None:
    """Wait for another request of the same scope.

    Raises:
        ConnectionFailed, RequestTimeout, TlsFailed: it found the host unreachable, so that this one need not
            wait for the same again.
    """
    await asyncio.wait({probe})
    error = probe.result()
    if error is not None:
        raise type(error)(error.what, where=request.where, advice=error.advice) from error


@contextmanager
def _probing(state: _State, scope: _Scope) -> Iterator[None]:
    """Be the one of this scope that finds out; tell those who wait how it ended."""
    probe = state.probes[scope] = asyncio.get_running_loop().create_future()
    failure = None
    try:
        yield
    except (ConnectionFailed, RequestTimeout, TlsFailed) as error:
        failure = error
        raise
    finally:
        if not probe.done():
            del state.probes[scope]
            probe.set_result(failure)


def _origin(request: Request) -> str:
    address = urlsplit(request.url)
    return f"{address.scheme}://{address.netloc}"
