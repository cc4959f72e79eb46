"""Prevents the cloud from locking credentials that it refuses.

Huawei documents for AK/SK: more than 5 failures in a row lock a key pair for 5 minutes, for everyone who
uses it. IAM locks users after failed logins in the same way. So there must be no sixth refusal (401) within
5 minutes. To ensure this, every refusal is counted, few requests are in flight at a time (see `InFlight`),
and no request is sent while it could become the sixth refusal. The cloud locks the access key, for any
secret, and the user, for any password. So refusals are counted by access key and by user.
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
"""Seconds without a request after the first refusal; each further refusal doubles them."""

LONGEST_HOLD = 900.0
"""Seconds; the limit for the doubling. A corrected credential waits no longer than this."""

FORGOTTEN_AFTER = 86_400.0
"""Seconds without use after which a credential is forgotten. Temporary ones are replaced every hour."""

MOST_REFUSALS = 5
"""Refusals in a row within `WINDOW` that do not lock; one more does."""

WINDOW = 300.0
"""Seconds; older refusals no longer count."""

PROBES = 3
"""Requests in flight at a time with a credential that has not been accepted yet. All of them may be refused.
The rest of `MOST_REFUSALS` stays for tries after a correction."""

_Unreachable = ConnectionFailed | RequestTimeout | TlsFailed


class _Scope(NamedTuple):
    """Requests that are likely to get the same answer: same host, same project."""

    origin: str
    project_id: str


@dataclass(slots=True)
class _LockGroup:
    """The state that credentials share if the cloud locks them together.

    Attributes:
        in_flight: their requests in flight.
        probe_limit: limits the probes of all scopes together. First come, first served, so that no scope gets
            a second probe before another gets its first.
        refusals: when the last refusals in a row arrived, in monotonic seconds.
    """

    in_flight: InFlight
    probe_limit: asyncio.Semaphore
    refusals: deque[float] = field(default_factory=lambda: deque(maxlen=MOST_REFUSALS))


@dataclass(slots=True)
class _State:
    """The state of one credential.

    Attributes:
        lock_group: the state it shares with others, see `Identity.lock_group`.
        backoff_group: see `Identity.backoff_group`.
        used_at: when it was last used, in monotonic seconds.
        accepted: whether the cloud accepted it, and has refused nothing of its lock group since.
        held_until: no request is sent before this moment, in monotonic seconds. 0 if it was never refused.
        probes: by scope, the probe: the one request that tests whether the credential is accepted. Others of
            the scope wait for this future. Its result is None if they should look at the state again, or the
            error if the host is unreachable.
    """

    lock_group: _LockGroup
    backoff_group: str
    used_at: float
    accepted: bool = False
    held_until: float = 0.0
    probes: dict[_Scope, asyncio.Future[_Unreachable | None]] = field(default_factory=dict)

    def wake_waiters(self) -> None:
        """Wake the requests that wait for a probe, in every scope: the state has changed."""
        for probe in self.probes.values():
            probe.set_result(None)
        self.probes.clear()


class Lockout:
    """Sends requests on behalf of credentials; one instance for the whole process.

    A credential that has not been accepted yet is tested with probes: one request at a time per project, and
    three in all. So many pools with one wrong key cause at most three failed requests, and a slow project
    does not block another one with the same key.

    A refused credential is held: no request is sent for a minute, then for 2, 4, 8, at most 15. The hold is
    longer if the next request could be the sixth refusal within 5 minutes. After a hold, the credential is
    tested with one request at a time. A changed secret or password is tried at once, unless that could be
    the sixth refusal of its key or user.

    Attributes:
        shared_by: how many exporters use the same credentials. They are refused together, so each may cause
            only its share of the refusals. With more than five exporters the share is less than one refusal:
            they stay within the limit on average, but not if all of them try at the same time.
    """

    def __init__(self, clock: Clock) -> None:
        self.shared_by = 1
        self._clock = clock
        self._states: dict[str, _State] = {}
        self._lock_groups: dict[str, _LockGroup] = {}
        self._hold_counts: dict[str, int] = {}

    async def send(
        self, identity: Identity, request: Request, transport: Transport, *, project_id: str = ""
    ) -> Response:
        """Send a request with this credential as soon as that is safe.

        Args:
            identity: the credential's.
            request: what to send.
            transport: adds the credential.
            project_id: the project that the request is about; empty for none, such as a login.

        Raises:
            LockedOut: the cloud refused the credential recently; nothing was sent.
            PollError: the transport's.
        """
        state, scope = self._state_of(identity), _Scope(_origin(request), project_id)
        while True:
            if state.accepted:
                async with state.lock_group.in_flight.slot():
                    if state.accepted:  # it may have been refused during the wait
                        return await self._sent(state, request, transport)
            self._check_hold(state, identity)
            if scope in state.probes:
                await _wait_for_probe(state.probes[scope], request)
                continue
            with _probing(state, scope):
                async with state.lock_group.probe_limit, state.lock_group.in_flight.slot():
                    # The probe of another scope may have been refused during the wait.
                    self._check_hold(state, identity, own=1)
                    return await self._sent(state, request, transport)

    async def _sent(self, state: _State, request: Request, transport: Transport) -> Response:
        response = await transport.send(request)
        self._note(state, response)
        return response

    def _note(self, state: _State, response: Response) -> None:
        """Update the state: 2xx and 403 accept the credential, 401 refuses it.

        403 accepts it, because the cloud knows who asks. Any other answer says nothing: a gateway may give it
        before it checks the credential, for an unknown path, a rate limit or a login page.
        """
        now = self._clock.monotonic()
        late = now < state.held_until  # it was sent before the hold began
        if response.status == HTTPStatus.UNAUTHORIZED:
            state.lock_group.refusals.append(now)
            self._require_proof(state.lock_group)
            if not late:
                self._refuse(state, now)
        elif not late and (
            HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES
            or response.status == HTTPStatus.FORBIDDEN
        ):
            state.accepted = True
            state.lock_group.refusals.clear()
            self._hold_counts.pop(state.backoff_group, None)
            state.wake_waiters()

    def _require_proof(self, lock_group: _LockGroup) -> None:
        """Test all credentials of the group again: their refusals would count together."""
        for state in self._states.values():
            if state.lock_group is lock_group:
                state.accepted = False

    def _refuse(self, state: _State, now: float) -> None:
        """Begin a hold. Refusals of requests that were in flight together cause one hold."""
        before = self._hold_counts.get(state.backoff_group, 0)
        self._hold_counts[state.backoff_group] = before + 1
        # The exponent is bounded, because a float cannot hold 2**1024.
        state.held_until = now + min(FIRST_HOLD * 2 ** min(before, 16), LONGEST_HOLD)
        # One probe at a time from now on: further refusals add to those before.
        state.lock_group.probe_limit = asyncio.Semaphore(1)
        state.wake_waiters()

    def _next_try(self, refusals: Sequence[float]) -> float:
        """The monotonic moment from which another refusal is within the limit."""
        allowed = self._allowed
        if len(refusals) < allowed:
            return 0.0
        return refusals[-allowed] + WINDOW * math.ceil(self.shared_by / MOST_REFUSALS)

    @property
    def _allowed(self) -> int:
        return max(1, MOST_REFUSALS // self.shared_by)

    def _check_hold(self, state: _State, identity: Identity, own: int = 0) -> None:
        """Raise LockedOut if one more refusal could lock the credential, or while it is held.

        Args:
            state: the credential's.
            identity: the credential's, for the error.
            own: how many of the requests in flight are the caller's own.
        """
        now = self._clock.monotonic()
        # After a refusal, every request in flight may be refused too, so it counts as refused now.
        refusals = state.lock_group.refusals
        pending = [now] * (state.lock_group.in_flight.unanswered - own) if refusals else []
        remaining = max(state.held_until, self._next_try([*refusals, *pending])) - now
        if remaining > 0:
            refused = "these credentials" if state.held_until else "other credentials of this key or user"
            raise LockedOut(
                f"the cloud refused {refused}; the next try is in {remaining:.0f} s, "
                "so that the cloud does not lock them",
                where=identity.source,
                advice=identity.advice,
            )

    def _state_of(self, identity: Identity) -> _State:
        now = self._clock.monotonic()
        state = self._states.get(identity.fingerprint)
        if state is None:
            self._forget_unused(now)
            lock_group = self._lock_groups.get(identity.lock_group)
            if lock_group is None:
                probe_limit = asyncio.Semaphore(
                    1 if identity.backoff_group in self._hold_counts else min(PROBES, self._allowed)
                )
                lock_group = self._lock_groups[identity.lock_group] = _LockGroup(
                    InFlight(self._clock), probe_limit
                )
            state = self._states[identity.fingerprint] = _State(lock_group, identity.backoff_group, now)
        state.used_at = now
        return state

    def _forget_unused(self, now: float) -> None:
        self._states = {
            fingerprint: state
            for fingerprint, state in self._states.items()
            if now - state.used_at < FORGOTTEN_AFTER or state.lock_group.in_flight.unanswered
        }
        used = {id(state.lock_group) for state in self._states.values()}
        self._lock_groups = {key: group for key, group in self._lock_groups.items() if id(group) in used}
        backoff_groups = {state.backoff_group for state in self._states.values()}
        self._hold_counts = {
            backoff_group: count
            for backoff_group, count in self._hold_counts.items()
            if backoff_group in backoff_groups
        }


async def _wait_for_probe(probe: asyncio.Future[_Unreachable | None], request: Request) -> None:
    """Wait for the probe of the same scope.

    Raises:
        ConnectionFailed, RequestTimeout, TlsFailed: the probe could not reach the host. The waiting request
            fails with the same error instead of trying again.
    """
    await asyncio.wait({probe})
    error = probe.result()
    if error is not None:
        raise type(error)(error.what, where=request.where, advice=error.advice) from error


@contextmanager
def _probing(state: _State, scope: _Scope) -> Iterator[None]:
    """Register the block as the probe of a scope; at its end, wake the requests that wait for it."""
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
    address = urlsplit(request.url.partition("?")[0])
    return f"{address.scheme}://{address.netloc}"
