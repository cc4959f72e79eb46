"""Who may ask: keys, tokens, and the lock on a key that failed too often. The one owner of that state."""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import inf
from typing import TYPE_CHECKING, Final

from exporter.simulator.refusals import Refusal, by_gateway, by_iam, not_authenticated
from exporter.simulator.signature import Arrived, Claim, claim, verify

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from random import Random

    from exporter.common.clock import Clock

FAILURES_ALLOWED: Final = 5
"""Consecutive failures of one AK that are forgiven; one more locks it."""

LOCKED_FOR: Final = 5 * 60.0
TOKEN_LIFETIME: Final = 24 * 3600.0
TEMPORARY_KEY_LIFETIME: Final = 3600.0
REPLACED_BEFORE_END: Final = 10 * 60.0
"""The metadata service hands out a new temporary key so many seconds before the old one ends."""

_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An access key.

    Attributes:
        ak: the public part.
        sk: the secret.
        security_token: what must come along with a temporary key; empty for a permanent one.
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
class Token:
    """What a login gives.

    Attributes:
        value: the token.
        expires_at: Unix seconds.
    """

    value: str = field(repr=False)
    expires_at: float


@dataclass(frozen=True, slots=True)
class Attempt:
    """Somebody showed credentials.

    Attributes:
        at: monotonic seconds.
        who: the access key or the user; empty for a token, which nobody can tell from another.
        accepted: whether they were good.
    """

    at: float
    who: str
    accepted: bool


@dataclass(slots=True)
class _Failures:
    count: int = 0
    locked_until: float = 0.0


class Identity:
    """Keys, users and tokens of the simulated cloud.

    Args:
        clock: the time.
        rng: makes the values of tokens and temporary keys.
        keys: what is trusted from the start.
        users: who may log in.

    Attributes:
        attempts: who tried to get in, oldest first; the newest 10,000.
    """

    def __init__(
        self, clock: Clock, rng: Random, keys: Iterable[KeyPair] = (), users: Iterable[User] = ()
    ) -> None:
        self.attempts: deque[Attempt] = deque(maxlen=_REMEMBERED)
        self._clock = clock
        self._rng = rng
        self._keys = {key.ak: key for key in keys}
        self._users = {(user.domain, user.name): user for user in users}
        self._tokens: dict[str, float] = {}
        self._failures: dict[str, _Failures] = {}
        self._temporary: KeyPair | None = None

    def trust(self, key: KeyPair) -> None:
        """Accept a key from now on, in place of an older one of the same AK."""
        self._keys[key.ak] = key

    def distrust(self, ak: str) -> None:
        """Accept a key no longer."""
        self._keys.pop(ak, None)

    def end_tokens(self) -> None:
        """End every token, as a change of password or permissions does."""
        self._tokens.clear()

    def end_temporary_key(self) -> None:
        """Accept the machine's temporary key no longer; the next one asked for is new."""
        if self._temporary is not None:
            self.distrust(self._temporary.ak)
            self._temporary = None

    def authenticate(self, arrived: Arrived) -> None:
        """Check who asks.

        Raises:
            Refusal: nobody who may; 401 APIGW.0301, or APIGW.0307 for a token.
        """
        if authorization := arrived.headers.get("authorization"):
            claimed = claim(authorization)
            with self._noted(claimed.ak):
                self._check_key(arrived, claimed)
        elif token := arrived.headers.get("x-auth-token"):
            with self._noted(""):
                self._check_token(token)
        else:
            raise not_authenticated("x-auth-token not found")

    def log_in(self, domain: str, name: str, password: str) -> Token:
        """Give a token.

        Raises:
            Refusal: 401 in IAM's form.
        """
        user = self._users.get((domain, name))
        with self._noted(name):
            if user is None or user.password != password:
                raise by_iam(401, "The username or password is wrong.", "Unauthorized")
        token = Token(f"MII{self._secret(256)}", self._clock.wall() + TOKEN_LIFETIME)
        self._tokens[token.value] = token.expires_at
        return token

    def temporary_key(self) -> KeyPair:
        """The agency's key: the same one until shortly before it ends, then a new one."""
        now = self._clock.wall()
        if self._temporary is None or self._temporary.expires_at - REPLACED_BEFORE_END <= now:
            self._temporary = KeyPair(
                ak=f"HST{self._secret(17).upper()}",
                sk=self._secret(40),
                security_token=self._secret(128),
                expires_at=now + TEMPORARY_KEY_LIFETIME,
            )
            self.trust(self._temporary)
        return self._temporary

    def _secret(self, length: int) -> str:
        return f"{self._rng.getrandbits(4 * length):0{length}x}"

    @contextmanager
    def _noted(self, who: str) -> Iterator[None]:
        accepted = False
        try:
            yield
            accepted = True
        finally:
            self.attempts.append(Attempt(self._clock.monotonic(), who, accepted))

    def _check_token(self, token: str) -> None:
        if self._tokens.get(token, -inf) <= self._clock.wall():
            raise by_gateway(401, "0307", "The token must be updated.")

    def _check_key(self, arrived: Arrived, claimed: Claim) -> None:
        key = self._keys.get(claimed.ak)
        if key is None:
            raise not_authenticated("the access key does not exist")
        now = self._clock.monotonic()
        failures = self._failures.setdefault(claimed.ak, _Failures())
        if now < failures.locked_until:
            raise not_authenticated("aksk access failed to reach the limit, forbidden")
        try:
            self._check_temporary(key, arrived, claimed.names)
            verify(arrived, claimed, key.sk, self._clock.wall())
        except Refusal:
            failures.count += 1
            if failures.count > FAILURES_ALLOWED:
                self._failures[claimed.ak] = _Failures(locked_until=now + LOCKED_FOR)
            raise
        failures.count = 0

    def _check_temporary(self, key: KeyPair, arrived: Arrived, signed: tuple[str, ...]) -> None:
        if key.expires_at <= self._clock.wall():
            raise not_authenticated("the temporary access key has expired")
        if not key.security_token:
            return
        if arrived.headers.get("x-security-token") != key.security_token or "x-security-token" not in signed:
            raise not_authenticated("the security token is missing, wrong or not signed")


def timestamp(moment: float) -> str:
    """Unix seconds as IAM writes them: `2020-01-08T03:50:07.574000Z`."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
