"""Times, durations and places in a queue: those that cannot be are absent, never a number."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from support.cloud import POOL, cloud_of, jobs
from support.fakes import FakeClock

from exporter.api.clock_skew import ClockSkew
from exporter.api.workloads import decode_page
from exporter.transport.http import Response

if TYPE_CHECKING:
    from exporter.snapshot.workload import Workload

NOW = 1_727_260_000.0
DAY = 86400.0


def answered(date: str) -> Response:
    """An answer with this date."""
    return Response(200, {"date": date}, b"")


def job(number: str | None = None, **fields: Any) -> Workload:
    """One that waits; `number` replaces every 7777777, as no JSON library would write it."""
    body = json.dumps({"kind": "WorkloadList", "items": [{"uid": "u", "status": "Queue", **fields}]})
    if number is not None:
        body = body.replace("7777777", number)
    [one] = decode_page(body.encode(), where="GET x", now=NOW).workloads
    return one


@pytest.mark.parametrize(
    "created",
    [NOW, NOW * 1e6, NOW * 1e9, 0, -0.0, -1, 253402300799000, (NOW + 2 * DAY) * 1000],
    ids=["seconds", "µs", "ns", "1970", "-0", "negative", "9999", "in two days"],
)
def test_a_creation_that_cannot_be_is_unknown_and_so_is_the_wait_since(created: float) -> None:
    """Seconds read as 1970 would be a wait of half a century, and page somebody."""
    one = job(createTime=created)
    assert (one.created, one.pending) == (None, None)


@pytest.mark.parametrize(
    ("ahead", "pending"),
    [(-60, 60.0), (0, 0.0), (600, 0.0), (3600, None)],
    ids=["past", "now", "skew", "ahead"],
)
def test_a_wait_since_a_creation_ahead_is_nothing_within_the_skew_of_clocks(
    ahead: float, pending: float | None
) -> None:
    """And unknown beyond."""
    one = job(createTime=(NOW + ahead) * 1000)
    assert (one.created, one.pending) == (NOW + ahead, pending)


def test_a_duration_longer_than_the_workload_is_there_is_not_believed() -> None:
    """Milliseconds for seconds: a day more than its age is a mistake, less may be clocks that differ."""
    age = 3600.0
    fields: dict[str, Any] = {"createTime": (NOW - age) * 1000}
    assert job(**fields, pendingDuration=age * 1000, runningDuration=age * 1000).running is None
    assert job(**fields, pendingDuration=age * 1000).pending == pytest.approx(age)
    assert job(**fields, pendingDuration=age + DAY / 2).pending == age + DAY / 2
    assert job(**fields, pendingDuration=-5).pending == pytest.approx(age)
    assert str(job(pendingDuration=-0.0).pending) == "0.0"


@pytest.mark.parametrize("number", ["-1", "9223372036854775808", "1e300", "1.5", "-0.5"])
def test_a_position_that_is_none_is_unknown(number: str) -> None:
    """The API's own -1 as well."""
    assert job(number, pendingPosition=7777777).position is None
    assert job("0", pendingPosition=7777777).position == 0


@pytest.mark.parametrize(
    "number", ["1e400", "-1", "1.5", '"many"', '"٣"', '"1_0"', "true", "[]", "1" + "0" * 5000, '"0x10"']
)
def test_a_total_that_counts_nothing_is_as_good_as_none(number: str) -> None:
    """It costs neither the answer nor the proof that the listing is whole."""
    body = f'{{"kind": "WorkloadList", "items": [{{"uid": "a"}}], "total": {number}}}'
    page = decode_page(body.encode(), where="GET x", now=NOW)
    assert (page.total, page.count, len(page.workloads)) == (None, 1, 1)


@pytest.mark.parametrize("text", ["٣", "1_000", "0x10", "1e400", "nan", "inf", "9" * 5000, "1 2", "--1"])
def test_a_number_in_quotes_that_is_none_is_malformed(text: str) -> None:
    """Python reads other scripts' digits and underscores; no API writes them."""
    body = json.dumps({"kind": "WorkloadList", "items": [{"uid": "a", "createTime": text}, {"uid": "b"}]})
    page = decode_page(body.encode(), where="GET x", now=NOW)
    assert (dict(page.rejected), [one.uid for one in page.workloads]) == ({0: "malformed"}, ["b"])


