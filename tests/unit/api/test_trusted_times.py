"""Times, durations and places in a queue: those that cannot be are absent, never a number."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from random import Random
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


MANY = 25
"""Answers that all agree: fewer are not believed."""


def answered(date: str) -> Response:
    """An answer with this date."""
    return Response(200, {"date": date}, b"")


class Machine:
    """A machine whose clock is ahead of the right time, and what it knows of that.

    Attributes:
        ahead: seconds.
        node: seconds by which the node of the cloud that answers next is ahead of the right time.
    """

    def __init__(self, ahead: float = 0.0) -> None:
        self.ahead, self.node = ahead, 0.0
        self._skew, self._now = ClockSkew(), 0.0

    def asks(self, *, passed: float = 60.0, took: float = 0.1) -> float:
        """The cloud's answer to one more request: by how much this machine believes to be ahead."""
        self._now += passed
        date = format_datetime(datetime.fromtimestamp(int(NOW + self._now + self.node), UTC), usegmt=True)
        return self._skew.ahead(
            answered(date), took=took, wall=NOW + self._now + self.ahead, monotonic=5.0 + self._now
        )


def believed(date: str, *, took: float = 0.0) -> float:
    """By how much this machine believes to be ahead after many answers with this date."""
    skew = ClockSkew(spacing=0.0)
    return [skew.ahead(answered(date), took=took, wall=NOW, monotonic=5.0) for _ in range(MANY)][-1]


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
    assert believed(date) == ahead


@pytest.mark.parametrize("date", ["Thu, 01 Jan 1970 00:00:10 GMT", "Sun, 01 Jan 2090 00:00:00 GMT"])
def test_a_date_more_than_a_day_off_is_no_clocks(date: str) -> None:
    """A proxy's, or of a machine that woke in 1970: believed, it would be a wait of decades."""
    assert believed(date) == 0.0


def test_a_few_answers_are_not_believed() -> None:
    """They may all be from one node whose clock is wrong."""
    machine = Machine()
    machine.node = -1200.0
    assert [machine.asks() for _ in range(MANY - 1)] == [0.0] * (MANY - 1)
    assert machine.asks() == pytest.approx(1200.0, abs=2.0)


@pytest.mark.parametrize("ahead", [0.0, 3600.0], ids=["right clock", "an hour ahead"])
@pytest.mark.parametrize(
    "nodes",
    [
        [0, -1200],
        [0, 1200],
        [0, 0, -1200, -1200],
        [0] * 10 + [-1200] * 10,
        [0] * 24 + [-1200] * 24,
        [0, -1200, 1200],
        [0, 0, -1200],
        [0, -1200, -1200],
        [0, -90000],
    ],
    ids=lambda nodes: f"{len(nodes)} in turn, the last {nodes[-1]}",
)
def test_nodes_that_contradict_each_other_move_nothing(nodes: list[float], ahead: float) -> None:
    """Half of the nodes 20 minutes off, in any order: what is believed stays what it was, for ever."""
    machine = Machine(ahead)
    before = [machine.asks() for _ in range(2 * MANY)][-1]
    seen = []
    for _ in range(20):
        for machine.node in nodes:
            seen.append(machine.asks())
    assert before == pytest.approx(ahead, abs=2.0)
    assert seen == pytest.approx([before] * len(seen), abs=2.0)


def test_many_answers_at_once_are_as_good_as_one() -> None:
    """They come over one connection, from one node: a thousand of them within a minute move nothing."""
    machine = Machine()
    for _ in range(MANY):
        machine.asks()
    machine.node = -1200.0
    assert {machine.asks(passed=0.06) for _ in range(1000)} == {0.0}


def test_without_a_majority_from_the_start_this_machines_clock_is_used() -> None:
    """Whichever node answers first."""
    for first in (0.0, -1200.0):
        machine = Machine()
        for turn in range(400):
            machine.node = first if turn % 2 == 0 else -1200.0 - first
            assert machine.asks() == 0.0


def test_by_chance_half_of_the_nodes_convince_nobody() -> None:
    """Drawn for every answer, as a gateway does: not once in 20,000 answers."""
    machine, rng = Machine(), Random(12)  # noqa: S311  (no secret: which node answers)
    for _ in range(MANY):
        machine.asks()
    for _ in range(20_000):
        machine.node = rng.choice((0.0, -1200.0))
        assert machine.asks() == 0.0


def test_a_cloud_whose_clock_is_set_is_followed_after_a_clear_majority() -> None:
    """Once, and not to something in between."""
    machine = Machine()
    for _ in range(100):
        machine.asks()
    machine.node = -1200.0
    seen = [machine.asks() for _ in range(100)]
    assert seen[:74] == [0.0] * 74
    assert seen[75:] == pytest.approx([1200.0] * 25, abs=2.0)


def test_this_machines_clock_may_be_set_and_nothing_jumps() -> None:
    """The cloud's clock is known by then, so the very next answer shows how far this machine's was set."""
    machine = Machine()
    for _ in range(MANY):
        machine.asks()
    for machine.ahead in (3600.0, -3600.0, 0.0, 600.0):
        assert machine.asks() == pytest.approx(machine.ahead, abs=2.0)
    machine.node = -1200.0  # nor does a node that is wrong at that very moment change it
    machine.ahead = 1200.0
    assert machine.asks() == pytest.approx(1200.0, abs=2.0)


def test_a_clock_that_drifts_is_followed() -> None:
    """Ten seconds a day, for a month: no answer contradicts those before, and the skew is that of today."""
    machine = Machine()
    for _ in range(30 * 24):
        machine.ahead += 10.0 / 24
        machine.asks(passed=3600.0)
    assert machine.ahead > 299.0
    assert machine.asks() == pytest.approx(machine.ahead, abs=3.0)


def test_a_skew_at_the_border_does_not_come_and_go() -> None:
    """A minute off: once it counts, it counts until it is half as much."""
    machine = Machine(62.0)
    for _ in range(MANY):
        machine.asks()
    seen = []
    for machine.ahead in (58.0, 62.0, 45.0, 35.0):
        seen.append(machine.asks())
    assert seen == pytest.approx([58.0, 62.0, 45.0, 35.0], abs=2.0)
    for machine.ahead in (25.0, 35.0, 58.0):
        assert machine.asks() == 0.0


def test_an_answer_that_took_long_says_nothing_of_the_clock() -> None:
    """Its date lies between sending and receiving: a slow network or a process that stood still."""
    assert believed("Wed, 25 Sep 2024 09:56:40 GMT", took=3600.0) == 0.0


async def test_a_wrong_clock_of_this_machine_makes_nobody_wait_longer() -> None:
    """Three hours ahead: the waits since the creation are those by the cloud's clock."""
    clock, ours = FakeClock(), FakeClock()
    ours.set_ahead(3 * 3600.0)
    queued = [{**one, "pendingDuration": None} for one in jobs(3)]
    async with cloud_of(clock, queued) as cloud:
        rightly = cloud.client.context
        # The signature keeps the right time: the cloud would refuse another; a token has none.
        cloud.client.context = replace(rightly, clock=ours)
        for _ in range(MANY):
            clock.advance(60.0)
            ours.advance(60.0)
            await cloud.client.listing(POOL)
        wrong = await cloud.client.listing(POOL)
        cloud.client.context = rightly
        right = await cloud.client.listing(POOL)
    assert right.clock_ahead == 0.0
    assert wrong.clock_ahead == pytest.approx(3 * 3600.0, abs=1.0)
    for one, other in zip(wrong.workloads, right.workloads, strict=True):
        assert one.pending == pytest.approx(other.pending, abs=1.0)
