"""Peer: prometheus_client's own way to show data that is read elsewhere, a custom collector.

`python -m tools.bench.collector SERIES WORKLOADS`. It holds what the exporter's own parser made of the same
page bytes, and makes every family of the exporter's table anew for each scrape, as prometheus_client wants
it.
"""

from __future__ import annotations

import sys
import threading
from itertools import accumulate
from typing import TYPE_CHECKING, cast

from prometheus_client import REGISTRY, start_http_server
from prometheus_client.core import GaugeHistogramMetricFamily, GaugeMetricFamily

from exporter.api.workloads import decode_page
from exporter.metrics.families.base import POOL_LABELS, WORKLOAD_LABELS, Family, HistogramFamily, InfoFamily
from exporter.metrics.families.listing import LISTING
from exporter.metrics.families.workload import WORKLOADS
from exporter.metrics.summary import Detail, SeriesOf, summarise
from exporter.snapshot.pool import Listing
from tools.bench.data import PROJECT, Size, variants

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric

    from exporter.metrics.families.base import PoolFamily, SampleFamily
    from exporter.metrics.summary import Summary
    from exporter.snapshot.workload import Workload


class Collector:
    """One pool's families."""

    def __init__(self, pool: str, listing: Listing, detail: Detail) -> None:
        self._identity = ("cn-north-4", PROJECT, pool)
        self._summary = summarise(listing, detail)

    def collect(self) -> Iterator[Metric]:
        """Part of the protocol."""
        for listing_family in LISTING.families:
            yield self._of_pool(listing_family)
        if self._summary.selected:
            for workload_family in WORKLOADS.families:
                yield self._of_workloads(workload_family)

    def _of_pool(self, family: PoolFamily[Summary]) -> Metric:
        names = (*POOL_LABELS, *family.labels)
        if isinstance(family, HistogramFamily):
            histogram = GaugeHistogramMetricFamily(family.name, family.help, labels=names)
            bounds = [*map(str, family.buckets), "+Inf"]
            for values, ages in family.samples(self._summary):
                buckets = [*zip(bounds, map(float, accumulate(ages.buckets)), strict=True)]
                histogram.add_metric((*self._identity, *values), buckets, ages.total)
            return histogram
        gauge = GaugeMetricFamily(family.name, family.help, labels=names)
        if isinstance(family, Family):
            if (only := family.value(self._summary)) is not None:
                gauge.add_metric(self._identity, only)
        elif isinstance(family, InfoFamily):
            gauge.add_metric((*self._identity, *family.texts(self._summary)), 1)
        else:
            for values, value in family.samples(self._summary):
                gauge.add_metric((*self._identity, *values), value)
        return gauge

    def _of_workloads(self, family: SampleFamily[Workload]) -> Metric:
        gauge = GaugeMetricFamily(
            family.name, family.help, labels=(*POOL_LABELS, *WORKLOAD_LABELS, *family.labels)
        )
        for one in self._summary.selected:
            identity = (*self._identity, one.uid, one.job_name, one.type)
            if isinstance(family, Family):
                if (only := family.value(one)) is not None:
                    gauge.add_metric(identity, only)
            elif isinstance(family, InfoFamily):
                gauge.add_metric((*identity, *family.texts(one)), 1)
            else:
                for values, value in family.samples(one):
                    gauge.add_metric((*identity, *values), value)
        return gauge


def main(series: SeriesOf, count: int) -> None:
    """Serve until killed."""
    pool = Size(1, count).ids[0]
    page = decode_page(variants(pool, count)[0].body(0, count), where=pool, now=0.0)
    REGISTRY.register(Collector(pool, Listing(page.workloads), Detail(series, count)))
    server, _ = start_http_server(0, "127.0.0.1")
    print(f"addresses=http://127.0.0.1:{server.server_port}", file=sys.stderr, flush=True)  # noqa: T201
    threading.Event().wait()


if __name__ == "__main__":
    main(cast("SeriesOf", sys.argv[1]), int(sys.argv[2]))
