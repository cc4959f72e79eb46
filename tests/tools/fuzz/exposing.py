"""Target and oracle: what is exposed says what is known, to the letter."""

from __future__ import annotations

import asyncio
import gzip
from collections import Counter
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from support.fakes import FakeClock, fake_context

from exporter.api.workloads import decode_page
from exporter.common.errors import BadResponse
from exporter.metrics.exposition import Exposition
from exporter.metrics.families.base import POOL_LABELS, WORKLOAD_LABELS, Family, InfoFamily
from exporter.metrics.families.workload import WORKLOADS
from exporter.metrics.renderer import Renderer
from exporter.metrics.summary import Detail, summarise
from exporter.snapshot.pool import Listing, PoolKey, PoolState
from exporter.snapshot.store import SnapshotStore
from tools.fuzz.wire import NOW

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prometheus_client.metrics_core import Metric

    from exporter.snapshot.workload import Workload

Samples = Counter[tuple[str, frozenset[tuple[str, str]], float]]
ALL = Detail("all", 10_000, users=5)
KEY = PoolKey("cn-north-4", "0" * 32, "pool-0123456789abcdef0123456789abcdef")


def exposition(data: bytes) -> None:
    """Whatever a listing says is exposed so that both of prometheus_client's parsers read it back."""
    try:
        page = decode_page(data, where="a listing", now=NOW)
    except BadResponse:
        return
    once = {workload.uid: workload for workload in page.workloads}
    state = PoolState(
        KEY, name="A pool", outcome="ok", listing=Listing(tuple(once.values())), fresh_until=1e9
    )
    holds([state])


def holds(states: Iterable[PoolState], detail: Detail = ALL) -> None:
    """Both formats are read back by prometheus_client, compressed or not, and say the same.

    No series stands twice; a family's HELP and TYPE stand once; the samples of the workloads are those that
    the families' functions yield of them; `name[]` gives the samples of that family and no others.
    """
    exposed = Exposed(detail)
    for state in states:
        exposed.store.publish(state)
    text, openmetrics = exposed.text(), exposed.text(openmetrics=True)
    assert exposed.text(gzip=True) == text
    assert openmetrics.endswith("# EOF\n")
    assert openmetrics.count("# EOF\n") == 1
    for exposed_text in (text, openmetrics):
        headers = [line for line in exposed_text.split("\n") if line.startswith("# ")]
        assert len(headers) == len(set(headers))
    plain, strict = samples(parse_text(text)), samples(parse_openmetrics(openmetrics))  # type: ignore[no-untyped-call]
    assert {name for name, _, _ in plain} == {name for name, _, _ in strict}
    assert plain == strict
    assert len({(name, labels) for name, labels, _ in plain}) == plain.total()
    listed = [
        (state, summarise(state.listing, detail))
        for state in exposed.store.states.values()
        if state.listing and state.fresh_until > exposed.clock.monotonic()
    ]
    expected = Counter(
        one
        for state, summary in listed
        for workload in summary.selected
        for one in _expected(state, workload)
    )
    names = {family.name for family in WORKLOADS.families}
    assert expected == Counter({one: n for one, n in plain.items() if one[0] in names})
    for name in sorted(names)[:2]:
        assert samples(parse_text(exposed.text(names=frozenset({name})))) == Counter(
            {one: n for one, n in plain.items() if one[0] == name}
        )


class Exposed:
    """A store, and what is exposed of it at one moment."""

    def __init__(self, detail: Detail = ALL) -> None:
        self.store = SnapshotStore()
        self.clock = clock = FakeClock()
        self.renderer = Renderer(fake_context(clock, store=self.store), detail=detail)
        self._exposition = Exposition(self.renderer, CollectorRegistry(), clock=clock)

    def text(
        self, *, openmetrics: bool = False, gzip: bool = False, names: frozenset[str] = frozenset()
    ) -> str:
        return asyncio.run(self._scraped(openmetrics=openmetrics, gzipped=gzip, names=names))

    async def _scraped(self, *, openmetrics: bool, gzipped: bool, names: frozenset[str]) -> str:
        await self.renderer.catch_up()
        pieces = await self._exposition.scrape(openmetrics=openmetrics, gzip=gzipped, names=names)
        joined = b"".join(pieces)
        return (gzip.decompress(joined) if gzipped else joined).decode()


def samples(families: Iterable[Metric]) -> Samples:
    """Every sample as (name, labels, value)."""
    return Counter(
        (sample.name, frozenset(sample.labels.items()), float(sample.value))
        for family in families
        for sample in family.samples
    )


def _expected(
    state: PoolState, workload: Workload
) -> Iterator[tuple[str, frozenset[tuple[str, str]], float]]:
    """What the table of families says of a workload, without a renderer."""
    identity = {
        **dict(zip(POOL_LABELS, state.key, strict=True)),
        **dict(zip(WORKLOAD_LABELS, (workload.uid, workload.job_name, workload.type), strict=True)),
    }
    for family in WORKLOADS.families:
        found: Iterable[tuple[tuple[str, ...], float]]
        if isinstance(family, Family):
            value = family.value(workload)
            found = () if value is None else (((), value),)
        elif isinstance(family, InfoFamily):
            found = ((family.texts(workload), 1),)
        else:
            found = family.samples(workload)
        for values, number in found:
            labels = identity | dict(zip(family.labels, values, strict=True))
            yield family.name, frozenset(labels.items()), float(number)
