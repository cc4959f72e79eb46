"""What the exporter counts about itself: one declared metric each, in a registry of its own.

The only mutable metrics in the program. The pools' families are not here: they are made from snapshots
(see `exporter.metrics.families.pool`).
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.gc_collector import GCCollector

from exporter import __version__
from exporter.common.errors import OUTCOMES
from exporter.snapshot.pool import Rejection
from exporter.snapshot.workload import OTHER, RESOURCES

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

# A `_created` series beside every counter doubles the series and is used by nobody who scrapes this.
disable_created_metrics()  # type: ignore[no-untyped-call]

PREFIX = "modelarts_exporter_"


class SelfMetrics:
    """The exporter's own metrics, and the registry that holds them."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry(auto_describe=True)
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        self.build_info = Gauge(
            PREFIX + "build_info", "1; the version that runs.", ["version"], registry=registry
        )
        self.build_info.labels(__version__).set(1)
        self.shard = Gauge(
            PREFIX + "shard",
            "How many exporters share the pools (shard.total); 1 where they are not shared. index is which "
            "of them this one is, from 0 on.",
            ["index"],
            registry=registry,
        )
        self.poll_duration = Histogram(
            PREFIX + "poll_duration_seconds",
            "How long polls of one pool took, all pages, waits and retries included.",
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300),
            registry=registry,
        )
        self.api_requests = Counter(
            PREFIX + "api_requests_total",
            "Requests sent to the cloud, by endpoint and HTTP status; "
            "where no proper answer came, code is timeout, connection, tls or bad_response.",
            ["endpoint", "code"],
            registry=registry,
        )
        self.api_request_duration = Histogram(
            PREFIX + "api_request_duration_seconds",
            "How long single requests to the cloud took, the answer's body included.",
            ["endpoint"],
            buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            registry=registry,
        )
        self.api_retries = Counter(
            PREFIX + "api_retries_total", "Requests sent again, by why.", ["reason"], registry=registry
        )
        self.workloads_rejected = Counter(
            PREFIX + "workloads_rejected_total",
            "Workloads that the API listed and that could not be understood, by why; counted nowhere else.",
            ["reason"],
            registry=registry,
        )
        self.quantities_unparsable = Counter(
            PREFIX + "quantities_unparsable_total",
            "Quantities in no known form, requested or of a pool, by resource (an undocumented accelerator "
            "is other); they are left out of sums.",
            ["resource"],
            registry=registry,
        )
        self.credentials_expiry = Gauge(
            PREFIX + "credentials_expiry_timestamp_seconds",
            "When the credentials in use end, for those that do. Renewed before, where that is possible.",
            ["region", "project_id"],
            registry=registry,
        )
        self.discovery_up = Gauge(
            PREFIX + "discovery_up",
            "1 if a project's pools could be listed the last time, else 0; for projects with discover.",
            ["region", "project_id"],
            registry=registry,
        )
        self.pools = Gauge(
            PREFIX + "pools",
            "Pools that this exporter watches; 0 where discover finds none, or all are other shards'.",
            ["region", "project_id"],
            registry=registry,
        )
        self.poll_interval = Gauge(
            PREFIX + "poll_interval_seconds",
            "How long after one another a project's pools are read: the mean over all pools and their last "
            "ten polls or so, but for those that failed.",
            ["region", "project_id"],
            registry=registry,
        )
        self.poll_interval_target = Gauge(
            PREFIX + "poll_interval_target_seconds",
            "How long after one another they are to be read: poll.interval.",
            ["region", "project_id"],
            registry=registry,
        )
        self.pools_discovered = Counter(
            PREFIX + "pools_discovered_total",
            "Pools that discover found, those at the start included.",
            ["region", "project_id"],
            registry=registry,
        )
        self.pools_gone = Counter(
            PREFIX + "pools_gone_total",
            "Pools that discover does not find any more.",
            ["region", "project_id"],
            registry=registry,
        )
        self.capacity_up = Gauge(
            PREFIX + "capacity_up",
            "1 if the capacities of a project's pools could be read the last time, else 0; absent where "
            "capacity.read is none, or no pool of the project is watched here.",
            ["region", "project_id"],
            registry=registry,
        )
        self.config_last_reload_successful = Gauge(
            PREFIX + "config_last_reload_successful",
            "1 if the configuration was read the last time without a problem, else 0 and the old one holds.",
            registry=registry,
        )
        self.web_config_last_reload_successful = Gauge(
            PREFIX + "web_config_last_reload_successful",
            "1 if the web configuration (--web.config.file) and the files that it names were taken up when "
            "they were last read, else 0 and the old one holds; 1 where there is none.",
            registry=registry,
        )
        self.web_config_last_reload_successful.set(1)
        self.config_last_reload_success_timestamp = Gauge(
            PREFIX + "config_last_reload_success_timestamp_seconds",
            "When the configuration in use was read.",
            registry=registry,
        )
        self.state_writes = Counter(
            PREFIX + "state_writes_total",
            "Writes to the file of state.path, by whether they succeeded (ok, failed); after a failed one a "
            "restart loses what was counted since the last good one.",
            ["outcome"],
            registry=registry,
        )
        self.render_duration = Histogram(
            PREFIX + "render_duration_seconds",
            "How long it took to turn one pool's snapshot into its exposition text, plain and compressed.",
            buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
            registry=registry,
        )
        self._begin_at_0()

    def _begin_at_0(self) -> None:
        """Make the samples of closed sets: a rate knows of a first event only where there was a 0 before."""
        for reason in OUTCOMES:
            if reason not in {"ok", "incomplete"}:
                self.api_retries.labels(reason)
        for written in ("ok", "failed"):
            self.state_writes.labels(written)
        for rejection in get_args(Rejection):
            self.workloads_rejected.labels(rejection)
        for resource in (*RESOURCES, OTHER):
            self.quantities_unparsable.labels(resource)

    def tell_shard(self, index: int, total: int) -> None:
        """Say which shard this is from now on."""
        self.shard.clear()
        self.shard.labels(str(index)).set(total)

    def tell_expiry(self, region: str, project_id: str, expires_at: float | None) -> None:
        """Say when the credentials in use end; None for those that do not."""
        if expires_at is not None:
            self.credentials_expiry.labels(region, project_id).set(expires_at)
        else:
            with suppress(KeyError):  # the credentials before may have had no end either
                self.credentials_expiry.remove(region, project_id)

    def tell_capacity(self, region: str, project_id: str, *, up: bool | None) -> None:
        """Say whether a project's capacities could be read; None where there is no pool to ask for."""
        if up is not None:
            self.capacity_up.labels(region, project_id).set(up)
        else:
            with suppress(KeyError):  # there may never have been one
                self.capacity_up.remove(region, project_id)

    def tell_pace(
        self, region: str, project_id: str, *, target: float | None, mean: float | None = None
    ) -> None:
        """Say how long after one another a project's pools are, and are to be, read, in seconds.

        Args:
            region: where the project is.
            project_id: the project.
            target: what is to be; None where there is no pool to read.
            mean: what is; what was told before holds on if not given.
        """
        project = region, project_id
        if target is None:
            for metric in (self.poll_interval, self.poll_interval_target):
                with suppress(KeyError):  # there may never have been one
                    metric.remove(*project)
            return
        self.poll_interval_target.labels(*project).set(target)
        if mean is not None:
            self.poll_interval.labels(*project).set(mean)

    def keep_projects(
        self,
        *,
        watched: AbstractSet[tuple[str, str]],
        discovered: AbstractSet[tuple[str, str]],
        measured: AbstractSet[tuple[str, str]],
    ) -> None:
        """Drop what is told of all other projects, whatever was found in them.

        Args:
            watched: region and ID of the projects that are watched.
            discovered: of those whose pools are discovered.
            measured: of those whose capacities are asked for.
        """
        for kept, metrics in (
            (
                watched,
                (self.credentials_expiry, self.pools, self.poll_interval, self.poll_interval_target),
            ),
            (discovered, (self.discovery_up, self.pools_discovered, self.pools_gone)),
            (measured, (self.capacity_up,)),
        ):
            for metric in metrics:
                samples = [sample for family in metric.collect() for sample in family.samples]
                told = {(sample.labels["region"], sample.labels["project_id"]) for sample in samples}
                for project in told - kept:
                    metric.remove(*project)
