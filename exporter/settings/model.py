"""The settings as a whole, in the shape of the configuration file; every default is here."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from exporter.common.text import quote_or_hide
from exporter.settings.alerts import Alerts
from exporter.settings.base import Listed, Section
from exporter.settings.project import Project  # noqa: TC001  (pydantic reads the annotations)
from exporter.settings.shard import Shard
from exporter.settings.types import (
    KeptFile,
    ListenAddress,
    Listening,
    PositiveDuration,
    ReadableFile,
    WholeNumber,
)

_PATH = re.compile("/[A-Za-z0-9._~/-]*")
_OWN_PATHS = ("/", "/-/healthy", "/-/ready", "/-/reload")


class Poll(Section):
    """How often and how hard the cloud is asked.

    Attributes:
        interval: seconds between two polls of a pool.
        timeout: seconds for one request, body included.
        stale_after: seconds after which a pool that was not read loses its workload series.
        requests_per_second: per project.
        concurrency: requests in flight per project.
        cross_check: which listings are held against the cloud's own count of the pool's workloads, one more
            request each: off; paged: those of more than one page; always.
    """

    interval: PositiveDuration = 60.0
    timeout: PositiveDuration = 10.0
    stale_after: PositiveDuration = Field(default=300.0, validate_default=True)
    requests_per_second: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 10.0
    concurrency: Annotated[WholeNumber, Field(ge=1)] = 8
    cross_check: Literal["off", "paged", "always"] = "paged"

    @field_validator("stale_after")
    @classmethod
    def _longer_than_interval(cls, stale_after: float, info: ValidationInfo) -> float:
        """Otherwise the workload series would be gone before the next poll could bring new ones.

        Polls of a pool are up to one and a half intervals apart, and a poll takes its time.
        """
        interval = info.data.get("interval", 0.0)
        if stale_after < 2 * interval:
            raise ValueError(f"must be at least twice poll.interval ({interval:g} s), is {stale_after:g} s")
        return stale_after


class Workloads(Section):
    """How much detail is shown of a pool.

    Attributes:
        series: which workloads get series of their own.
        limit: how many of them per pool.
        user_metrics: whether there are figures by user.
        user_limit: how many users per pool are shown by name.
        estimates: whether to estimate when waiting workloads start.
    """

    series: Literal["none", "waiting", "active", "all"] = "waiting"
    limit: Annotated[WholeNumber, Field(ge=0)] = 200
    user_metrics: bool = False
    user_limit: Annotated[WholeNumber, Field(ge=0)] = 20
    estimates: bool = False


class Capacity(Section):
    """Whether and how often the cloud is asked what the pools have to give.

    Attributes:
        read: none; pools: one request for all pools of a project; nodes: besides, one request for each
            pool, for its free cards node by node.
        interval: seconds between two requests. The cloud averages over a minute: faster gains nothing.
    """

    read: Literal["none", "pools", "nodes"] = "pools"
    interval: PositiveDuration = 60.0


def _each_once(addresses: tuple[ListenAddress, ...]) -> tuple[ListenAddress, ...]:
    for index, address in enumerate(addresses):
        if address in addresses[:index]:
            raise ValueError(f"{address} is there twice")
    return addresses


def _path(path: str) -> str:
    if not _PATH.fullmatch(path):
        raise ValueError(
            f"{quote_or_hide(path)} is no path; write it like /metrics, of letters, digits and ._~-"
        )
    if path in _OWN_PATHS:
        raise ValueError(f"'{path}' is taken by the exporter itself; write it like /metrics")
    return path


class State(Section):
    """What outlives the process.

    Attributes:
        path: the file that keeps counters and what they rest on; None to begin at 0 at every start.
    """

    path: KeptFile | None = None


class Web(Section):
    """How the metrics are served.

    Attributes:
        listen_address: at least one.
        telemetry_path: where the metrics are.
        config_file: TLS and users, in the exporter-toolkit's format.
        enable_lifecycle: whether a POST to /-/reload reads the configuration again.
        max_requests: scrapes that are answered at once; 0 for any number.
    """

    listen_address: Annotated[Listed[Listening], AfterValidator(_each_once)] = (ListenAddress(None, 10310),)
    telemetry_path: Annotated[str, AfterValidator(_path)] = "/metrics"
    config_file: ReadableFile | None = None
    enable_lifecycle: bool = False
    max_requests: Annotated[WholeNumber, Field(ge=0)] = 40


class Log(Section):
    """What is logged, and how.

    Attributes:
        level: and everything that is worse.
        format: None for console on a terminal, else logfmt.
    """

    level: Literal["debug", "info", "warn", "error"] = "info"
    format: Literal["logfmt", "json", "console"] | None = None


def _some(projects: tuple[Project, ...]) -> tuple[Project, ...]:
    if not projects:
        raise ValueError(
            "there is none; list projects in the file that --config.file names, or for one project set "
            "MODELARTS_EXPORTER_REGION, MODELARTS_EXPORTER_PROJECT_ID and MODELARTS_EXPORTER_POOLS; "
            "to look around without an account run modelarts-exporter demo"
        )
    return projects


class Settings(Section):
    """Everything that an operator can set."""

    poll: Poll = Poll()
    workloads: Workloads = Workloads()
    capacity: Capacity = Capacity()
    alerts: Alerts = Alerts()
    state: State = State()
    shard: Shard = Shard()
    projects: Annotated[tuple[Project, ...], AfterValidator(_some)] = Field(default=(), validate_default=True)
    web: Web = Web()
    log: Log = Log()
