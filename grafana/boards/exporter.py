"""Exporter: whether the exporters do their work, and what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.models.units import BytesIEC, PercentUnit, Seconds

from exporter.self_metrics import PREFIX
from grafana import variables
from grafana.boards import figures
from grafana.colours import NONE_IS_WELL, ONE_IS_WELL, OUTCOME, TIME_LEFT
from grafana.layout import Section, board
from grafana.panels import figure, fixed, graph
from grafana.queries import POOL, SCOPE, Query, data_age, largest, own, quantile, rate, total, worst

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.stat import Panel
    from grafana_foundation_sdk.builders.timeseries import Panel as Graph
    from grafana_foundation_sdk.models.dashboard import Dashboard

_PROJECT = ("region", "project_id")

_OUR_PROCESS = f"and on (job, instance) {PREFIX}build_info"


def dashboard() -> Dashboard:
    """The board."""
    return board(
        "Exporter",
        "Whether the exporters read every pool in time, what the cloud answers, and what it costs.",
        (
            variables.data_source(),
            variables.region(),
            variables.project(),
            variables.pool(),
            variables.instance(),
        ),
        (_now(), _polls(), _pools(), _api(), _cost()),
    )


def _now() -> Section:
    shown = (
        figure(
            "Version",
            "The version that runs; of several, one of them.",
            Query(own(PREFIX + "build_info"), "{{version}}"),
            show="name",
        ),
        figures.pools_down(),
        *_projects(),
        *_settings(),
        figure(
            "Not understood",
            "Workloads and quantities that the cloud gave in the last hour and that were not understood.",
            Query(
                f"sum(increase({own(PREFIX + 'workloads_rejected_total')}[1h])) + "
                f"sum(increase({own(PREFIX + 'quantities_unparsable_total')}[1h]))"
            ),
            decimals=0,
            steps=NONE_IS_WELL,
        ),
    )
    return Section("Now", tuple(one.span(3) for one in shown))


def _projects() -> tuple[Panel, ...]:
    return (
        figure(
            "Discovery",
            "Fails if the pools of some project could not be listed the last time; a dash where all pools "
            "are configured by ID.",
            Query(f"min({own(PREFIX + 'discovery_up', *SCOPE[:2])})"),
            steps=ONE_IS_WELL,
            texts={"0": "fails", "1": "works"},
        ),
        figure(
            "Capacities",
            "Fails if the capacities of some project's pools could not be read the last time: not every "
            "region has them. A dash with capacity.read: none.",
            Query(f"min({own(PREFIX + 'capacity_up', *SCOPE[:2])})"),
            steps=((None, "orange"), (1, "green")),
            texts={"0": "fail", "1": "work"},
        ),
        figure(
            "Credentials",
            "The least time left of credentials that end; renewed before, where that is possible.",
            Query(f"min({own(PREFIX + 'credentials_expiry_timestamp_seconds', *SCOPE[:2])}) - time()"),
            unit=Seconds,
            decimals=1,
            steps=TIME_LEFT,
        ),
    )


def _settings() -> tuple[Panel, ...]:
    return (
        figure(
            "Configuration",
            "Refused if the last reload found problems; the configuration from before holds then.",
            Query(f"min({own(PREFIX + 'config_last_reload_successful')})"),
            steps=ONE_IS_WELL,
            texts={"0": "refused", "1": "in use"},
        ),
        figure(
            "Config age",
            "How long ago the configuration in use was read; of several exporters, the oldest.",
            Query(f"time() - min({own(PREFIX + 'config_last_reload_success_timestamp_seconds')})"),
            unit=Seconds,
            decimals=1,
        ),
    )


def _polls() -> Section:
    polls = rate(PREFIX + "polls_total", *SCOPE)
    return Section(
        "Polls",
        (
            graph(
                "Polls by outcome, per minute",
                "Polls of pools, by how they ended; outcomes that do not occur are left out.",
                Query(f"60 * {total(polls, 'outcome')} > 0", "{{outcome}}"),
                stacked=True,
                colours=OUTCOME,
            ),
            _latency(
                "Poll duration", "Polls of one pool: all pages, waits and retries.", "poll_duration_seconds"
            ),
            graph(
                "Data age",
                "Seconds since the last successful listing, of the ten pools with the oldest.",
                Query(worst(data_age()), "{{pool_name}}"),
                unit=Seconds,
            ),
            graph(
                "Time between polls",
                "Seconds from one poll of a pool to the next, by project, failed ones left out; and what "
                "poll.interval asks for. Of several exporters, the greatest.",
                Query(
                    largest(own(PREFIX + "poll_interval_seconds", *SCOPE[:2]), *_PROJECT), "{{project_id}}"
                ),
                Query(f"max({own(PREFIX + 'poll_interval_target_seconds', *SCOPE[:2])})", "asked for"),
                unit=Seconds,
                colours={"asked for": "green"},
            ),
        ),
    )


def _pools() -> Section:
    found, gone = (
        f"sum(increase({own(PREFIX + name, *SCOPE[:2])}[1h]))"
        for name in ("pools_discovered_total", "pools_gone_total")
    )
    written = total(rate(PREFIX + "state_writes_total"), "outcome")
    return Section(
        "Pools and state",
        (
            graph(
                "Pools watched",
                "By project, each pool once, however many exporters share or double them; 0 where discover "
                "finds none.",
                Query(_watched(), "{{project_id}}"),
                stacked=True,
                width=8,
            ),
            graph(
                "Pools found and gone, per hour",
                "What discover found in the hour before, and what it did not find any more.",
                Query(found, "found"),
                Query(gone, "gone"),
                colours={"found": "green", "gone": "orange"},
                width=8,
            ).decimals(0),
            graph(
                "Writes of the state file, per minute",
                "Writes to the file of state.path; 0 without one. After a failed write a restart loses what "
                "was counted since the last good one.",
                Query(f"60 * {written}", "{{outcome}}"),
                stacked=True,
                colours=OUTCOME,
                width=8,
            ),
        ),
    )


def _watched() -> str:
    """Pools by project; of several exporters on one pool one counts, and where there is none it is 0."""
    pools = f"group by ({POOL}) ({own('modelarts_pool_up', *SCOPE)})"
    none = f"0 * {largest(own(PREFIX + 'pools', *SCOPE[:2]), *_PROJECT)}"
    return f"count by ({', '.join(_PROJECT)}) ({pools}) or {none}"


def _api() -> Section:
    return Section(
        "The cloud's API",
        (
            *_requests(),
            _latency(
                "Request duration",
                "Single requests, the answer's body included.",
                "api_request_duration_seconds",
            ),
            graph(
                "Retries by reason, per minute",
                "Requests sent again. Throttled means that the cloud asked for fewer requests.",
                Query(f"60 * {total(rate(PREFIX + 'api_retries_total'), 'reason')}", "{{reason}}"),
                stacked=True,
                colours=OUTCOME,
            ),
            graph(
                "Not understood, per minute",
                "Workloads that could not be understood, by why, and requested quantities in no known form, "
                "by resource.",
                Query(
                    f"60 * {total(rate(PREFIX + 'workloads_rejected_total'), 'reason')}",
                    "workload: {{reason}}",
                ),
                Query(
                    f"60 * {total(rate(PREFIX + 'quantities_unparsable_total'), 'resource')}",
                    "quantity: {{resource}}",
                ),
                width=24,
            ),
        ),
    )


def _requests() -> tuple[Graph, Graph]:
    counted = rate(PREFIX + "api_requests_total")
    by_code = (
        graph(
            "Requests by code, per minute",
            "Requests by HTTP status, or why no answer came. Green succeeded, orange is 429, throttling, and "
            "red failed otherwise.",
            Query(f"60 * {total(counted, 'code')} > 0", "{{code}}"),
            stacked=True,
        )
        .override_by_regexp("/^2\\d\\d$/", [fixed("green")])
        .override_by_regexp("/^(?!2\\d\\d$)/", [fixed("red")])
        .override_by_name("429", [fixed("orange")])
    )
    return (
        graph(
            "Requests by endpoint, per minute",
            "What the exporter asks the cloud for; endpoints that are not asked are left out.",
            Query(f"60 * {total(counted, 'endpoint')} > 0", "{{endpoint}}"),
            stacked=True,
        ),
        by_code,
    )


def _cost() -> Section:
    return Section(
        "Cost",
        (
            _latency(
                "Render time",
                "Turning one pool's snapshot into text, plain and compressed.",
                "render_duration_seconds",
            ),
            graph(
                "CPU",
                "Share of one core.",
                Query(f"{rate('process_cpu_seconds_total')} {_OUR_PROCESS}", "{{instance}}"),
                unit=PercentUnit,
            ),
            graph(
                "Memory",
                "Resident memory.",
                Query(f"{own('process_resident_memory_bytes')} {_OUR_PROCESS}", "{{instance}}"),
                unit=BytesIEC,
            ),
            graph(
                "Open files",
                "Open file descriptors, connections among them. What only climbs is a leak.",
                Query(f"{own('process_open_fds')} {_OUR_PROCESS}", "{{instance}}"),
            ),
        ),
    )


def _latency(title: str, what: str, histogram: str) -> Graph:
    return graph(
        title,
        f"{what} Half, and 99 of 100, took less than this; estimated within buckets.",
        Query(quantile(0.99, PREFIX + histogram), "99 of 100"),
        Query(quantile(0.5, PREFIX + histogram), "half"),
        unit=Seconds,
        colours={"99 of 100": "orange", "half": "blue"},
    )
