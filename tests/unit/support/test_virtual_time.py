"""Virtual time with real sockets, as tests of the whole daemon rest on it."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from aiohttp import web
from support.virtual_time import VirtualClock, run_virtually
from support.wires import answering


def test_a_day_passes_at_once() -> None:
    """Whoever sleeps wakes up at the right moment of the loop's time, in the right order."""

    async def main() -> list[tuple[str, float]]:
        clock = VirtualClock(wall=0.0)
        woke: list[tuple[str, float]] = []

        async def sleep(name: str, seconds: float) -> None:
            await clock.sleep(seconds)
            woke.append((name, clock.wall()))

        await asyncio.gather(sleep("b", 86_400), sleep("a", 3_600))
        return woke

    woke = run_virtually(main())
    assert [name for name, _ in woke] == ["a", "b"]
    assert [at for _, at in woke] == pytest.approx([3_600, 86_400])


def test_what_a_socket_can_deliver_comes_before_any_timer() -> None:
    """200 answers of 1 MB each over real connections, none of which takes a moment of virtual time."""

    async def main() -> float:
        async def answer(_: web.Request) -> web.Response:
            return web.Response(body=bytes(2**20))

        clock = VirtualClock()
        async with answering(answer) as url, aiohttp.ClientSession() as session:
            started = clock.monotonic()
            for _ in range(200):
                async with asyncio.timeout(0.001), session.get(url) as response:
                    assert len(await response.read()) == 2**20
            return clock.monotonic() - started

    assert run_virtually(main()) == 0.0


def test_a_timeout_of_aiohttp_comes_when_it_is_due() -> None:
    """A server that says nothing costs the client its timeout in virtual time."""

    async def main() -> float:
        async def hang(_: web.Request) -> web.Response:
            await asyncio.sleep(86_400)
            return web.Response()

        clock = VirtualClock()
        async with answering(hang) as url, aiohttp.ClientSession() as session:
            started = clock.monotonic()
            with pytest.raises(asyncio.TimeoutError):
                await session.get(url, timeout=aiohttp.ClientTimeout(total=3))
            return clock.monotonic() - started

    assert run_virtually(main()) == pytest.approx(3)


def test_time_waits_for_threads() -> None:
    """What another thread works on is done before a timer that is a moment ahead of it."""

    async def main() -> bool:
        async with asyncio.timeout(60):
            return await asyncio.to_thread(lambda: bool(sum(range(300_000))))

    assert run_virtually(main())


def test_setting_a_clock_lets_no_time_pass_and_leaves_other_clocks_alone() -> None:
    """A wrong date is one machine's own."""

    async def main() -> tuple[float, float, float]:
        machine, cloud = VirtualClock(wall=100.0), VirtualClock(wall=100.0)
        before = machine.monotonic()
        machine.set_ahead(1_200)
        return machine.wall(), cloud.wall(), machine.monotonic() - before

    assert run_virtually(main()) == (1_300.0, 100.0, 0.0)