@pytest.mark.parametrize("amount", ["1e400", '"1e999999999"', '"' + "9" * 2**20 + '"', '"٣"', '"0x10"'])
def test_an_amount_that_is_none_costs_the_workload_nothing_else(amount: str) -> None:
    """It counts, and what it asks for is unknown; no number takes long to read."""
    one = job(amount, resourceRequirement={"cpu": 7777777})
    assert (one.cpu_cores, one.sized, one.status) == (None, False, "Queue")


@pytest.mark.parametrize(
    ("date", "ahead"),
    [
        ("Wed, 25 Sep 2024 10:26:40 GMT", 0.0),
        ("Wed, 25 Sep 2024 10:26:10 GMT", 0.0),
        ("Wed, 25 Sep 2024 09:26:40 GMT", 3600.0),
        ("Wed, 25 Sep 2024 18:26:40 +0800", 0.0),
        ("Wed, 25 Sep 2024 11:26:40", -3600.0),
        ("Sat, 31 Dec 2016 23:59:60 GMT", 0.0),
        ("Mon, 99999999999999999999 Jan 2026 00:00:00 GMT", 0.0),
        ("yesterday", 0.0),
        ("", 0.0),
    ],
    ids=["now", "a little", "an hour", "zone", "no zone", "leap second", "no day", "no date", "none"],
)
def test_the_clouds_clock_is_believed_where_it_is_minutes_off(date: str, ahead: float) -> None:
    """And ours where the answer does not tell, or tells nonsense."""
    assert ClockSkew().ahead(answered(date), NOW, NOW) == ahead


@pytest.mark.parametrize("date", ["Thu, 01 Jan 1970 00:00:10 GMT", "Sun, 01 Jan 2090 00:00:00 GMT"])
def test_a_date_more_than_a_day_off_is_no_clocks(date: str) -> None:
    """A proxy's, or of a machine that woke in 1970: believed, it would be a wait of decades."""
    assert ClockSkew().ahead(answered(date), NOW, NOW) == 0.0


def test_answers_that_contradict_each_other_are_not_believed() -> None:
    """One server of several, an hour behind, shifts nothing; a clock that was set is believed one later."""
    times = ClockSkew()
    right, behind = answered("Wed, 25 Sep 2024 10:26:40 GMT"), answered("Wed, 25 Sep 2024 09:26:40 GMT")
    assert [times.ahead(one, NOW, NOW) for one in (right, behind, right, behind)] == [0.0] * 4
    assert [times.ahead(behind, NOW, NOW) for _ in range(2)] == [3600.0] * 2


def test_an_answer_that_took_long_says_nothing_of_the_clock() -> None:
    """Its date lies between sending and receiving: a slow network or a process that stood still."""
    assert ClockSkew().ahead(answered("Wed, 25 Sep 2024 10:26:40 GMT"), NOW - 1800, NOW + 1800) == 0.0


async def test_a_wrong_clock_of_this_machine_makes_nobody_wait_longer() -> None:
    """Three hours ahead: the waits since the creation are those by the cloud's clock."""
    clock, ours = FakeClock(), FakeClock()
    ours.set_ahead(3 * 3600.0)
    queued = [{**one, "pendingDuration": None} for one in jobs(3)]
    async with cloud_of(clock, queued) as cloud:
        right = await cloud.client.listing(POOL)
        # The signature keeps the right time: the cloud would refuse another; a token has none.
        cloud.client.context = replace(cloud.client.context, clock=ours)
        await cloud.client.listing(POOL)  # contradicts what the cloud's clock was said to be
        wrong = await cloud.client.listing(POOL)
    assert wrong.clock_ahead == pytest.approx(3 * 3600.0, abs=1.0)
    for one, other in zip(wrong.workloads, right.workloads, strict=True):
        assert one.pending == pytest.approx(other.pending, abs=1.0)
