"""A scrape's bytes, held against independent readers of both formats."""

from __future__ import annotations

import gzip
import re
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as text_families
from support.fakes import FakeClock, fake_context
from support.programs import promtool_findings
from support.supply import supply

from exporter.lifecycle.counting import add
from exporter.lifecycle.transitions import Started
from exporter.metrics.exposition import Exposition
from exporter.metrics.groups import FAMILIES
from exporter.metrics.renderer import Renderer
from exporter.metrics.summary import Detail
from exporter.metrics.thresholds import Rule, Thresholds
from exporter.self_metrics import SelfMetrics
from exporter.snapshot.counters import Throughput
from exporter.snapshot.pool import Expiring, Listing, PoolDescription, PoolKey, PoolState
from exporter.snapshot.store import SnapshotStore
from exporter.snapshot.workload import STATUSES, TYPES, Workload

if TYPE_CHECKING:
    from collections.abc import Iterable

NAUGHTY = 'quote " backslash \\ newline \n 中文 é'


def pool(name: str, *workloads: Workload, clock: FakeClock, age: float = 300.0) -> PoolState:
    return PoolState(
        PoolKey("cn-north-4", "p" * 32, name),
        name=NAUGHTY,
        outcome="ok",
        attempted_at=clock.monotonic(),
        succeeded_at=clock.wall(),
        listing=Listing(workloads, head_since=1.7e9),
        fresh_until=clock.monotonic() + age,
        polls={"ok": 1},
        **supply(clock.monotonic() + age),
        throughput=add(Throughput(), [Started("train", "3", 90.0)]),
    )


BY_TYPE: dict[object, Any] = {
    str: NAUGHTY,
    bool: True,
    float: 5.0,
    float | None: 5.0,
    int | None: 1,
    tuple[tuple[str, float], ...]: (("nvidia.com/gpu", 1.0),),
}


def full(uid: str) -> Workload:
    """A workload with a value in every field, also in those that are added later."""
    every = {one.name: BY_TYPE[one.type] for one in msgspec.structs.fields(Workload)}
    status = "Running" if uid == "u2" else "Queue"
    return Workload(**every | {"uid": uid, "type": "train", "status": status, "priority": "3"})


class Scraped:
    """An exposition with its store, ready to scrape."""

    def __init__(self, clock: FakeClock) -> None:
        self.store = SnapshotStore()
        self.self_metrics = SelfMetrics()
        self.renderer = Renderer(
            fake_context(clock, store=self.store, self_metrics=self.self_metrics),
            detail=Detail("all", 100, users=5),
            thresholds=Thresholds((Rule(None, {("train", "default"): 14400.0}),)),
        )
        self.exposition = Exposition(self.renderer, self.self_metrics.registry, clock=clock)

    async def scrape(self, **wanted: Any) -> bytes:
        return b"".join(await self.exposition.scrape(**wanted))

    async def show(self, *states: PoolState) -> None:
        for state in states:
            self.store.publish(state)
        await self.renderer.catch_up()


@pytest.fixture
def scraped(clock: FakeClock) -> Scraped:
    return Scraped(clock)


def read_openmetrics(text: bytes) -> Iterable[object]:
    families: Iterable[object] = openmetrics_families(text.decode())  # type: ignore[no-untyped-call]
    return families


def pool_samples(families: Iterable[object]) -> set[tuple[str, tuple[tuple[str, str], ...], float]]:
    return {
        (sample.name, tuple(sorted(sample.labels.items())), sample.value)
        for family in families
        for sample in family.samples  # type: ignore[attr-defined]  # the parsers are untyped
        if "pool" in sample.labels
    }


async def test_both_formats_hold_the_same_samples(scraped: Scraped, clock: FakeClock) -> None:
    """Text 0.0.4 and OpenMetrics 1.0.0 are read by prometheus_client's parsers to the same pool samples."""
    share = pool("b", full("u3"), clock=clock)
    share = replace(share, description=Expiring(PoolDescription("B", type="Logical"), share.fresh_until))
    await scraped.show(pool("a", full("u1"), full("u2"), clock=clock), share)
    text = pool_samples(text_families((await scraped.scrape()).decode()))
    openmetrics = pool_samples(read_openmetrics(await scraped.scrape(openmetrics=True)))
    assert text == openmetrics
    names = {name for name, _, _ in text}
    assert {family.name for family in FAMILIES if "histogram" not in family.kind} <= names


async def test_promtool_has_no_finding(scraped: Scraped, clock: FakeClock) -> None:
    """`promtool check metrics` accepts the text format without a word."""
    await scraped.show(pool("a", full("u1"), full("u2"), clock=clock), pool("b", full("u3"), clock=clock))
    assert promtool_findings(await scraped.scrape()) == ""


async def test_each_family_stands_in_one_place(scraped: Scraped, clock: FakeClock) -> None:
    """However many pools there are, a family has one TYPE line and its samples follow it."""
    await scraped.show(*(pool(f"p{index}", full(f"u{index}"), clock=clock) for index in range(5)))
    seen: list[str] = []
    for line in (await scraped.scrape()).decode().splitlines():
        if line.startswith("# TYPE"):
            seen.append(line.split()[2])
        elif not line.startswith("#"):
            assert line.startswith(seen[-1])
    assert len(seen) == len(set(seen))


