"""Access keys, users and tokens, and the lockout of a key that failed too often. Owns that state."""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from math import inf
from typing import TYPE_CHECKING, Final

from exporter.simulator.errors import ApiError, gateway_error, iam_error, unauthenticated
from exporter.simulator.signature import parse_authorization, verify_signature

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from random import Random

    from exporter.common.clock import Clock
    from exporter.simulator.signature import Authorization, ReceivedRequest

FAILURES_ALLOWED: Final = 5
"""Consecutive failures of one AK without a lockout. One more locks it."""

LOCKOUT_SECONDS: Final = 5 * 60.0
TOKEN_LIFETIME: Final = 24 * 3600.0
TEMPORARY_KEY_LIFETIME: Final = 3600.0
TEMPORARY_KEY_OVERLAP: Final = 10 * 60.0
"""Seconds before a temporary key expires from which on the metadata service hands out a new one."""

_MAX_ATTEMPTS = 10_000


@dataclass(frozen=True, slots=True)
class AccessKey:
    """An access key.

    Attributes:
        ak: the public part.
        sk: the secret.
        security_token: must be sent and signed with a temporary key; empty for a permanent one.
        expires_at: Unix seconds.
    """

    ak: str
    sk: str = field(repr=False)
    security_token: str = field(default="", repr=False)
    expires_at: float = inf


@dataclass(frozen=True, slots=True)
class User:
    """An IAM user who may log in for a token."""

    name: str
    password: str = field(repr=False)
    domain: str


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """An IAM token.

    Attributes:
        value: the token.
        expires_at: Unix seconds.
    """

    value: str = field(repr=False)
    expires_at: float


@dataclass(frozen=True, slots=True)
class AuthAttempt:
    """A request that was authenticated, or failed to be.

    Attributes:
        at: monotonic seconds.
        principal: the access key or the user; empty for a token.
        accepted: whether the credentials were valid.
    """

    at: float
    principal: str
    accepted: bool


@dataclass(slots=True)
class _Failures:
    count: int = 0
    locked_until: float = 0.0


class Iam:
    """Access keys, users and tokens of the simulated cloud.

    Args:
        clock: the time.
        rng: draws the values of tokens and temporary keys.
        keys: access keys that are valid from the start.
        users: who may log in.

    Attributes:
        attempts: authentication attempts, oldest first; the newest 10,000.
    """

    def __init__(
        self, clock: Clock, rng: Random, keys: Iterable[AccessKey] = (), users: Iterable[User] = ()
    ) -> None:
        self.attempts: deque[AuthAttempt] = deque(maxlen=_MAX_ATTEMPTS)
        self._clock = clock
        self._rng = rng
        self._keys = {key.ak: key for key in keys}
        self._users = {(user.domain, user.name): user for user in users}
        self._tokens: dict[str, float] = {}
        self._failures: dict[str, _Failures] = {}
        self._temporary: AccessKey | None = None

    def add_key(self, key: AccessKey) -> None:
        """Accept an access key from now on. Replaces an older one with the same AK."""
        self._keys[key.ak] = key

    def delete_key(self, ak: str) -> None:
        """Do not accept an access key any longer."""
        self._keys.pop(ak, None)

    def revoke_tokens(self) -> None:
        """Revoke every token, as a change of password or permissions does."""
        self._tokens.clear()

    def revoke_temporary_key(self) -> None:
        """Do not accept the current temporary key any longer. The next request for one gets a new one."""
        if self._temporary is not None:
            self.delete_key(self._temporary.ak)
            self._temporary = None

    def authenticate(self, request: ReceivedRequest) -> None:
        """Check a request's signature or token.

        Raises:
            ApiError: 401 APIGW.0301, or APIGW.0307 for a token.
        """
        if header := request.headers.get("authorization"):
            authorization = parse_authorization(header)
            with self._recorded(authorization.ak):
                self._check_key(request, authorization)
        elif token := request.headers.get("x-auth-token"):
            with self._recorded(""):
                self._check_token(token)
        else:
            raise unauthenticated("x-auth-token not found")

    def log_in(self, domain: str, name: str, password: str) -> IssuedToken:
        """Issue a token for name and password.

        Raises:
            ApiError: 401 in IAM's form.
        """
        user = self._users.get((domain, name))
        with self._recorded(name):
            if user is None or user.password != password:
                raise iam_error(HTTPStatus.UNAUTHORIZED, "The username or password is wrong.", "Unauthorized")
        token = IssuedToken(f"MII{self._secret(256)}", self._clock.wall() + TOKEN_LIFETIME)
        self._tokens[token.value] = token.expires_at
        return token

    def temporary_key(self) -> AccessKey:
        """The key of the agency: the same one until shortly before it expires, then a new one."""
        now = self._clock.wall()
        if self._temporary is None or self._temporary.expires_at - TEMPORARY_KEY_OVERLAP <= now:
            self._temporary = AccessKey(
                ak=f"HST{self._secret(17).upper()}",
                sk=self._secret(40),
                security_token=self._secret(128),
                expires_at=now + TEMPORARY_KEY_LIFETIME,
            )
            self.add_key(self._temporary)
        return self._temporary

    def _secret(self, length: int) -> str:
        return f"{self._rng.getrandbits(4 * length):0{length}x}"

    @contextmanager
    def _recorded(self, principal: str) -> Iterator[None]:
        accepted = False
        try:
            yield
            accepted = True
        finally:
            self.attempts.append(AuthAttempt(self._clock.monotonic(), principal, accepted))

    def _check_token(self, token: str) -> None:
        if self._tokens.get(token, -inf) <= self._clock.wall():
            raise gateway_error(HTTPStatus.UNAUTHORIZED, "0307", "The token must be updated.")

    def _check_key(self, request: ReceivedRequest, authorization: Authorization) -> None:
        key = self._keys.get(authorization.ak)
        if key is None:
            raise unauthenticated("the access key does not exist")
        now = self._clock.monotonic()
        failures = self._failures.setdefault(authorization.ak, _Failures())
        if now < failures.locked_until:
            raise unauthenticated("aksk access failed to reach the limit, forbidden")
        try:
            self._check_temporary(key, request, authorization.signed_headers)
            verify_signature(request, authorization, key.sk, self._clock.wall())
        except ApiError:
            failures.count += 1
            if failures.count > FAILURES_ALLOWED:
                self._failures[authorization.ak] = _Failures(locked_until=now + LOCKOUT_SECONDS)
            raise
        failures.count = 0

    def _check_temporary(
        self, key: AccessKey, request: ReceivedRequest, signed_headers: tuple[str, ...]
    ) -> None:
        if key.expires_at <= self._clock.wall():
            raise unauthenticated("the temporary access key has expired")
        if not key.security_token:
            return
        sent = request.headers.get("x-security-token")
        if sent != key.security_token or "x-security-token" not in signed_headers:
            raise unauthenticated("the security token is missing, wrong or not signed")


def timestamp(seconds: float) -> str:
    """Unix seconds as IAM writes them: `2020-01-08T03:50:07.574000Z`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
