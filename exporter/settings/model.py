"""The settings as a whole, in the shape of the configuration file.

A setting is one field: its type, default, flag, and a description, from which docs/configuration.md is made.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from exporter.common.text import quote_or_hide
from exporter.common.validation import Section
from exporter.settings.alerts import Alerts
from exporter.settings.project import Pattern, Project  # noqa: TC001  (pydantic reads the annotations)
from exporter.settings.shard import Shard
from exporter.settings.types import (
    DatabaseFile,
    Flag,
    ListenAddress,
    Listening,
    OneOrMore,
    PositiveDuration,
    ReadableFile,
    WholeNumber,
)

_PATH = re.compile("/[A-Za-z0-9._~/-]*")
_OWN_PATHS = ("/", "/-/healthy", "/-/ready", "/-/reload")


class Poll(Section):
    """How often the cloud is asked, and how many requests that may take."""

    interval: PositiveDuration = Field(
        default=60.0,
        description="How often each pool is listed. The polls of a project are spread over the interval.",
    )
    timeout: PositiveDuration = Field(
        default=10.0, description="Longest time for one request, body included."
    )
    stale_after: PositiveDuration = Field(
        default=300.0,
        validate_default=True,
        description="A pool that was not read for this long loses the series of its listing. At least twice "
        "`poll.interval`.",
    )
    requests_per_second: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        default=10.0,
        description="Requests per project, evenly spaced. 10 are enough for 600 pools a minute; with more, "
        "each pool is read less often, and the log says so. A limit that the cloud names is kept.",
    )
    concurrency: Annotated[WholeNumber, Field(ge=1)] = Field(
        default=8, description="Requests in flight per project."
    )
    cross_check: Literal["off", "paged", "always"] = Field(
        default="paged",
        description="Which listings are compared with the cloud's own count of the pool's workloads. The "
        "runtime metrics have one of every pool, for free. Where they have none, the statistics are asked "
        "for, at one request for each listing. `paged`: then only for listings of more than one page.",
    )

    @field_validator("stale_after")
    @classmethod
    def _longer_than_interval(cls, stale_after: float, info: ValidationInfo) -> float:
        """With less, the workload series would disappear between two polls.

        Polls of a pool are up to one and a half intervals apart, and a poll takes some time.
        """
        interval = info.data.get("interval", 0.0)
        if stale_after < 2 * interval:
            raise ValueError(f"must be at least twice poll.interval ({interval:g} s), is {stale_after:g} s")
        return stale_after


class Workloads(Section):
    """How much detail of a pool is exported."""

    series: Literal["none", "waiting", "active", "all"] = Field(
        default="waiting",
        description="Which workloads get series of their own. `waiting`: status Queue or Pending; `active`: "
        "every status that is not final.",
    )
    limit: Annotated[WholeNumber, Field(ge=0)] = Field(
        default=200,
        description="How many workloads per pool get series; the longest waiting first, then the longest "
        "running.",
    )
    user_metrics: bool = Field(default=False, description="Workloads and requested cards by user.")
    user_limit: Annotated[WholeNumber, Field(ge=0)] = Field(
        default=20,
        description="How many users per pool are shown by name: those who ask for most cards. The others "
        "are added up as `other`.",
    )
    estimates: bool = Field(
        default=False,
        description="Estimate when waiting workloads start (see docs/throughput.md for the error).",
    )


class Capacity(Section):
    """Whether and how often the capacity of the pools is read."""

    read: Literal["none", "pools", "nodes"] = Field(
        default="pools",
        description="`pools`: one request for all pools of a project; `nodes`: also one request per pool, "
        "for its free cards node by node.",
    )
    interval: PositiveDuration = Field(
        default=60.0, description="How often. The cloud averages over a minute, so shorter gains nothing."
    )
    events: bool = Field(
        default=False,
        description="Also the pools' scheduled events, such as reboots of nodes: one request per pool in "
        "five intervals. Not with `read: none`.",
    )
    accelerator_names: dict[str, str] = Field(
        default={},
        description="What workloads call an accelerator in their requests, by the name that capacities "
        "and nodes have for it, where the two differ: `{tnt004: nvidia.com/gpu}`.",
    )

    @model_validator(mode="after")
    def _events_with_capacities(self) -> Self:
        if self.events and self.read == "none":
            raise ValueError("events are only read if read is pools or nodes")
        return self


class QueueStrategy(Section):
    """What the queue strategy of some pools means. `match`, `pool` or both decide which pools."""

    means: Literal["fifo", "passing"] = Field(
        description="`fifo`: no workload passes one that cannot start. `passing`: others may pass it."
    )
    match: Pattern | None = Field(
        default=None,
        description="Applies to pools in whose strategy it is found. That is the label `queue_strategy` of "
        "`modelarts_pool_info`, as the cloud spells it.",
    )
    pool: Pattern | None = Field(
        default=None, description="Applies to pools in whose ID or display name it is found."
    )

    @model_validator(mode="after")
    def _for_some_pools(self) -> Self:
        if self.match is None and self.pool is None:
            raise ValueError("needs match, pool or both, to say which pools it is about")
        return self


class Queue(Section):
    """How the queues of the pools work. The cloud does not document the words that it has for it."""

    strategies: tuple[QueueStrategy, ...] = Field(
        default=(),
        description="What the pools' queue strategies mean; the first that applies to a pool counts. Without "
        "one, nothing is said about a queue that is held up by its first workload.",
    )


def _each_once(addresses: tuple[ListenAddress, ...]) -> tuple[ListenAddress, ...]:
    for index, address in enumerate(addresses):
        if address in addresses[:index]:
            raise ValueError(f"{address} is given twice")
    return addresses


def _url_path(path: str) -> str:
    if not _PATH.fullmatch(path):
        raise ValueError(
            f"{quote_or_hide(path)} is no path; write it like /metrics, of letters, digits and ._~-"
        )
    if path in _OWN_PATHS:
        raise ValueError(f"'{path}' is used by the exporter itself; choose another, like /metrics")
    return path


class State(Section):
    """What is kept over a restart."""

    path: DatabaseFile | None = Field(
        default=None,
        description="An SQLite file, on a local disk, that keeps the counters over a restart. Without it "
        "they begin at 0 at every start.",
    )


class Web(Section):
    """How the metrics are served."""

    listen_address: Annotated[
        OneOrMore[Listening],
        AfterValidator(_each_once),
        Flag("--web.listen-address", "ADDRESS", "where to serve (:10310); may be repeated", repeatable=True),
    ] = Field(
        default=(ListenAddress(None, 10310),),
        description="Addresses to listen on, such as `:10310`, `127.0.0.1:10310` or `[::1]:10310`. "
        "`[::]:10310` takes IPv4 too, unless an IPv4 address with the same port is listed besides.",
    )
    telemetry_path: Annotated[
        str,
        AfterValidator(_url_path),
        Flag("--web.telemetry-path", "PATH", "where the metrics are (/metrics)"),
    ] = Field(default="/metrics", description="The path of the metrics.")
    config_file: Annotated[
        ReadableFile | None,
        Flag("--web.config.file", "FILE", "TLS and users, in the format of the Prometheus exporter-toolkit"),
    ] = Field(
        default=None,
        description="File with TLS, users and rate limit, in the format of the Prometheus exporter-toolkit.",
    )
    enable_lifecycle: Annotated[
        bool, Flag("--web.enable-lifecycle", None, "let POST /-/reload read the configuration again")
    ] = Field(default=False, description="Accept `POST /-/reload`, which reads the configuration again.")
    max_requests: Annotated[
        WholeNumber,
        Field(ge=0),
        Flag("--web.max-requests", "NUMBER", "scrapes answered at once (40); 0 for any number"),
    ] = Field(default=40, description="Scrapes answered at the same time; 0 for any number.")


def _in_lower_case(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


class Log(Section):
    """What is logged, and in which format."""

    level: Annotated[
        Literal["debug", "info", "warn", "error"],
        BeforeValidator(_in_lower_case),
        Flag("--log.level", "LEVEL", "debug, info, warn or error (info)"),
    ] = Field(default="info", description="The least severe level that is logged, in any case.")
    format: Annotated[
        Literal["logfmt", "json", "console"] | None,
        BeforeValidator(_in_lower_case),
        Flag("--log.format", "FORMAT", "logfmt, json or console (console on a terminal, else logfmt)"),
    ] = Field(default=None, description="The default is `console` on a terminal, else `logfmt`.")


def _at_least_one(projects: tuple[Project, ...]) -> tuple[Project, ...]:
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
    queue: Queue = Queue()
    alerts: Alerts = Alerts()
    state: State = State()
    projects: Annotated[tuple[Project, ...], AfterValidator(_at_least_one)] = Field(
        default=(), validate_default=True
    )
    web: Web = Web()
    shard: Shard = Shard()
    log: Log = Log()
