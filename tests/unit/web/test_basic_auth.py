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


async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch, checks: list[bytes]) -> None:
    """At the bound the longest unused is forgotten, and simply checked again."""
    monkeypatch.setattr("exporter.web.basic_auth._MAX_REMEMBERED", 1)
    check = PasswordCheck()
    for user, password in (("alice", "s3cret:with colon"), ("bob", "密码"), ("alice", "s3cret:with colon")):
        assert await check.admits(USERS, basic(user, password))
    assert len(checks) == 3


async def test_only_so_many_checks_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """One check runs and 16 wait; the next is refused at once, a known password passes, then all is well."""
    check, known, release = PasswordCheck(), basic("bob", "密码"), threading.Event()
    assert await check.admits(USERS, known)
    real: Callable[[bytes, bytes], bool] = bcrypt.checkpw
    monkeypatch.setattr(bcrypt, "checkpw", lambda *given: release.wait() and real(*given))
    guesses = [asyncio.create_task(check.admits(USERS, basic("alice", str(n)))) for n in range(17)]
    await asyncio.sleep(0)  # each begins
    try:
        with pytest.raises(TooManyPasswordChecks, match="too many passwords wait to be checked; try again"):
            await check.admits(USERS, basic("alice", "s3cret:with colon"))
        assert await check.admits(USERS, known)
    finally:
        release.set()
    assert await asyncio.gather(*guesses) == [False] * 17
    assert await check.admits(USERS, basic("alice", "s3cret:with colon"))


async def test_checks_that_are_given_up_leave_their_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is cancelled while waiting takes nobody's place."""
    check, release = PasswordCheck(), threading.Event()
    monkeypatch.setattr(bcrypt, "checkpw", lambda *_: release.wait())
    guesses = [asyncio.create_task(check.admits(USERS, basic("alice", str(n)))) for n in range(17)]
    await asyncio.sleep(0)
    for guess in guesses[1:]:
        guess.cancel()
    await asyncio.wait(guesses[1:])
    last = asyncio.create_task(check.admits(USERS, basic("alice", "x")))
    release.set()
    assert [await guesses[0], await last] == [True, True]