@pytest.mark.parametrize("openmetrics", [False, True])
async def test_gzip_is_one_member_of_the_plain_bytes(
    scraped: Scraped, clock: FakeClock, openmetrics: bool
) -> None:
    """Ready pieces join into a single gzip member: clients that stop after the first one read it all."""
    await scraped.show(pool("a", full("u1"), clock=clock), pool("b", clock=clock))
    zipped = await scraped.scrape(openmetrics=openmetrics, gzip=True)
    reader = zlib.decompressobj(wbits=31)
    plain = reader.decompress(zipped)
    assert reader.eof
    assert reader.unused_data == b""
    assert gzip.decompress(zipped) == plain
    everything = (await scraped.scrape(openmetrics=openmetrics)).decode()
    assert [line for line in plain.decode().splitlines() if "modelarts_pool" in line] == [
        line for line in everything.splitlines() if "modelarts_pool" in line
    ]


async def test_only_the_named_families(scraped: Scraped, clock: FakeClock) -> None:
    """`name[]` selects families by their name or that of their samples, own metrics included."""
    await scraped.show(pool("a", full("u1"), clock=clock))
    names = frozenset(
        {
            "modelarts_pool_up",
            "modelarts_pool_pending_age_seconds_gcount",
            "modelarts_exporter_build_info",
            "modelarts_exporter_workloads_rejected",
            "process_cpu_seconds_total",
        }
    )
    for openmetrics in (False, True):
        text = (await scraped.scrape(openmetrics=openmetrics, names=names)).decode()
        shown = {re.split("[{ ]", line)[0] for line in text.splitlines() if not line.startswith("#")}
        assert shown == {
            "modelarts_pool_up",
            "modelarts_pool_pending_age_seconds_bucket",
            "modelarts_pool_pending_age_seconds_gcount",
            "modelarts_pool_pending_age_seconds_gsum",
            "modelarts_exporter_build_info",
            "modelarts_exporter_workloads_rejected_total",
            "process_cpu_seconds_total",
        }


async def test_an_old_listing_disappears_without_a_poll(scraped: Scraped, clock: FakeClock) -> None:
    """A poll may be stuck: the listing goes when it is too old, though nothing new was published."""
    await scraped.show(
        pool("a", full("u1"), clock=clock, age=300.0), pool("b", full("u2"), clock=clock, age=900.0)
    )
    assert b'modelarts_workload_status{region="cn-north-4"' in await scraped.scrape()
    clock.advance(301.0)
    later = (await scraped.scrape()).decode()
    assert 'uid="u1"' not in later
    assert 'uid="u2"' in later
    assert 'modelarts_pool_up{region="cn-north-4",project_id="' + "p" * 32 + '",pool="a"} 0' in later


async def test_a_forgotten_pool_is_gone_at_once(scraped: Scraped, clock: FakeClock) -> None:
    """Not one series of a removed pool is left."""
    await scraped.show(pool("a", clock=clock), pool("b", clock=clock))
    scraped.store.forget(PoolKey("cn-north-4", "p" * 32, "a"))
    await scraped.renderer.catch_up()
    text = (await scraped.scrape()).decode()
    assert 'pool="a"' not in text
    assert 'pool="b"' in text


async def test_a_scrape_shows_the_newest_state(scraped: Scraped, clock: FakeClock) -> None:
    """What was joined for an earlier scrape does not survive a change."""
    await scraped.show(pool("a", full("u1"), clock=clock))
    assert b'uid="u1"' in await scraped.scrape()
    await scraped.show(pool("a", full("u2"), clock=clock))
    later = await scraped.scrape()
    assert b'uid="u1"' not in later
    assert b'uid="u2"' in later


async def test_a_large_exposition_comes_in_pieces_that_nobody_copied(
    scraped: Scraped, clock: FakeClock
) -> None:
    """Large chunks are handed out as they are held, never copied; small ones are put together."""
    await scraped.show(pool("a", *(full(f"u{index}") for index in range(100)), clock=clock))
    pieces = await scraped.exposition.scrape()
    assert 1 < len(pieces) < len(FAMILIES)
    assert b"".join(pieces).count(b"\nmodelarts_workload_info{") == 100
    again = await scraped.exposition.scrape()
    assert [one is other for one, other in zip(pieces[:-1], again, strict=False)] == [True] * (
        len(pieces) - 1
    )


workloads = st.builds(
    Workload,
    uid=st.text(min_size=1),
    job_name=st.text(),
    type=st.sampled_from(TYPES) | st.text(min_size=1),
    status=st.sampled_from(STATUSES) | st.text(min_size=1),
    priority=st.sampled_from(["0", "1", "3", ""]),
    pending=st.none() | st.floats(0, 1e9),
    position=st.none() | st.integers(0, 10**6),
    accelerators=st.lists(
        st.tuples(st.text(), st.floats(0, 1e6)), max_size=2, unique_by=lambda one: one[0]
    ).map(tuple),
)


@pytest.mark.long
@settings(max_examples=60)
@given(st.lists(workloads, max_size=8, unique_by=lambda workload: workload.uid))
async def test_every_listing_can_be_read_back(listed: list[Workload]) -> None:
    """Whatever the API lists, both formats parse, and the counts and sums come out as added up here."""
    clock = FakeClock()
    scraped = Scraped(clock)
    await scraped.show(pool("a", *listed, clock=clock))
    samples = pool_samples(text_families((await scraped.scrape()).decode()))
    assert samples == pool_samples(read_openmetrics(await scraped.scrape(openmetrics=True)))
    assert sum(value for name, _, value in samples if name == "modelarts_pool_workloads") == len(listed)
    cards = sum(
        count
        for one in listed
        if one.status not in {"Completed", "Terminated", "Failed"}
        for _, count in one.accelerators
    )
    requested = sum(value for name, _, value in samples if name == "modelarts_pool_requested_accelerators")
    assert requested == pytest.approx(cards)
