"""Temporary credentials, renewed before they expire, with one request at a time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import structlog

from exporter.common.errors import CredentialsError, LockedOut, PollError, Throttled

if TYPE_CHECKING:
    from exporter.common.clock import Clock
    from exporter.credentials.credential import Credential

EARLY = 600.0
"""Seconds before expiry at which a credential is renewed: the ECS metadata service has a new one by then."""

PAUSE = 60.0
"""Seconds between two attempts to renew early."""

FIRST_RETRY = 10.0
"""Seconds without a request after a failure that leaves no valid credential; doubled by each further one."""

LAST_RETRY = 60.0
"""Seconds without a request after a failure, at most, so that a recovery is noticed soon."""

LONGEST_ASKED_FOR = 300.0
"""Seconds of the issuer's `Retry-After` that are obeyed, at most."""

log = structlog.get_logger(__name__)


class Issuer(Protocol):
    """Gets a new credential over the network."""

    @property
    def name(self) -> str:
        """For people."""
        ...

    async def issue(self) -> Credential:
        """A credential, as new as there is.

        Raises:
            CredentialsError: none is given.
            PollError: the transport's errors, or ServerError.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Lease:
    """A credential and the monotonic moments of its life."""

    credential: Credential
    renew_at: float
    good_until: float
    reported: bool = False


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why there is no credential, and the monotonic moment until which that is the answer."""

    error: PollError
    pause: float
    until: float


class RenewedSource:
    """A source that keeps an issuer's credential until shortly before it expires.

    Without a valid one, a failure is repeated to every caller for 10 s, then 20, 40, at most 60 s, so that a
    hundred pools do not each ask again. While the kept one is valid, a failed renewal is only logged, and
    delays only the request that tried it.
    """

    def __init__(self, issuer: Issuer, clock: Clock) -> None:
        self._issuer = issuer
        self._clock = clock
        self._lease: _Lease | None = None
        self._failure: _Failure | None = None
        self._renewal: asyncio.Future[Credential] | None = None

    @property
    def name(self) -> str:
        """The issuer's."""
        return self._issuer.name

    async def credential(self) -> Credential:
        """The held credential, or a new one when that is due."""
        lease, now = self._lease, self._clock.monotonic()
        if lease is None or now >= lease.good_until:
            if self._failure is not None and now < self._failure.until:
                # Each raise would lengthen the traceback that it kept from the last one.
                raise self._failure.error.with_traceback(None)
            return await self._renewed()
        if now < lease.renew_at or self._renewal is not None:
            return lease.credential
        try:
            return await self._renewed()
        except PollError as error:
            self._keep(lease, error)
            return lease.credential

    def refused(self, credential: Credential) -> None:
        """Ask the issuer when asked again. A credential that has already been replaced changes nothing."""
        if self._lease is not None and self._lease.credential == credential:
            self._lease = None

    async def _renewed(self) -> Credential:
        """A new credential; whoever comes while one is asked for gets the same one, or the same error."""
        while (running := self._renewal) is not None:
            await asyncio.wait({running})
            if not running.cancelled():
                return running.result()
        running = self._renewal = asyncio.get_running_loop().create_future()
        try:
            self._lease = self._leased(await self._issuer.issue())
            self._failure = None
            running.set_result(self._lease.credential)
        except PollError as error:
            self._failure = self._failed(error)
            running.set_exception(error)
            running.exception()  # counts as seen, also where nobody waits
            raise
        finally:
            # Changes nothing where it has finished. Else this request was cancelled: the next in line asks.
            running.cancel()
            self._renewal = None
        return self._lease.credential

    def _leased(self, credential: Credential) -> _Lease:
        now = self._clock.monotonic()
        if credential.expires_at is None:
            return _Lease(credential, float("inf"), float("inf"))
        remaining = credential.expires_at - self._clock.wall()
        if remaining <= 0:
            raise CredentialsError(
                f"the credentials given had already ended {-remaining:.0f} s ago",
                where=self.name,
                advice="check this machine's clock",
            )
        # The pause keeps a credential that is given again unchanged from being asked for at every request.
        renew_in = max(PAUSE, remaining - min(EARLY, remaining / 3))
        return _Lease(credential, now + renew_in, now + remaining)

    def _failed(self, error: PollError) -> _Failure | None:
        """How long to leave the issuer alone; while the held credential is good, `_keep` sees to that."""
        now = self._clock.monotonic()
        if self._lease is not None and now < self._lease.good_until:
            return None
        if isinstance(error, LockedOut):
            return None  # it cost no request, and a new password may come any time
        pause = FIRST_RETRY if self._failure is None else min(2 * self._failure.pause, LAST_RETRY)
        if isinstance(error, Throttled) and error.retry_after is not None:
            pause = max(pause, min(error.retry_after, LONGEST_ASKED_FOR))
        return _Failure(error, pause, now + pause)

    def _keep(self, lease: _Lease, error: PollError) -> None:
        if not lease.reported:
            log.warning(
                "credentials could not be renewed early; the current ones are used until they expire",
                source=self.name,
                problem=str(error),
            )
        if self._lease is lease:
            self._lease = replace(lease, renew_at=self._clock.monotonic() + PAUSE, reported=True)
