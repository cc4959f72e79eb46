"""The page at `/`: how every pool fares, what hurts first."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Literal

from exporter import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jinja2 import Template

    from exporter.common.errors import Outcome

Tone = Literal["failing", "short", "new", "ok"]
"""failing: could not be read. short: read, but known to be incomplete. new: not tried yet."""

_RANK: dict[Tone, int] = {"failing": 0, "short": 1, "new": 2, "ok": 2}

_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


@dataclass(frozen=True, slots=True)
class PoolView:
    """What the page shows of one pool. None is what is not known.

    Attributes:
        region, project_id, pool: which one; `pool` is the ID.
        name: display name.
        outcome: how the last poll ended; None before the first.
        explanation: what went wrong and what to do, in full; empty when all went well.
        attempted_ago: seconds since the last poll ended.
        data_age: seconds since the last successful poll ended.
        duration: seconds the last poll took.
        workloads: how many the pool has.
        waiting: how many of them wait.
        longest_pending: seconds the longest of them has waited so far; None also when none waits.
        complete: whether every workload that exists was read.
        stale: the data is too old to be exported any more.
    """

    region: str
    project_id: str
    pool: str
    name: str | None = None
    outcome: Outcome | None = None
    explanation: str = ""
    attempted_ago: float | None = None
    data_age: float | None = None
    duration: float | None = None
    workloads: int | None = None
    waiting: int | None = None
    longest_pending: float | None = None
    complete: bool | None = None
    stale: bool = False

    @property
    def tone(self) -> Tone:
        """How it fares, in one word."""
        match self.outcome:
            case None:
                return "new"
            case "ok":
                return "ok" if self.complete is not False else "short"
            case "incomplete":
                return "short"
            case _:
                return "failing"


@dataclass(frozen=True, slots=True)
class ShareView:
    """Which of the pools this exporter watches, where several share them.

    Attributes:
        index: which of the shards it is, from 0 on.
        total: how many there are.
        elsewhere: how many pools other shards watch, as far as is known here.
    """

    index: int
    total: int
    elsewhere: int


@dataclass(frozen=True, slots=True)
class PageView:
    """What the page shows.

    Attributes:
        pools: what hurts first: failing ones, incomplete ones, then by the longest wait.
        failing: pools that could not be read.
        known: pools whose waiting workloads are known; `waiting` and `longest_pending` are theirs.
        waiting: workloads that wait.
        longest_pending: seconds; None where none waits.
        uptime: seconds.
        telemetry_path: for a link.
        documentation: address, for a link.
        share: None where the pools are not shared.
    """

    pools: tuple[PoolView, ...]
    failing: int
    known: int
    waiting: int
    longest_pending: float | None
    uptime: float
    telemetry_path: str
    documentation: str | None
    share: ShareView | None = None
    version: str = __version__


def view(
    pools: Sequence[PoolView],
    *,
    uptime: float,
    telemetry_path: str,
    documentation: str | None,
    share: ShareView | None = None,
) -> PageView:
    """Sorted, and summed up."""
    waiting = [pool.waiting for pool in pools if pool.waiting is not None]
    return PageView(
        pools=tuple(sorted(pools, key=_what_hurts_first)),
        failing=sum(pool.tone == "failing" for pool in pools),
        known=len(waiting),
        waiting=sum(waiting),
        longest_pending=max(
            (p.longest_pending for p in pools if p.longest_pending is not None), default=None
        ),
        uptime=uptime,
        telemetry_path=telemetry_path,
        documentation=documentation,
        share=share,
    )


def rendered(page: PageView) -> str:
    """The page as HTML; every text in it is escaped."""
    return _template().render(page=page, css=_css())


def span(seconds: float) -> str:
    """A length of time for people, in its two largest units: `3d 4h`, `12m 5s`, `0s`."""
    rest = max(0, int(seconds))
    parts: list[str] = []
    for unit, size in _UNITS:
        count, rest = divmod(rest, size)
        if count or parts:
            parts.append(f"{count}{unit}" if count else "")
    return " ".join(part for part in parts[:2] if part) or "0s"


@cache
def content_security_policy() -> str:
    """Nothing but the page's own style, which its hash names, and an inline icon."""
    digest = base64.b64encode(hashlib.sha256(_css().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:;"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _what_hurts_first(pool: PoolView) -> tuple[int, float, str, str]:
    return _RANK[pool.tone], -(pool.longest_pending or 0.0), pool.name or "", pool.pool


@cache
def _css() -> str:
    return resources.files("exporter.web").joinpath("status.css").read_text("utf-8")


@cache
def _template() -> Template:
    # Many an exporter's page is never looked at; its template engine then costs no memory and no start-up.
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415  (see above)

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["span"] = span
    source = resources.files("exporter.web").joinpath("status.html").read_text("utf-8")
    return environment.from_string(source)
