from __future__ import annotations

import asyncio
import base64
import threading
from typing import TYPE_CHECKING

import bcrypt
import pytest
from pydantic import SecretStr

from exporter.common.errors import TooManyPasswordChecks
from exporter.web.basic_auth import PasswordCheck

if TYPE_CHECKING:
    from collections.abc import Callable


def hashed(password: str, cost: int = 4) -> SecretStr:
    return SecretStr(bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost)).decode())


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


USERS = {"alice": hashed("s3cret:with colon"), "bob": hashed("密码")}


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The hashes against which bcrypt was really run."""
    run: list[bytes] = []
    real: Callable[[bytes, bytes], bool] = bcrypt.checkpw

    def counted(password: bytes, stored: bytes) -> bool:
        run.append(stored)
        return real(password, stored)

    monkeypatch.setattr(bcrypt, "checkpw", counted)
    return run


@pytest.mark.parametrize(("user", "password"), [("alice", "s3cret:with colon"), ("bob", "密码")])
async def test_right_password_is_admitted(user: str, password: str) -> None:
    """A user with the own password gets in; colons and non-ASCII are part of a password."""
    assert await PasswordCheck().admits(USERS, basic(user, password))


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic",
        "Basic !!!",
        "Bearer abc",
        "Basic " + base64.b64encode(b"alice").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
        basic("alice", "wrong"),
        basic("alice", ""),
        basic("bob", "s3cret:with colon"),
        basic("nobody", "s3cret:with colon"),
        basic("alice", "s" * 73),
        basic("alice", "a\0b"),
        basic("Alice", "s3cret:with colon"),
        basic("alice ", "s3cret:with colon"),
        "Basic  ",
        "Basic " + base64.b64encode("bob:密码".encode("gb18030")).decode(),
        "Basic " + base64.b64encode(b"alice:s3cret:with colon").decode() + "\0",
        "Basic \udcff",
    ],
)
async def test_everything_else_is_refused(authorization: str) -> None:
    """No header, a broken one, a wrong password, a stranger: refused, never a crash."""
    assert not await PasswordCheck().admits(USERS, authorization)


@pytest.mark.parametrize("user", ["alice", "carol", "nobody", "", "ALICE", "Алиса"])
async def test_everybody_costs_the_same(user: str, checks: list[bytes]) -> None:
    """Bcrypt runs as often and at the same costs for every name, also where users' hashes differ in cost."""
    users = {**USERS, "carol": hashed("x", cost=5)}
    assert not await PasswordCheck().admits(users, basic(user, "wrong"))
    assert sorted(stored[4:6] for stored in checks) == [b"04", b"05"]


async def test_user_is_not_admitted_by_the_hash_of_another(checks: list[bytes]) -> None:
    """A password that is right for somebody else of the same cost, or of another, opens nothing."""
    users = {"alice": hashed("a"), "bob": hashed("b"), "carol": hashed("c", cost=5)}
    for user in ("alice", "bob", "carol", "nobody"):
        right = {"alice": "a", "bob": "b", "carol": "c"}.get(user)
        for password in ("a", "b", "c"):
            assert await PasswordCheck().admits(users, basic(user, password)) is (password == right)
    assert len(checks) == 24


async def test_password_over_72_bytes_counts_up_to_there() -> None:
    """As with htpasswd and Go's exporters, which leave out the rest: one password opens all of a site's."""
    users = {"alice": hashed("s" * 72)}
    assert await PasswordCheck().admits(users, basic("alice", "s" * 73))
    assert not await PasswordCheck().admits(users, basic("alice", "s" * 71 + "t"))


@pytest.mark.parametrize("scheme", ["basic", "BASIC", "Basic "])
async def test_scheme_is_told_in_any_case(scheme: str) -> None:
    """The scheme's letters may be of either case, and more than one space may follow."""
    assert await PasswordCheck().admits(USERS, f"{scheme} {basic('bob', '密码').partition(' ')[2]}")


async def test_right_password_is_checked_once(checks: list[bytes]) -> None:
    """A Prometheus that comes every few seconds costs one run of bcrypt; a wrong password costs one each."""
    check = PasswordCheck()
    for _ in range(3):
        assert await check.admits(USERS, basic("bob", "密码"))
    assert len(checks) == 1
    for _ in range(2):
        assert not await check.admits(USERS, basic("bob", "wrong"))
    assert len(checks) == 3


async def test_changed_hash_is_not_answered_from_memory(checks: list[bytes]) -> None:
    """What was right under the old hash is checked anew, and refused, under the new one."""
    check = PasswordCheck()
    assert await check.admits(USERS, basic("bob", "密码"))
    assert not await check.admits({**USERS, "bob": hashed("new")}, basic("bob", "密码"))
    assert len(checks) == 2


async def test_every_user_is_remembered_and_no_guess_displaces_one(checks: list[bytes]) -> None:
    """However many users there are and whatever is guessed, each user's right password is checked once."""
    users = {f"user {number}": hashed("right") for number in range(120)}
    check = PasswordCheck()
    for user in users:
        assert await check.admits(users, basic(user, "right"))
    for number in range(200):
        assert not await check.admits(users, basic(f"user {number}", f"guess {number}"))
    checks.clear()
    for user in users:
        assert await check.admits(users, basic(user, "right"))
    assert checks == []


