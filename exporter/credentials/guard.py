"""Keeps credentials that the cloud refuses from being locked.

Huawei documents for AK/SK: more than 5 failures in a row lock a key pair for 5 minutes, for everyone who
uses it. IAM locks users after failed logins in the same spirit.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from exporter.errors import ConnectionFailed, HeldBack, RequestTimeout, TlsFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.clock import Clock
    from exporter.credentials.credential import Identity
    from exporter.transport import Request, Response, Transport

FIRST_HOLD = 60.0
"""Seconds without a request after the first refusal; every further one doubles them."""

LONGEST_HOLD = 900.0
"""Seconds; a credential that has been put right is tried again after this at the latest."""

FORGOTTEN_AFTER = 86_400.0
"""Seconds since its last use after which a credential is forgotten: temporary ones come every hour."""

PROBES = 3
"""Requests under way at a time with a credential that nothing is known of; all may be refused, 5 lock it."""

_Unreachable = ConnectionFailed | RequestTimeout | TlsFailed


class _Scope(NamedTuple):
    """Requests that are likely to be answered alike."""

    origin: str
    project_id: str


@dataclass(slots=True)
class _State:
    """What is known of one credential.

    Attributes:
        lineage: whose refusals count together with its own.
        used_at: monotonic.
        accepted: an answer has proved it, and none refused it since.
        held_until: monotonic; no request goes out before.
        turns: for the probes of all scopes together; in the order of asking, so that no scope waits for
            a second probe of another.
        probes: by scope, the one request of it that finds out, or waits for its turn to. Done with why it
            brought no answer, or with None as soon as there is something new to know.
    """

    lineage: str
    used_at: float
    turns: asyncio.Semaphore
    accepted: bool = False
    held_until: float = 0.0
    probes: dict[_Scope, asyncio.Future[_Unreachable | None]] = field(default_factory=dict)

    def conclude(self) -> None:
        """Let all who wait, in every scope, look at what is known now."""
        for probe in self.probes.values():
            probe.set_result(None)
        self.probes.clear()


class Guard:
    """Sends requests on behalf of credentials; one guard for the whole process.

    A credential that has not been accepted yet has one request under way per project, and three in all: many
    pools with one wrong key make at most three failed requests, and a project that is slow or answers
    nothing of use does not hold up another with the same key. A refused credential is left alone for a
    minute, then 2, 4, 8, at most 15, and tried with one request at a time from then on.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._states: dict[str, _State] = {}
        self._refusals: dict[str, int] = {}

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
            HeldBack: the cloud refused it lately; nothing was sent.
            PollError: the transport's.
        """
        state, scope = self._state_of(identity), _Scope(_origin(request), project_id)
        while not state.accepted:
            self._refuse_while_held(state, identity)
            if scope not in state.probes:
                with _probing(state, scope):
                    async with state.turns:
                        # Another scope's may have been refused meanwhile.
                        self._refuse_while_held(state, identity)
                        return await self._sent(state, request, transport)
            await _concluded(state.probes[scope], request)
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
        if now < state.held_until:
            return  # it was under way when another was refused, and says nothing new
        if (
            HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES
            or response.status == HTTPStatus.FORBIDDEN
        ):
            state.accepted = True
            self._refusals.pop(state.lineage, None)
            state.conclude()
        elif response.status == HTTPStatus.UNAUTHORIZED:
            state.accepted = False
            before = self._refusals.get(state.lineage, 0)
            self._refusals[state.lineage] = before + 1
            # The exponent is bounded: 2**1024 is no float any more.
            state.held_until = now + min(FIRST_HOLD * 2 ** min(before, 16), LONGEST_HOLD)
            state.turns = self._turns(state.lineage)
            state.conclude()

    def _refuse_while_held(self, state: _State, identity: Identity) -> None:
        remaining = state.held_until - self._clock.monotonic()
        if remaining > 0:
            raise HeldBack(
                f"the cloud refused these credentials; asked again in {remaining:.0f} s, "
                "so that it does not lock them",
                where=identity.source,
                advice=identity.advice,
            )

    def _state_of(self, identity: Identity) -> _State:
        now = self._clock.monotonic()
        state = self._states.get(identity.fingerprint)
        if state is None:
            self._forget_unused(now)
            state = self._states[identity.fingerprint] = _State(
                identity.lineage, now, self._turns(identity.lineage)
            )
        state.used_at = now
        return state

    def _turns(self, lineage: str) -> asyncio.Semaphore:
        """Once refused, one at a time: the refusals that follow count in a row with those before."""
        return asyncio.Semaphore(1 if self._refusals.get(lineage) else PROBES)

    def _forget_unused(self, now: float) -> None:
        self._states = {
            fingerprint: state
            for fingerprint, state in self._states.items()
            if now - state.used_at < FORGOTTEN_AFTER
        }
        lineages = {state.lineage for state in self._states.values()}
        self._refusals = {lineage: n for lineage, n in self._refusals.items() if lineage in lineages}


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
