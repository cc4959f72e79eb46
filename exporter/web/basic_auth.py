"""User and password against bcrypt hashes, without holding up the event loop."""

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
"""Bytes. Bcrypt reads no further; the library raises for more, Go's and htpasswd's leave the rest out."""

_REMEMBERED = 100

_WAITING = 16
"""Checks that wait for their turn, about a second's worth; with more, guessers would keep others waiting."""


class PasswordCheck:
    """Checks Authorization headers, and remembers the last hundred that were right.

    A check costs 70 ms at the usual cost of 10, so it runs in a thread, one at a time: guessing cannot take
    all threads, while a Prometheus that is known passes at once. Only so many wait for their turn. What is
    remembered is a keyed hash, never the password.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._right: OrderedDict[bytes, None] = OrderedDict()
        self._one_at_a_time = asyncio.Lock()
        self._under_way = 0

    async def admits(self, users: Mapping[str, SecretStr], authorization: str) -> bool:
        """Whether the header names one of `users` (at least one) with its password.

        Args:
            users: bcrypt hashes by user name.
            authorization: the header's value, empty where there is none.

        Raises:
            TooManyPasswordChecks: it would have to wait behind too many others.
        """
        credentials = _credentials(authorization)
        if credentials is None:
            return False
        user, password = credentials
        stored = users.get(user)
        known = stored.get_secret_value().encode() if stored else b""
        fingerprint = hmac.digest(self._key, repr((user, known, password)).encode(), "sha256")
        if fingerprint in self._right:
            self._right.move_to_end(fingerprint)
            return True
        if right := await self._checked(password, known, _by_cost(users)):
            self._remember(fingerprint)
        return right

    async def _checked(self, password: bytes, known: bytes, by_cost: Mapping[bytes, bytes]) -> bool:
        if self._under_way > _WAITING:
            raise TooManyPasswordChecks
        self._under_way += 1
        try:
            async with self._one_at_a_time:
                return await asyncio.to_thread(_right, password, known, by_cost)
        finally:
            self._under_way -= 1

    def _remember(self, fingerprint: bytes) -> None:
        self._right[fingerprint] = None
        if len(self._right) > _REMEMBERED:
            self._right.popitem(last=False)


def _by_cost(users: Mapping[str, SecretStr]) -> dict[bytes, bytes]:
    """One hash of each cost that the users have, by its cost."""
    hashes = (secret.get_secret_value().encode() for secret in users.values())
    return {stored[4:6]: stored for stored in hashes}


def _right(password: bytes, known: bytes, by_cost: Mapping[bytes, bytes]) -> bool:
    """Whether the password is that of the hash; `known` is empty where there is no such user.

    Everybody costs one run of bcrypt at each cost, so that time does not tell who is known.
    """
    right = False
    for cost, other in by_cost.items():
        own = known[4:6] == cost
        right |= bcrypt.checkpw(password, known if own else other) and own
    return right


def _credentials(authorization: str) -> tuple[str, bytes] | None:
    """User and password of a Basic header. Own code: aiohttp's BasicAuth goes away with aiohttp 4."""
    scheme, _, encoded = authorization.partition(" ")
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True)
        user, colon, password = decoded.partition(b":")
        if scheme.lower() != "basic" or not colon:
            return None
        return user.decode(), password[:_MAX_PASSWORD]
    except ValueError:
        return None
