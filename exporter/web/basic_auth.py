"""Basic authentication against bcrypt hashes, without blocking the event loop."""

from __future__ import annotations

import asyncio
import base64
import hmac
import secrets
from collections import OrderedDict
from typing import TYPE_CHECKING

import bcrypt

from exporter.common.errors import TooManyPasswordChecks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import SecretStr

_MAX_PASSWORD = 72
"""Bytes that bcrypt uses. The library raises for more; Go's and htpasswd's ignore the rest."""

_MAX_REMEMBERED = 100

_MAX_WAITING = 16
"""Checks that wait for their turn, about one second of work. With more, guessing would delay other users."""


class PasswordCheck:
    """Checks Authorization headers, and caches the last hundred that were accepted.

    A check takes 70 ms at the usual bcrypt cost of 10. It runs in a thread, one check at a time, so that
    guessing cannot occupy all threads; a header in the cache is accepted at once. The number of waiting
    checks is limited. The cache holds keyed hashes, never passwords.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._accepted: OrderedDict[bytes, None] = OrderedDict()
        self._one_at_a_time = asyncio.Lock()
        self._under_way = 0

    async def admits(self, users: Mapping[str, SecretStr], authorization: str) -> bool:
        """Whether the header has one of the users with the right password.

        Args:
            users: bcrypt hashes by user name; at least one.
            authorization: the header's value; empty without a header.

        Raises:
            TooManyPasswordChecks: too many others are waiting.
        """
        credentials = _credentials(authorization)
        if credentials is None:
            return False
        user, password = credentials
        stored = users.get(user)
        known = stored.get_secret_value().encode() if stored else b""
        fingerprint = hmac.digest(self._key, repr((user, known, password)).encode(), "sha256")
        if fingerprint in self._accepted:
            self._accepted.move_to_end(fingerprint)
            return True
        if accepted := await self._check(password, known, _by_cost(users)):
            self._remember(fingerprint)
        return accepted

    async def _check(self, password: bytes, known: bytes, by_cost: Mapping[bytes, bytes]) -> bool:
        if self._under_way > _MAX_WAITING:
            raise TooManyPasswordChecks
        self._under_way += 1
        try:
            async with self._one_at_a_time:
                return await asyncio.to_thread(_matches, password, known, by_cost)
        finally:
            self._under_way -= 1

    def _remember(self, fingerprint: bytes) -> None:
        self._accepted[fingerprint] = None
        if len(self._accepted) > _MAX_REMEMBERED:
            self._accepted.popitem(last=False)


def _by_cost(users: Mapping[str, SecretStr]) -> dict[bytes, bytes]:
    """One hash for each bcrypt cost among the users, by cost."""
    hashes = (secret.get_secret_value().encode() for secret in users.values())
    return {stored[4:6]: stored for stored in hashes}


def _matches(password: bytes, known: bytes, by_cost: Mapping[bytes, bytes]) -> bool:
    """Whether the password matches the hash; `known` is empty if there is no such user.

    Every check runs bcrypt once at each cost, so that its duration does not reveal whether a user exists.
    """
    right = False
    for cost, other in by_cost.items():
        own = known[4:6] == cost
        right |= bcrypt.checkpw(password, known if own else other) and own
    return right


def _credentials(authorization: str) -> tuple[str, bytes] | None:
    """User and password of a Basic header. Own code: aiohttp 4 removes BasicAuth."""
    scheme, _, encoded = authorization.partition(" ")
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True)
        user, colon, password = decoded.partition(b":")
        if scheme.lower() != "basic" or not colon:
            return None
        return user.decode(), password[:_MAX_PASSWORD]
    except ValueError:
        return None
