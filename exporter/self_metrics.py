"""What the exporter measures about itself: one declared entry for each metric, in a registry of its own.

These are the only mutable metrics of the program. The families of pools and workloads are not here; they are
made from snapshots (`exporter.metrics.groups`).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_args, overload

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

# Without this, every counter would have a second series, `_created`; the metrics of pools have none.
disable_created_metrics()  # type: ignore[no-untyped-call]

PREFIX = "modelarts_exporter_"

Metric = TypeVar("Metric", Counter, Gauge, Histogram)

_PROJECT = ("region", "project_id")


@dataclass(frozen=True)
class SelfMetric(Generic[Metric]):
    """The declaration of a metric; as an attribute of a `SelfMetrics` object, it is the metric itself.

    Attributes:
        metric_type: Counter, Gauge or Histogram.
        name: as in the exposition, without `PREFIX`.
        help: one sentence, with the unit where the name does not say it.
        labels: its labels.
        buckets: the upper bounds of a histogram.
        zeros: label values that have a sample with 0 from the start, because `rate()` sees the first event
            only if there was a 0 before. For closed sets of values.
        daemon: whether it is about what only the daemon does.
    """

    metric_type: type[Metric]
    name: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    zeros: tuple[str, ...] = ()
    daemon: bool = False

    @property
    def kind(self) -> str:
        """Its type in the exposition: counter, gauge or histogram."""
        return self.metric_type.__name__.lower()

    def create(self, registry: CollectorRegistry | None) -> Metric:
        """Make the metric, and register it, if there is a registry."""
        options: dict[str, Any] = {"buckets": self.buckets} if self.buckets else {}
        metric = self.metric_type(PREFIX + self.name, self.help, self.labels, registry=registry, **options)
        for value in self.zeros:
            metric.labels(value)
        return metric

    @overload
    def __get__(self, owner: None, _: type[SelfMetrics]) -> SelfMetric[Metric]: ...

    @overload
    def __get__(self, owner: SelfMetrics, _: type[SelfMetrics]) -> Metric: ...

    def __get__(self, owner: SelfMetrics | None, _: type[SelfMetrics]) -> SelfMetric[Metric] | Metric:
        return self if owner is None else owner.metrics[self.name]


class SelfMetrics:
    """The exporter's own metrics, and the registry that holds them.

    Args:
        daemon: whether this process is the daemon. If not, the registry has neither the usual `process_*` and
            `python_*` metrics nor those about what only the daemon does: in a file for node_exporter, the
            former would collide with node_exporter's own, and the latter would be 0.

    Attributes:
        registry: what is exposed.
        metrics: by name without `PREFIX`.
    """

    build_info = SelfMetric(Gauge, "build_info", "1; the version that runs.", ("version",))
    shard = SelfMetric(
        Gauge,
        "shard",
        "How many exporters share the pools (shard.total); 1 where they are not shared. index is which "
        "of them this one is, from 0 on.",
        ("index",),
    )
    poll_duration = SelfMetric(
        Histogram,
        "poll_duration_seconds",
        "How long polls of one pool took, all pages, waits and retries included.",
        buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300),
    )
    api_requests = SelfMetric(
        Counter,
        "api_requests_total",
        "Requests sent to the cloud, by endpoint and HTTP status; "
        "where no proper answer came, code is timeout, connection, tls or bad_response.",
        ("endpoint", "code"),
    )
    api_request_duration = SelfMetric(
        Histogram,
        "api_request_duration_seconds",
        "How long single requests to the cloud took, the answer's body included.",
        ("endpoint",),
        buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
    )
    api_retries = SelfMetric(
        Counter,
        "api_retries_total",
        "Requests sent again, by why.",
        ("reason",),
        zeros=tuple(outcome for outcome in OUTCOMES if outcome not in {"ok", "incomplete"}),
    )
    workloads_rejected = SelfMetric(
        Counter,
        "workloads_rejected_total",
        "Workloads that the API listed and that could not be understood, by why; counted nowhere else.",
        ("reason",),
        zeros=get_args(Rejection),
    )
    quantities_unparsable = SelfMetric(
        Counter,
        "quantities_unparsable_total",
        "Quantities in no known form, requested or of a pool, by resource (an undocumented accelerator "
        "is other); they are left out of sums.",
        ("resource",),
        zeros=(*RESOURCES, OTHER),
    )
    credentials_expiry = SelfMetric(
        Gauge,
        "credentials_expiry_timestamp_seconds",
        "When the credentials in use end, for those that do. Renewed before, where that is possible.",
        _PROJECT,
    )
    discovery_up = SelfMetric(
        Gauge,
        "discovery_up",
        "1 if a project's pools could all be listed the last time, else 0; for projects with discover.",
        _PROJECT,
    )
    pools = SelfMetric(
        Gauge,
        "pools",
        "Pools that this exporter watches; 0 where discover finds none, or all are other shards'.",
        _PROJECT,
    )
    poll_interval = SelfMetric(
        Gauge,
        "poll_interval_seconds",
        "How long after one another a project's pools are read: the mean over all pools and their last "
        "ten polls or so, but for those that failed.",
        _PROJECT,
    )
    poll_interval_target = SelfMetric(
        Gauge,
        "poll_interval_target_seconds",
        "How long after one another they are to be read: poll.interval.",
        _PROJECT,
    )
    pools_discovered = SelfMetric(
        Counter,
        "pools_discovered_total",
        "Pools that discover found, those at the start included.",
        _PROJECT,
    )
    pools_gone = SelfMetric(
        Counter,
        "pools_gone_total",
        "Pools that discover does not find any more.",
        _PROJECT,
    )
    capacity_up = SelfMetric(
        Gauge,
        "capacity_up",
        "1 if the capacities of a project's pools could be read the last time, else 0; absent where "
        "capacity.read is none, or no pool of the project is watched here.",
        _PROJECT,
    )
    config_last_reload_successful = SelfMetric(
        Gauge,
        "config_last_reload_successful",
        "1 if the configuration was read the last time without a problem, else 0 and the old one holds.",
        daemon=True,
    )
    web_config_last_reload_successful = SelfMetric(
        Gauge,
        "web_config_last_reload_successful",
        "1 if the web configuration (--web.config.file) and the files that it names were taken up when "
        "they were last read, else 0 and the old one holds; 1 where there is none.",
        daemon=True,
    )
    config_last_reload_success_timestamp = SelfMetric(
        Gauge,
        "config_last_reload_success_timestamp_seconds",
        "When the configuration in use was read.",
        daemon=True,
    )
    log_lines_dropped = SelfMetric(
        Counter,
        "log_lines_dropped_total",
        "Log lines that were lost, because stderr could not be written, or was not read in time.",
        daemon=True,
    )
    state_writes = SelfMetric(
        Counter,
        "state_writes_total",
        "Writes to the file of state.path, by whether they succeeded (ok, failed). If the exporter restarts "
        "before failed ones are made up for, counters start at 0.",
        ("outcome",),
        zeros=("ok", "failed"),
    )
    render_duration = SelfMetric(
        Histogram,
        "render_duration_seconds",
        "How long it took to turn one pool's snapshot into its exposition text, plain and compressed.",
        buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
    )

    def __init__(self, *, daemon: bool = True) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        if daemon:
            ProcessCollector(registry=self.registry)
            PlatformCollector(registry=self.registry)
            GCCollector(registry=self.registry)
        self.metrics = {
            declared.name: declared.create(self.registry if daemon or not declared.daemon else None)
            for declared in self.declared()
        }
        self.build_info.labels(__version__).set(1)
        self.web_config_last_reload_successful.set(1)

    @classmethod
    def declared(cls) -> tuple[SelfMetric[Any], ...]:
        """All declarations, in the order of the exposition."""
        return tuple(value for value in vars(cls).values() if isinstance(value, SelfMetric))

    def set_shard(self, index: int, total: int) -> None:
        """Set which shard this exporter is, and of how many."""
        self.shard.clear()
        self.shard.labels(str(index)).set(total)

    def set_credentials_expiry(self, region: str, project_id: str, expires_at: float | None) -> None:
        """Set when the credentials in use expire, in Unix time; None if they do not."""
        if expires_at is not None:
            self.credentials_expiry.labels(region, project_id).set(expires_at)
        else:
            _remove(self.credentials_expiry, region, project_id)

    def set_capacity_up(self, region: str, project_id: str, *, up: bool | None) -> None:
        """Set whether a project's capacities could be read; None if there is no pool to read them for."""
        if up is not None:
            self.capacity_up.labels(region, project_id).set(up)
        else:
            _remove(self.capacity_up, region, project_id)

    def set_poll_interval(
        self, region: str, project_id: str, *, target: float | None, mean: float | None = None
    ) -> None:
        """Set the target and the measured time between two polls of a project's pools.

        Args:
            region: the project's region.
            project_id: the project.
            target: seconds between two polls of a pool, by configuration; None if there is no pool to read.
            mean: seconds between two polls as measured; None leaves the value unchanged.
        """
        if target is None:
            _remove(self.poll_interval, region, project_id)
            _remove(self.poll_interval_target, region, project_id)
            return
        self.poll_interval_target.labels(region, project_id).set(target)
        if mean is not None:
            self.poll_interval.labels(region, project_id).set(mean)

    def keep_projects(
        self,
        *,
        watched: AbstractSet[tuple[str, str]],
        discovered: AbstractSet[tuple[str, str]],
        measured: AbstractSet[tuple[str, str]],
    ) -> None:
        """Remove the series of all other projects.

        Args:
            watched: region and ID of the projects that are watched.
            discovered: those of them with discovery.
            measured: those of them with capacities.
        """
        for projects_to_keep, metrics in (
            (
                watched,
                (self.credentials_expiry, self.pools, self.poll_interval, self.poll_interval_target),
            ),
            (discovered, (self.discovery_up, self.pools_discovered, self.pools_gone)),
            (measured, (self.capacity_up,)),
        ):
            for metric in metrics:
                samples = [sample for family in metric.collect() for sample in family.samples]
                projects = {(sample.labels["region"], sample.labels["project_id"]) for sample in samples}
                for project in projects - projects_to_keep:
                    metric.remove(*project)


def _remove(metric: Gauge, *labels: str) -> None:
    """Remove a series, if it is there."""
    with suppress(KeyError):
        metric.remove(*labels)
