"""Keeps credentials that the cloud refuses from being locked.

Huawei documents for AK/SK: more than 5 failures in a row lock a key pair for 5 minutes, for everyone who
uses it. IAM locks users after failed logins in the same spirit.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from exporter.errors import ConnectionFailed, CredentialsError, RequestTimeout, TlsFailed

if TYPE_CHECKING:
    from exporter.clock import Clock
    from exporter.credentials.credential import Identity
    from exporter.transport import Request, Response, Transport

FIRST_HOLD = 60.0
"""Seconds without a request after the first refusal; every further one doubles them."""

LONGEST_HOLD = 900.0
"""Seconds; a credential that has been put right is tried again after this at the latest."""

FORGOTTEN_AFTER = 86_400.0
"""Seconds since its last use after which a credential is forgotten: temporary ones come every hour."""

_Unreachable = ConnectionFailed | RequestTimeout | TlsFailed


class _Failure(NamedTuple):
    """Why a probe brought no answer; it concerns those who ask the same host."""

    origin: str
    error: _Unreachable


@dataclass(slots=True)
class _State:
    """What is known of one credential.

    Attributes:
        lineage: whose refusals count together with its own.
        used_at: monotonic.
        accepted: an answer has proved it, and none refused it since.
        held_until: monotonic; no request goes out before.
        probe: the one request under way while it is not known to be good; done with why it brought no answer.
    """

    lineage: str
    used_at: float
    accepted: bool = False
    held_until: float = 0.0
    probe: asyncio.Future[_Failure | None] | None = None


class Guard:
    """Sends requests on behalf of credentials; one guard for the whole process.

    A credential that has not been accepted yet has one request under way at a time, so that many pools with
    one wrong key make one failed request. A refused one is left alone for a minute, then 2, 4, 8, at most 15.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._states: dict[str, _State] = {}
        self._refusals: dict[str, int] = {}

    async def send(self, identity: Identity, request: Request, transport: Transport) -> Response:
        """Send a request that bears this credential, when that is safe.

        Raises:
            CredentialsError: the cloud refused it lately; nothing was sent.
            PollError: the transport's.
        """
        state = self._state_of(identity)
        while not state.accepted:
            self._refuse_while_held(state, identity)
            if state.probe is None:
                return await self._probe(state, request, transport)
            await _concluded(state.probe, request)
        response = await transport.send(request)
        self._note(state, response)
        return response

    async def _probe(self, state: _State, request: Request, transport: Transport) -> Response:
        """Send the one request that shows whether the credential is good."""
        probe = state.probe = asyncio.get_running_loop().create_future()
        failure = None
        try:
            response = await transport.send(request)
            self._note(state, response)
        except (ConnectionFailed, RequestTimeout, TlsFailed) as error:
            failure = _Failure(_origin(request), error)
            raise
        finally:
            state.probe = None
            probe.set_result(failure)
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
        elif response.status == HTTPStatus.UNAUTHORIZED:
            state.accepted = False
            before = self._refusals.get(state.lineage, 0)
            self._refusals[state.lineage] = before + 1
            # The exponent is bounded: 2**1024 is no float any more.
            state.held_until = now + min(FIRST_HOLD * 2 ** min(before, 16), LONGEST_HOLD)

    def _refuse_while_held(self, state: _State, identity: Identity) -> None:
        remaining = state.held_until - self._clock.monotonic()
        if remaining > 0:
            raise CredentialsError(
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
            state = self._states[identity.fingerprint] = _State(identity.lineage, now)
        state.used_at = now
        return state

    def _forget_unused(self, now: float) -> None:
        self._states = {
            fingerprint: state
            for fingerprint, state in self._states.items()
            if now - state.used_at < FORGOTTEN_AFTER
        }
        lineages = {state.lineage for state in self._states.values()}
        self._refusals = {lineage: n for lineage, n in self._refusals.items() if lineage in lineages}


async def _concluded(probe: asyncio.Future[_Failure | None], request: Request) -> None:
    """Wait for another request's end.

    Raises:
        ConnectionFailed, RequestTimeout, TlsFailed: it found the host of this one unreachable, so that this
            one need not wait for the same again.
    """
    await asyncio.wait({probe})
    failure = probe.result()
    if failure is not None and failure.origin == _origin(request):
        error = failure.error
        raise type(error)(error.what, where=request.where, advice=error.advice) from error


def _origin(request: Request) -> str:
    address = urlsplit(request.url)
    return f"{address.scheme}://{address.netloc}"
