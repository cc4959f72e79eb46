"""The real exporter with a stopwatch on its inner functions: `python -m tools.bench.stopwatch FLAGS`.

A line on stdin is answered by a line of JSON on stdout, the figures since the last one. A timed function that
is not there any more has no figure. With `--heartbeat` first, the event loop's longest stall is measured too.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import sys
import threading
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import msgspec

from exporter.__main__ import import_structlog_without_rich

if TYPE_CHECKING:
    from collections.abc import Callable

TIMED = {
    "decode": ("exporter.api.workloads", "decode_page"),
    "compare": ("exporter.lifecycle.pool_history", "PoolHistory.update"),
    "aggregate": ("exporter.metrics.summary", "summarise"),
    "rendering": ("exporter.metrics.pool_text", "render_pool"),
    "compress": ("exporter.metrics.sections", "deflated"),
}
"""`rendering` runs from the snapshot to the finished chunks: aggregate and compress are parts of it."""

_BEAT = 0.002


class Figures(msgspec.Struct):
    """Seconds since the last report.

    Attributes:
        cpu: by what was timed: CPU time of the thread that did it.
        to_scrapable: of each poll of a pool, from the last byte of its last answer to the swap of its text.
        stall: the longest time that the loop did not come round, beyond what was asked for.
    """

    cpu: dict[str, float]
    to_scrapable: list[float]
    stall: float


class Stopwatch:
    """Collects the figures; functions are timed on the loop and in threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answered: dict[str, float] = {}
        self._rendered: list[str] = []
        self._clear()

    def _clear(self) -> None:
        self._cpu: defaultdict[str, float] = defaultdict(float)
        self._to_scrapable: list[float] = []
        self.stall = 0.0

    def take(self) -> Figures:
        """The figures since the last time."""
        with self._lock:
            figures = Figures(dict(self._cpu), self._to_scrapable, self.stall)
            self._clear()
        return figures

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, timed."""

        @functools.wraps(function)
        def timing(*args: Any, **kwargs: Any) -> Any:
            started = time.thread_time()
            try:
                return function(*args, **kwargs)
            finally:
                spent = time.thread_time() - started
                with self._lock:
                    self._cpu[name] += spent
                    if name == "rendering":
                        self._rendered.append(args[0].key.pool)

        return timing

    def answering(self, send: Callable[..., Any]) -> Callable[..., Any]:
        """`HttpTransport.send`, noting when a listing's whole answer was there."""

        @functools.wraps(send)
        async def noting(transport: Any, request: Any) -> Any:
            response = await send(transport, request)
            parts = request.url.partition("?")[0].rsplit("/", 2)
            if parts[-1] == "workloads":
                self._answered[parts[-2]] = time.monotonic()
            return response

        return noting

    def swapping(self, swap: Callable[..., Any]) -> Callable[..., Any]:
        """`Renderer._replace`, noting when new text could be scraped."""

        @functools.wraps(swap)
        def noting(*args: Any, **kwargs: Any) -> Any:
            result = swap(*args, **kwargs)
            now = time.monotonic()
            with self._lock:
                rendered, self._rendered = self._rendered, []
                for pool in rendered:
                    if (answered := self._answered.pop(pool, None)) is not None:
                        self._to_scrapable.append(now - answered)
            return result

        return noting

    def beating(self, run: Callable[..., Any]) -> Callable[..., Any]:
        """`Daemon.run` with a heartbeat beside it."""

        @functools.wraps(run)
        async def accompanied(*args: Any, **kwargs: Any) -> Any:
            beat = asyncio.create_task(self._beat())
            try:
                return await run(*args, **kwargs)
            finally:
                beat.cancel()

        return accompanied

    async def _beat(self) -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(_BEAT)
            self.stall = max(self.stall, time.monotonic() - before - _BEAT)


def _replace(module: str, name: str, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Put a wrapped function wherever the exporter has imported it."""
    owner: Any = importlib.import_module(module)
    *classes, attribute = name.split(".")
    for part in classes:
        owner = getattr(owner, part, None)
    original = getattr(owner, attribute, None)
    if original is None:
        return
    wrapped = wrap(original)
    setattr(owner, attribute, wrapped)
    if not classes:
        for other in [*sys.modules.values()]:
            if other.__name__.startswith("exporter.") and vars(other).get(attribute) is original:
                setattr(other, attribute, wrapped)


def _report(stopwatch: Stopwatch) -> None:
    for _ in sys.stdin:
        sys.stdout.write(msgspec.json.encode(stopwatch.take()).decode() + "\n")
        sys.stdout.flush()


def _run(flags: list[str]) -> int:
    import_structlog_without_rich()  # as the real command does
    importlib.import_module("exporter.cli.run")  # so that every name to replace is there
    cli = importlib.import_module("exporter.cli.main")
    stopwatch = Stopwatch()
    for name, (module_name, function) in TIMED.items():
        _replace(module_name, function, functools.partial(stopwatch.timed, name))
    _replace("exporter.transport.http", "HttpTransport.send", stopwatch.answering)
    _replace("exporter.metrics.renderer", "Renderer._replace", stopwatch.swapping)
    if flags and flags[0] == "--heartbeat":
        flags = flags[1:]
        _replace("exporter.app.daemon", "Daemon.run", stopwatch.beating)
    threading.Thread(target=_report, args=(stopwatch,), daemon=True).start()
    status: int = cli.main(flags)
    return status


if __name__ == "__main__":
    sys.exit(_run(sys.argv[1:]))
