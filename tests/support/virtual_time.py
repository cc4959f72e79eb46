"""Hours in seconds: a whole program with its real sockets, in one event loop whose time jumps over waits.

`asyncio.sleep`, `asyncio.timeout` and aiohttp's timeouts all run in the loop's seconds, and so does a
`VirtualClock`. The loop's time stands still while anything can go on (a socket is ready, an executor works),
and jumps to the next timer once nothing can.

Both ends of every connection must live in the loop: another process would not have the time to answer.
"""

from __future__ import annotations

import asyncio
import selectors
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
        return ready


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
