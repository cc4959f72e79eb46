"""Stand-ins at the lowest seam: time, and threads."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor, Future
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

from exporter.context import Context
from exporter.self_metrics import SelfMetrics
from exporter.snapshot.store import SnapshotStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.common.clock import Clock


class FakeClock:
    """A clock that only moves when it is told to, or when somebody sleeps on it.

    Attributes:
        slept: every wait so far, in seconds.
    """

    def __init__(self, wall: float = 1_700_000_000.0) -> None:
        self.slept: list[float] = []
        self._wall = wall
        self._monotonic = 1_000.0

    def wall(self) -> float:
        return self._wall

    def monotonic(self) -> float:
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(max(seconds, 0.0))
        # Others get their turn, as they would during a real wait.
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        self._wall += seconds
        self._monotonic += seconds

    def set_ahead(self, seconds: float) -> None:
        """Somebody sets the machine's clock: no time passes. Negative: sets it back."""
        self._wall += seconds


class StandingClock(FakeClock):
    """A clock that only moves when it is told to; whoever sleeps on it waits until then."""

    def __init__(self) -> None:
        super().__init__()
        self._moved = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        until = self.monotonic() + seconds
        while self.monotonic() < until:
            await self._moved.wait()

    def advance(self, seconds: float) -> None:
        super().advance(seconds)
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()


class NoThread(Executor):
    """Does everything at once, where it is asked to."""

    def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        _do(partial(work, *args, **kwargs), future)
        return future


class LateWorker(Executor):
    """Does nothing until it is told to."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()
        self._tasks: list[Callable[[], None]] = []

    def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._tasks.append(partial(_do, partial(work, *args, **kwargs), future))
        self._asked.set()
        return future

    async def asked(self) -> None:
        """Wait until there is something to do."""
        await self._asked.wait()

    def work(self) -> None:
        """Do what there is to do by now."""
        self._asked.clear()
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task()


def _do(work: Callable[[], Any], future: Future[Any]) -> None:
    try:
        future.set_result(work())
    except BaseException as error:  # noqa: BLE001  (whoever waits for the result gets it)
        future.set_exception(error)


def fake_context(clock: Clock | None = None, **parts: Any) -> Context:
    """A context of its own: no thread, the same jitter in every run. `parts` are put in place of its own."""
    own = {
        "clock": clock or FakeClock(),
        "worker": NoThread(),
        "self_metrics": SelfMetrics(),
        "store": SnapshotStore(),
        "rng": Random(0),  # noqa: S311  (jitter is no secret)
    }
    return Context(**{**own, **parts})
