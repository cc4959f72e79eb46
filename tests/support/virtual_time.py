"""Hours in seconds: a whole program with its real sockets, in one event loop whose time jumps over waits.

`asyncio.sleep`, `asyncio.timeout` and aiohttp's timeouts all run in the loop's seconds, and so does a
`VirtualClock`. The loop's time stands still while anything can go on (a socket is ready, an executor works),
and jumps to the next timer once nothing can.

Both ends of every connection must live in the loop: another process would not have the time to answer.
"""

from __future__ import annotations

import asyncio
import os
import selectors
import socket
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

import looptime

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

T = TypeVar("T")

_IDLE_LOOKS = 40
"""Looks at the sockets, all in vain, before time jumps; the last one waits."""

_A_LOOK = 0.0003
"""Real seconds that it waits: a busy kernel needs a core to hand on what was sent."""

_UNDER_WAY_LOOKS = 500
"""Further looks of 10 ms at most, while the kernel knows of bytes that were sent and have not arrived."""

_TCP_INFO = struct.Struct("@B127xQ8xI52xQQ")
"""Of Linux' `struct tcp_info`: the state; the bytes received, not sent yet, sent, and of these sent again."""

_SYN_SENT = 2

_TICK = 1e-6
"""Seconds: the loop's time has no smaller step."""


class _PatientSelector(selectors.DefaultSelector):
    """Sees what a socket is about to deliver as if it had been there at once."""

    _in_vain = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(timeout)
        self._in_vain = 0 if ready else self._in_vain + 1
        if not ready and timeout == 0 and self._in_vain % _IDLE_LOOKS == 0:
            ready = super().select(_A_LOOK)
            for _ in range(_UNDER_WAY_LOOKS):
                if ready or not self._under_way():
                    break
                ready = super().select(0.01)
        return ready

    def _under_way(self) -> bool:
        """Whether the kernel has something to bring to a socket that is read and has nothing to read."""
        gone: dict[object, tuple[int, bool]] = {}
        arrived: dict[object, int] = {}
        for key in self.get_map().values():
            with socket.socket(fileno=os.dup(key.fd)) as connection:
                if connection.family not in {socket.AF_INET, socket.AF_INET6}:
                    continue
                info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
                if len(info) < _TCP_INFO.size:
                    continue
                state, received, unsent, sent, again = _TCP_INFO.unpack(info)
                if state == _SYN_SENT:
                    return True
                with suppress(OSError):  # it listens, or its other end is gone
                    here, there = connection.getsockname()[:2], connection.getpeername()[:2]
                    gone[here, there] = sent - again, bool(unsent or key.events & selectors.EVENT_WRITE)
                    if key.events & selectors.EVENT_READ:
                        arrived[there, here] = received
        return any(ends in arrived and (more or sent > arrived[ends]) for ends, (sent, more) in gone.items())


class VirtualClock:
    """The running loop's time as a `Clock`. Several may disagree about the date, as machines do.

    Args:
        wall: what the date is now, in Unix seconds.
    """

    def __init__(self, wall: float = 1_700_000_000.0) -> None:
        self._loop = asyncio.get_running_loop()
        self._ahead = wall - self._loop.time()

    def wall(self) -> float:
        return self._ahead + self._loop.time()

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        # Less than a tick would end without time having passed, and be slept again for ever.
        await asyncio.sleep(max(seconds, _TICK) if seconds > 0 else 0)

    def set_ahead(self, seconds: float) -> None:
        """Somebody sets the machine's clock: no time passes. Negative: sets it back."""
        self._ahead += seconds


def run_virtually(main: Coroutine[Any, Any, T]) -> T:
    """Run it in a loop of its own, in virtual time."""
    with asyncio.Runner(loop_factory=_loop) as runner:
        return runner.run(main)


def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.SelectorEventLoop(_PatientSelector())
    return looptime.patch_event_loop(loop, start=1_000.0, resolution=_TICK, noop_cycles=_IDLE_LOOKS)


def stand_still(seconds: float) -> None:
    """What a process sees that is stopped and continued: so much time has passed, and nothing was done."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, looptime.LoopTimeEventLoop)
    loop.setup_looptime(start=loop.time() + seconds, resolution=_TICK, noop_cycles=_IDLE_LOOKS)
