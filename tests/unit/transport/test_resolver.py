"""Names are looked up in threads that nobody waits for."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from collections import Counter
from typing import Any

import pytest
from support.waiting import until
from support.wires import site, transport

from exporter.common.errors import ConnectionFailed, RequestTimeout
from exporter.transport.http import Request
from exporter.transport.resolver import ThreadResolver


class NameServer:
    """A `getaddrinfo` that is silent about some names until it is released."""

    def __init__(self, *silent: str) -> None:
        self._silent = silent
        self.asked: Counter[str] = Counter()
        self.release = threading.Event()

    def __call__(self, host: str, _: None, **__: Any) -> list[Any]:
        self.asked[host] += 1
        if host in self._silent:
            self.release.wait()
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        if host == "unknown.test":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0))]


async def test_silent_names_hold_back_neither_other_names_nor_other_work() -> None:
    """A hundred names without an answer: another one is resolved, and the loop's own threads are free."""
    dead = [f"dead-{number}.test" for number in range(100)]
    names = NameServer(*dead)
    resolver = ThreadResolver(names)
    waiting = [asyncio.create_task(resolver.resolve(name, 443)) for name in dead]
    try:

        async def asked() -> int:
            return len(names.asked)

        await until(asked, lambda count: count == 100)
        [found] = await resolver.resolve("alive.test", 443)
        assert (found["host"], found["port"], found["hostname"]) == ("127.0.0.1", 443, "alive.test")
        assert await asyncio.to_thread(lambda: "served") == "served"
    finally:
        names.release.set()
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(error) for error in ended} == {socket.gaierror}


async def test_a_name_has_one_look_up_in_flight_whoever_asks() -> None:
    """A dead name takes one thread, however many requests of all transports wait; then it is asked anew."""
    names = NameServer("dead.test")
    resolver = ThreadResolver(names)
    try:
        async with transport(resolver=resolver) as one, transport(resolver=resolver) as other:
            requests = [
                http.send(Request("GET", f"http://dead.test:{port}/", timeout=0.01))
                for http in (one, other)
                for port in (80, 81)
                for _ in range(5)
            ]
            failed = await asyncio.gather(*requests, return_exceptions=True)
            assert {type(error) for error in failed} == {RequestTimeout}
            assert all(
                "the name is still being looked up; check the name servers" in str(error) for error in failed
            )
            assert names.asked == {"dead.test": 1}
            assert resolver.looks_up("dead.test")
    finally:
        names.release.set()

    async def looked_up() -> bool:
        return not resolver.looks_up("dead.test")

    await until(looked_up)
    with pytest.raises(socket.gaierror):
        await resolver.resolve("dead.test")
    assert names.asked == {"dead.test": 2}


async def test_a_name_that_does_not_exist_is_told_with_its_reason() -> None:
    """The error names the endpoint, and says that its host is to be checked."""
    async with transport(resolver=ThreadResolver(NameServer())) as http:
        with pytest.raises(ConnectionFailed, match="check the host of the endpoint") as caught:
            await http.send(Request("GET", "https://unknown.test/x"))
    assert "Name or service not known" in str(caught.value)


async def test_a_resolved_name_is_asked() -> None:
    """The address that the look-up gives is connected to, with the request's port."""
    async with site() as served, transport(resolver=ThreadResolver(NameServer())) as http:
        port = served.url.rpartition(":")[2]
        assert (await http.send(Request("GET", f"http://alive.test:{port}/"))).status == 200


@pytest.mark.parametrize("host", ["a..b.test", "x" * 64 + ".test"], ids=["empty label", "long label"])
async def test_a_name_that_cannot_be_one_is_an_error_of_the_system(host: str) -> None:
    """Python cannot even encode it for a look-up."""
    with pytest.raises(OSError, match=r"the name cannot be looked up|not known"):
        await ThreadResolver().resolve(host)


async def test_a_name_without_addresses_is_an_error() -> None:
    """An empty list would break an assertion of aiohttp."""
    with pytest.raises(OSError, match="no address"):
        await ThreadResolver(lambda *_, **__: []).resolve("empty.test")


async def test_a_link_local_address_keeps_its_scope() -> None:
    """It cannot be connected to without."""
    found = [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1", 0, 0, 2))]
    [address] = await ThreadResolver(lambda *_, **__: found).resolve("link.test", 80)
    assert address["host"] == "fe80::1%2"


async def test_without_a_thread_the_look_up_fails_and_the_next_one_can_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A limit on threads is a failed look-up, not the end of the process."""
    resolver = ThreadResolver(NameServer())

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        with pytest.raises(OSError, match="can't start new thread"):
            await resolver.resolve("alive.test")
    assert await resolver.resolve("alive.test")


_STUCK = """
import asyncio, threading
from exporter.transport.http import HttpTransport, Request
from exporter.common.errors import RequestTimeout
from exporter.common.logging import set_up_logging
from exporter.transport.resolver import ThreadResolver

async def main():
    http = HttpTransport(resolver=ThreadResolver(lambda *_, **__: threading.Event().wait()))
    try:
        await http.send(Request("GET", "http://dead.test/", timeout=0.01))
    except RequestTimeout:
        print("timed out")
    await http.close()

set_up_logging("info")
asyncio.run(main())
"""


def test_a_stuck_look_up_does_not_delay_the_end_of_the_process() -> None:
    """Neither the loop nor the interpreter waits for it; here it would last for ever."""
    ended = subprocess.run(
        [sys.executable, "-c", _STUCK], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "timed out\n", "")
