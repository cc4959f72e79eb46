"""Renews temporary credentials before they expire, with one request at a time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol
from weakref import WeakValueDictionary

import structlog

from exporter.common.errors import CredentialsError, LockedOut, PollError, Throttled
from exporter.credentials.credential import fingerprint

if TYPE_CHECKING:
    from exporter.common.clock import Clock
    from exporter.credentials.credential import Credential

EARLY = 600.0
"""Seconds before the expiry at which a credential is renewed. The ECS metadata service has a new one then."""

PAUSE = 60.0
"""Seconds between two attempts to renew early."""

FIRST_RETRY = 10.0
"""Seconds without a request after a failure, if no credential is valid. Each further one doubles them."""

LAST_RETRY = 60.0
"""Seconds; the limit for the doubling, so that a recovery is noticed soon."""

LONGEST_ASKED_FOR = 300.0
"""Seconds; a longer `Retry-After` of the issuer is cut to this."""

log = structlog.get_logger(__name__)


class Issuer(Protocol):
    """Gets a new credential over the network."""

    @property
    def name(self) -> str:
        """For people."""
        ...

    async def issue(self) -> Credential:
        """The newest credential that there is.

        Raises:
            CredentialsError: none is given.
            PollError: the transport's errors, or ServerError.
        """
        ...


@dataclass(frozen=True, slots=True)
class _CachedCredential:
    """A credential, and when to renew it and when it expires, in monotonic seconds.

    Attributes:
        credential: the credential.
        renew_at: from then on, a renewal is attempted.
        valid_until: from then on, the credential is not used.
        reported: whether a failed renewal has been logged.
    """

    credential: Credential
    renew_at: float
    valid_until: float
    reported: bool = False


@dataclass(frozen=True, slots=True)
class _Failure:
    """The last failure while there was no valid credential.

    Attributes:
        error: what happened.
        pause: seconds without a request.
        until: the end of the pause, in monotonic seconds. Until then, callers get the error.
    """

    error: PollError
    pause: float
    until: float


@dataclass(slots=True, weakref_slot=True)
class Renewal:
    """What a source knows of its issuer. It outlives a configuration, or each reload would be a login.

    Attributes:
        cached: the last credential; None if there is none, or the cloud refused it.
        failure: the last failure while there was no valid credential.
    """

    cached: _CachedCredential | None = None
    failure: _Failure | None = None


class Renewals:
    """The renewals of all issuers, one for the whole process. Each is forgotten once no source uses it."""

    def __init__(self) -> None:
        self._by_issuer: WeakValueDictionary[str, Renewal] = WeakValueDictionary()

    def of(self, *issuer: str) -> Renewal:
        """The renewal of an issuer, new if no source uses one.

        Args:
            issuer: all that makes it another issuer, a password too; only a hash is kept.
        """
        return self._by_issuer.setdefault(fingerprint(*issuer), Renewal())


class RenewedSource:
    """A source that keeps an issuer's credential until shortly before it expires.

    While the credential is valid, a failed renewal is only logged, and delays only the request that tried it.
    Without a valid credential, every caller gets the error of the last attempt for 10 s, then 20, 40, at most
    60 s. So a hundred pools do not send a hundred requests.

    Args:
        issuer: gives the credential.
        clock: decides when it is renewed.
        renewal: what is known of the issuer, also from an earlier configuration.
    """

    def __init__(self, issuer: Issuer, clock: Clock, renewal: Renewal | None = None) -> None:
        self._issuer = issuer
        self._clock = clock
        self._known = Renewal() if renewal is None else renewal
        self._renewal: asyncio.Future[Credential] | None = None

    @property
    def name(self) -> str:
        """The issuer's."""
        return self._issuer.name

    async def credential(self) -> Credential:
        """The cached credential, or a new one if the renewal is due."""
        cached, now = self._known.cached, self._clock.monotonic()
        if cached is None or now >= cached.valid_until:
            if self._known.failure is not None and now < self._known.failure.until:
                # Without this, each raise would lengthen the error's traceback.
                raise self._known.failure.error.with_traceback(None)
            return await self._renew()
        if now < cached.renew_at or self._renewal is not None:
            return cached.credential
        try:
            return await self._renew()
        except PollError as error:
            self._postpone(cached, error)
            return cached.credential

    def refused(self, credential: Credential) -> None:
        """Drop this credential, so that the next call asks the issuer. Ignored if it was replaced already."""
        if self._known.cached is not None and self._known.cached.credential == credential:
            self._known.cached = None

    async def _renew(self) -> Credential:
        """Get a new credential. Callers during the request share its result, or its error."""
        while (running := self._renewal) is not None:
            await asyncio.wait({running})
            if not running.cancelled():
                return running.result()
        running = self._renewal = asyncio.get_running_loop().create_future()
        try:
            self._known.cached = self._to_cache(await self._issuer.issue())
            self._known.failure = None
            running.set_result(self._known.cached.credential)
        except PollError as error:
            self._known.failure = self._failed(error)
            running.set_exception(error)
            running.exception()  # or asyncio logs an error that nobody retrieved
            raise
        finally:
            # No effect on a finished future. If this request was cancelled, the next caller in line asks.
            running.cancel()
            self._renewal = None
        return self._known.cached.credential

    def _to_cache(self, credential: Credential) -> _CachedCredential:
        now = self._clock.monotonic()
        if credential.expires_at is None:
            return _CachedCredential(credential, float("inf"), float("inf"))
        remaining = credential.expires_at - self._clock.wall()
        if remaining <= 0:
            raise CredentialsError(
                f"the new credentials expired {-remaining:.0f} s ago",
                where=self.name,
                advice="check this machine's clock",
            )
        # At least a pause: the issuer may return the same credential, and would be asked for every request.
        renew_in = max(PAUSE, remaining - min(EARLY, remaining / 3))
        return _CachedCredential(credential, now + renew_in, now + remaining)

    def _failed(self, error: PollError) -> _Failure | None:
        """The pause after a failure; None if there is none. With a valid credential, `_postpone` makes it."""
        now = self._clock.monotonic()
        if self._known.cached is not None and now < self._known.cached.valid_until:
            return None
        if isinstance(error, LockedOut):
            return None  # no request was sent, and a new password should be tried at once
        pause = FIRST_RETRY if self._known.failure is None else min(2 * self._known.failure.pause, LAST_RETRY)
        if isinstance(error, Throttled) and error.retry_after is not None:
            pause = max(pause, min(error.retry_after, LONGEST_ASKED_FOR))
        return _Failure(error, pause, now + pause)

    def _postpone(self, cached: _CachedCredential, error: PollError) -> None:
        if not cached.reported:
            log.warning(
                "credentials could not be renewed early; the current ones are used until they expire",
                source=self.name,
                problem=str(error),
            )
        if self._known.cached is cached:
            self._known.cached = replace(cached, renew_at=self._clock.monotonic() + PAUSE, reported=True)
