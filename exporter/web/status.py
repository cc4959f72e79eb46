"""The status page at `/`: every pool, failing ones first."""

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
"""failing: could not be read. short: read, but known to be incomplete. new: not polled yet."""

_RANK: dict[Tone, int] = {"failing": 0, "short": 1, "new": 2, "ok": 2}

_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


@dataclass(frozen=True, slots=True)
class PoolView:
    """What the page shows of one pool. None means not known.

    Attributes:
        region, project_id, pool: which one; `pool` is the ID.
        name: display name.
        outcome: how the last poll ended; None before the first.
        explanation: what went wrong and what to do; empty after a success.
        attempted_ago: seconds since the last poll ended.
        data_age: seconds since the last successful poll ended.
        duration: seconds the last poll took.
        workloads: how many the pool has.
        waiting: how many of them wait.
        longest_pending: longest wait so far, in seconds; None also if none waits.
        complete: whether every workload that exists was read.
        stale: the data is too old to be exported.
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
        """The state of the pool, for sorting and colour."""
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
    """This exporter's share of the pools, if several exporters share them.

    Attributes:
        index: the index of this shard, from 0.
        total: the number of shards.
        elsewhere: how many pools the other shards watch, as far as known.
    """

    index: int
    total: int
    elsewhere: int


@dataclass(frozen=True, slots=True)
class PageView:
    """What the page shows.

    Attributes:
        pools: failing ones, incomplete ones, then the others; each by longest wait.
        failing: pools that could not be read.
        known: pools whose waiting workloads are known; `waiting` and `longest_pending` cover these.
        waiting: waiting workloads.
        longest_pending: seconds; None if none waits.
        uptime: seconds.
        telemetry_path: for a link.
        share: None if the pools are not shared.
    """

    pools: tuple[PoolView, ...]
    failing: int
    known: int
    waiting: int
    longest_pending: float | None
    uptime: float
    telemetry_path: str
    share: ShareView | None = None
    version: str = __version__


def page_view(
    pools: Sequence[PoolView],
    *,
    uptime: float,
    telemetry_path: str,
    share: ShareView | None = None,
) -> PageView:
    """The pools sorted, with totals."""
    waiting = [pool.waiting for pool in pools if pool.waiting is not None]
    return PageView(
        pools=tuple(sorted(pools, key=_worst_first)),
        failing=sum(pool.tone == "failing" for pool in pools),
        known=len(waiting),
        waiting=sum(waiting),
        longest_pending=max(
            (p.longest_pending for p in pools if p.longest_pending is not None), default=None
        ),
        uptime=uptime,
        telemetry_path=telemetry_path,
        share=share,
    )


def render_page(page: PageView) -> str:
    """The page as HTML. All text in it is escaped."""
    return _template().render(page=page, css=_css())


def format_duration(seconds: float) -> str:
    """A duration in its two largest units: `3d 4h`, `12m 5s`, `0s`."""
    rest = max(0, int(seconds))
    parts: list[str] = []
    for unit, size in _UNITS:
        count, rest = divmod(rest, size)
        if count or parts:
            parts.append(f"{count}{unit}" if count else "")
    return " ".join(part for part in parts[:2] if part) or "0s"


@cache
def content_security_policy() -> str:
    """Allows only the page's own style, by its hash, and the inline icon."""
    digest = base64.b64encode(hashlib.sha256(_css().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:;"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _worst_first(pool: PoolView) -> tuple[int, float, str, str]:
    return _RANK[pool.tone], -(pool.longest_pending or 0.0), pool.name or "", pool.pool


@cache
def _css() -> str:
    return resources.files("exporter.web").joinpath("status.css").read_text("utf-8")


@cache
def _template() -> Template:
    # If nobody opens the page, the template engine costs no memory and no start-up time.
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415  (see above)

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["span"] = format_duration
    source = resources.files("exporter.web").joinpath("status.html").read_text("utf-8")
    return environment.from_string(source)
