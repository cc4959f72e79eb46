"""User and password against bcrypt hashes, without holding up the event loop."""

from __future__ import annotations

import asyncio
import base64
import hmac
import secrets
from collections import OrderedDict
from typing import TYPE_CHECKING

import bcrypt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import SecretStr

_MAX_PASSWORD = 72
"""Bytes. Bcrypt reads no further, and the library raises for more."""

_REMEMBERED = 100


class PasswordCheck:
    """Checks Authorization headers, and remembers the last hundred that were right.

    A check costs 70 ms at the usual cost of 10, so it runs in a thread, one at a time: guessing cannot take
    all threads, while a Prometheus that is known passes at once. What is remembered is a keyed hash, never
    the password.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._right: OrderedDict[bytes, None] = OrderedDict()
        self._one_at_a_time = asyncio.Lock()

    async def admits(self, users: Mapping[str, SecretStr], authorization: str) -> bool:
        """Whether the header names one of `users` (at least one) with its password.

        Args:
            users: bcrypt hashes by user name.
            authorization: the header's value, empty where there is none.
        """
        credentials = _credentials(authorization)
        if credentials is None:
            return False
        user, password = credentials
        # A stranger costs as much time as a known user, so that time does not tell who is known.
        stored = users.get(user, next(iter(users.values()))).get_secret_value().encode()
        fingerprint = hmac.digest(self._key, repr((user, stored, password)).encode(), "sha256")
        if fingerprint in self._right:
            self._right.move_to_end(fingerprint)
            return True
        right = await self._checked(stored, password) and user in users
        if right:
            self._remember(fingerprint)
        return right

    async def _checked(self, stored: bytes, password: bytes) -> bool:
        async with self._one_at_a_time:
            return await asyncio.to_thread(bcrypt.checkpw, password, stored)

    def _remember(self, fingerprint: bytes) -> None:
        self._right[fingerprint] = None
        if len(self._right) > _REMEMBERED:
            self._right.popitem(last=False)


def _credentials(authorization: str) -> tuple[str, bytes] | None:
    """User and password of a Basic header. Own code: aiohttp's BasicAuth goes away with aiohttp 4."""
    scheme, _, encoded = authorization.partition(" ")
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True)
        user, colon, password = decoded.partition(b":")
        if scheme.lower() != "basic" or not colon or len(password) > _MAX_PASSWORD:
            return None
        return user.decode(), password
    except ValueError:
        return None
