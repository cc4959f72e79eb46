"""Basic authentication against bcrypt hashes, without blocking the event loop."""

from __future__ import annotations

import asyncio
import base64
import hmac
import secrets
from typing import TYPE_CHECKING

import bcrypt

from exporter.common.errors import TooManyPasswordChecks
from exporter.web.fair_share import who_gives_way

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import SecretStr

_MAX_PASSWORD = 72
"""Bytes that bcrypt uses. The library raises for more; Go's and htpasswd's ignore the rest."""

_MAX_WAITING = 100
"""Checks that wait for their turn: 7 s of work, less than the default `scrape_timeout` of Prometheus."""


class PasswordCheck:
    """Checks Authorization headers, and remembers for each user the one that was accepted.

    A check takes 70 ms at the usual bcrypt cost of 10. It runs in a thread, one check at a time, so that
    guessing cannot occupy all threads. The clients take turns, so that one who guesses does not delay others;
    the number of waiting checks is limited. A remembered header is accepted at once, and guesses displace
    none: each user has only one right password. What is remembered are keyed hashes, never passwords.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._accepted: dict[str, bytes] = {}
        self._turns = _Turns()

    async def admits(
        self,
        users: Mapping[str, SecretStr],
        authorization: str,
        *,
        client: str = "",
        gone: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Whether the header has one of the users with the right password.

        Args:
            users: bcrypt hashes by user name; at least one.
            authorization: the header's value; empty without a header.
            client: who asks, as `client_of` returns it.
            gone: whether the client has closed the connection. Then nothing is checked.

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
        if self._accepted.get(user) == fingerprint:
            return True
        waiting = _Waiting(client, gone)
        await self._turns.begin(waiting)
        try:
            accepted = await asyncio.to_thread(_matches, password, known, _by_cost(users))
        finally:
            self._turns.end()
        if accepted:
            self._accepted = {name: value for name, value in self._accepted.items() if name in users}
            self._accepted[user] = fingerprint
        return accepted

    async def refuse_waiting(self, *_: object) -> None:
        """Check none of those that wait: the exporter stops. The signature is that of aiohttp's signals."""
        self._turns.refuse_all()


class _Waiting:
    """A check that waits for its turn.

    Attributes:
        client: who asks.
        gone: whether the client has closed the connection.
        turn: done when its turn has come; False if it never comes.
    """

    def __init__(self, client: str, gone: Callable[[], bool]) -> None:
        self.client = client
        self.gone = gone
        self.turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()


class _Turns:
    """One check at a time; the clients take turns, and each client's checks run in their order."""

    def __init__(self) -> None:
        self._running = False
        self._queues: dict[str, dict[_Waiting, None]] = {}  # the next client first; no queue is empty
        self._waiting = 0

    async def begin(self, check: _Waiting) -> None:
        """Wait for the turn; `end` must follow.

        Raises:
            TooManyPasswordChecks: it never comes.
        """
        if not self._running:
            self._running = True
            return
        if self._waiting >= _MAX_WAITING:
            self._make_room(check.client)
        self._queues.setdefault(check.client, {})[check] = None
        self._waiting += 1
        try:
            if not await check.turn:
                raise TooManyPasswordChecks
        except asyncio.CancelledError:
            if check.turn.done() and not check.turn.cancelled() and check.turn.result():
                self.end()  # its turn came at the same moment
            else:
                self._leave(check)
            raise

    def end(self) -> None:
        """Give the turn to the next client's first check."""
        while self._queues:
            client, queue = next(iter(self._queues.items()))
            check = next(iter(queue))
            self._leave(check)
            if client in self._queues:
                self._queues[client] = self._queues.pop(client)  # to the end
            if check.turn.done():  # cancelled
                continue
            check.turn.set_result(not check.gone())
            if check.turn.result():
                return
        self._running = False

    def refuse_all(self) -> None:
        """Refuse every check that waits."""
        for check in self._all():
            self._refuse(check)

    def _all(self) -> list[_Waiting]:
        return [check for queue in self._queues.values() for check in queue]

    def _make_room(self, newcomer: str) -> None:
        """Refuse a check for the newcomer: one that nobody waits for, or another client's, if it has more.

        Raises:
            TooManyPasswordChecks: the newcomer is refused.
        """
        refused = who_gives_way(
            self._all(),
            newcomer,
            client=lambda check: check.client,
            slowness=lambda check: () if check.gone() else None,
        )
        if refused is None:
            raise TooManyPasswordChecks
        self._refuse(refused)

    def _refuse(self, check: _Waiting) -> None:
        self._leave(check)
        if not check.turn.done():
            check.turn.set_result(False)

    def _leave(self, check: _Waiting) -> None:
        queue = self._queues.get(check.client, {})
        if check in queue:
            del queue[check]
            self._waiting -= 1
            if not queue:
                del self._queues[check.client]


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