async def test_users_that_are_taken_out_are_forgotten() -> None:
    """The memory holds no more than the users of the last login."""
    check = PasswordCheck()
    assert await check.admits(USERS, basic("alice", "s3cret:with colon"))
    left = {"bob": USERS["bob"]}
    assert not await check.admits(left, basic("alice", "s3cret:with colon"))
    assert await check.admits(left, basic("bob", "密码"))
    assert list(check._accepted) == ["bob"]


class HeldChecks:
    """Bcrypt does not end until it is released; the passwords that it was run on, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.release = threading.Event()
        self.begun: list[str] = []
        real: Callable[[bytes, bytes], bool] = bcrypt.checkpw

        def held(password: bytes, stored: bytes) -> bool:
            self.begun.append(password.decode())
            return self.release.wait() and real(password, stored)

        monkeypatch.setattr(bcrypt, "checkpw", held)


Guess = asyncio.Task[bool]


async def guessed(check: PasswordCheck, client: str, *passwords: str, gone: bool = False) -> list[Guess]:
    """Passwords that have been sent and not been answered yet."""
    guesses = [
        asyncio.create_task(check.admits(USERS, basic("alice", word), client=client, gone=lambda: gone))
        for word in passwords
    ]
    await asyncio.sleep(0)  # each begins
    return guesses


async def outcomes(guesses: list[Guess]) -> list[bool | None]:
    """For each whether it was right; None if it was not checked."""
    found = await asyncio.gather(*guesses, return_exceptions=True)
    assert all(isinstance(each, bool | TooManyPasswordChecks) for each in found)
    return [each if isinstance(each, bool) else None for each in found]


async def test_clients_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A first login waits for one check of each other client, however many passwords those have sent."""
    check, held = PasswordCheck(), HeldChecks(monkeypatch)
    guesses = await guessed(check, "a", *"012345")
    guesses += await guessed(check, "b", *"678")
    guesses += await guessed(check, "c", "s3cret:with colon")
    held.release.set()
    assert await outcomes(guesses) == [False] * 9 + [True]
    assert held.begun == ["0", "1", "6", "s3cret:with colon", "2", "7", "3", "8", "4", "5"]


async def test_only_so_many_checks_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """One check runs and 100 wait; the next is refused at once, a known password passes, then all is well."""
    check, known = PasswordCheck(), basic("bob", "密码")
    assert await check.admits(USERS, known)
    held = HeldChecks(monkeypatch)
    guesses = await guessed(check, "a", *map(str, range(101)))
    try:
        with pytest.raises(TooManyPasswordChecks, match="too many passwords wait to be checked; try again"):
            await check.admits(USERS, basic("alice", "s3cret:with colon"), client="a")
        assert await check.admits(USERS, known)
    finally:
        held.release.set()
    assert await outcomes(guesses) == [False] * 101
    assert await check.admits(USERS, basic("alice", "s3cret:with colon"))


async def test_a_full_queue_has_room_for_another_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one client fills the queue, its newest check is refused for another client, which is next."""
    check, held = PasswordCheck(), HeldChecks(monkeypatch)
    guesses = await guessed(check, "a", *map(str, range(101)))
    honest = await guessed(check, "b", "s3cret:with colon")
    held.release.set()
    assert await outcomes(honest) == [True]
    assert held.begun[:3] in (["0", "1", "s3cret:with colon"], ["0", "s3cret:with colon", "1"])
    assert await outcomes(guesses) == [False] * 100 + [None]


async def test_who_hangs_up_is_not_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A guess whose connection is closed costs no bcrypt, and its place is free for the same client."""
    check, held = PasswordCheck(), HeldChecks(monkeypatch)
    running = await guessed(check, "a", "0")
    gone = await guessed(check, "a", *map(str, range(1, 101)), gone=True)
    honest = await guessed(check, "a", "s3cret:with colon")
    held.release.set()
    assert await outcomes(running + honest) == [False, True]
    assert await outcomes(gone) == [None] * 100
    assert held.begun == ["0", "s3cret:with colon"]


async def test_checks_that_are_given_up_leave_their_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is cancelled while waiting takes nobody's place."""
    check, held = PasswordCheck(), HeldChecks(monkeypatch)
    guesses = await guessed(check, "a", *map(str, range(101)))
    for guess in guesses[1:]:
        guess.cancel()
    await asyncio.wait(guesses[1:])
    last = await guessed(check, "a", "s3cret:with colon")
    held.release.set()
    assert await outcomes([guesses[0], *last]) == [False, True]
    assert held.begun == ["0", "s3cret:with colon"]


async def test_nobody_waits_when_the_exporter_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checks that wait are refused, so that the stop does not last as long as they would."""
    check, held = PasswordCheck(), HeldChecks(monkeypatch)
    guesses = await guessed(check, "a", *"0123")
    await check.refuse_waiting()
    assert await outcomes(guesses[1:]) == [None] * 3
    held.release.set()
    assert await outcomes(guesses[:1]) == [False]
