from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from support.fakes import FakeClock

from exporter.lifecycle.persistence import Persistence
from exporter.lifecycle.pool_history import PoolHistory
from exporter.self_metrics import SelfMetrics
from exporter.snapshot.pool import Listing, PoolKey
from exporter.snapshot.workload import STATUSES, Workload

if TYPE_CHECKING:
    from exporter.snapshot.counters import Throughput

pytestmark = pytest.mark.long

KEY = PoolKey("cn-north-4", "0" * 32, "pool-0123456789abcdef0123456789abcdef")
BEGAN = 1_700_000_000.0
DAY, QUARTER = 86_400.0, 900.0

Counts = Counter[tuple[str, ...]]


@dataclass
class Known:
    """What the table remembers of a workload.

    Its stage, how long earlier runs were at most, since when it runs, whether and since when it is missing.
    """

    type: str
    stage: str
    ran: float = 0.0
    running_since: float | None = None
    lacked: bool = False
    since: float | None = None
    status: str = ""


@dataclass
class Naive:
    """The table at the head of `exporter.lifecycle.transitions`, done the slow way."""

    known: dict[str, Known] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counter)
    first_listed: float | None = None
    new_after: float = float("inf")
    read_at: float = 0.0

    def update(self, listing: Listing, now: float) -> None:
        self.first_listed = now if self.first_listed is None else min(self.first_listed, now)
        for workload in listing.workloads:
            if not self._is_as_before(workload):
                self._see(workload, now)
        listed = {workload.uid for workload in listing.workloads}
        for uid in self.known.keys() - listed:
            (self._lack if listing.complete else self._overlook)(uid, now)
        if listing.complete:
            self.new_after = float("-inf")
        elif self.new_after == float("inf"):
            self.new_after = now
        self.read_at = now

    def _is_as_before(self, workload: Workload) -> bool:
        """Durations alone change nothing, also one that gets shorter."""
        before = self.known.get(workload.uid)
        if before is None or before.status != workload.status or before.since is not None:
            return False
        return before.stage != "waiting" or (workload.running or 0.0) <= before.ran

    def _see(self, workload: Workload, now: float) -> None:
        before = self.known.get(workload.uid)
        earlier, before_ran = (before.stage, before.ran) if before else ("waiting", 0.0)
        own = (workload.running or 0.0) > before_ran
        stage = _stage(workload, earlier, own=own)
        since = before.running_since if before else None
        ran = before_ran
        if stage != "started" and workload.running:
            ran = workload.running
        elif stage != "started" and before and before.stage == "started":
            earliest = since if since is not None else self.read_at if before.since is None else before.since
            ran = max(ran, now - earliest + 30)
        elif stage == "started" and since is None and (workload.status == "Running" or own):
            since = now - (workload.running or 0.0)
        since = since if stage == "started" else None
        self.known[workload.uid] = Known(workload.type, stage, ran, since, status=workload.status)
        if before is None and self._was_there(workload):
            return
        if before is None:
            self.counts["created", workload.type] += 1
        if stage == earlier:
            return
        did_run = earlier == "started" or workload.status == "Completed" or own
        if stage == "waiting":
            self.counts["requeued", workload.type] += 1
        if stage == "started" or (stage == "finished" and earlier == "waiting" and did_run):
            self.counts["started", workload.type, workload.priority] += 1
        if stage == "finished":
            self.counts["finished", workload.type, workload.status] += 1

    def _was_there(self, workload: Workload) -> bool:
        assert self.first_listed is not None
        if workload.created is None:
            return self.new_after > float("-inf")
        return workload.created < max(self.new_after, self.first_listed - QUARTER)

    def _lack(self, uid: str, _now: float) -> None:
        one = self.known[uid]
        if not one.lacked:
            one.lacked, one.since = True, self.read_at if one.since is None else one.since
            return
        if one.stage != "finished":
            self.counts["finished", one.type, "unknown"] += 1
        del self.known[uid]

    def _overlook(self, uid: str, now: float) -> None:
        one = self.known[uid]
        if one.since is None:
            one.since = now
        elif now - one.since >= DAY:
            del self.known[uid]


def _stage(workload: Workload, before: str, *, own: bool) -> str:
    if workload.status in {"Completed", "Terminated", "Failed"}:
        return "finished"
    if workload.status in {"Queue", "Pending"}:
        return "waiting"
    if workload.status in {"Creating", "Running"} or (own and before == "waiting"):
        return "started"
    return before


def counted(passed: Throughput) -> Counts:
    """Every count that is not 0, by its name and labels."""
    kinds = {
        "created": passed.created,
        "started": passed.started,
        "finished": passed.finished,
        "requeued": passed.requeued,
    }
    return Counter({(kind, *labels): n for kind, some in kinds.items() for labels, n in some.items() if n})


moments = st.floats(BEGAN - DAY, BEGAN + 3 * DAY)


@st.composite
def listings(draw: st.DrawFn) -> Listing:
    """Some of six workloads, each of a type and priority of its own."""
    uids = draw(st.lists(st.sampled_from("abcdef"), unique=True, max_size=6))
    workloads = tuple(
        Workload(
            uid=uid,
            type="train" if uid < "d" else f"odd {uid}",
            priority=str(ord(uid) % 3),
            status=draw(st.sampled_from([*STATUSES, "Odd"])),
            created=draw(st.none() | moments),
            running=draw(st.none() | st.just(0.0) | st.floats(0, 1e6)),
            pending=draw(st.none() | st.floats(0, 1e6)),
            position=draw(st.none() | st.integers(0, 3)),
        )
        for uid in uids
    )
    return Listing(workloads, draw(st.booleans()))


class Counting(RuleBasedStateMachine):
    """Counters never fall, are what the table says, and a restart at any moment changes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.path = Path(self.folder.name, "state")
        self.now = BEGAN
        self.memory = PoolHistory()
        self.naive = Naive()
        self.before: Counts = Counter()
        self.keeping, _ = Persistence.open(self.path, SelfMetrics(), FakeClock(self.now))

    @rule(listing=listings(), later=st.sampled_from([0.0, 60.0, QUARTER, DAY, -60.0, -DAY]))
    def poll(self, listing: Listing, later: float) -> None:
        """The next listing; the machine's clock may have been set back."""
        self.now += later
        changes = self.memory.update(listing, self.now)
        self.keeping.save(KEY, self.memory, changes)
        self.naive.update(listing, self.now)
        self.memory.annotate(listing, estimates=True)

    @rule()
    def restart(self) -> None:
        self.keeping.close()
        self.keeping, pools = Persistence.open(self.path, SelfMetrics(), FakeClock(self.now))
        read = pools.get(KEY, PoolHistory())
        assert read == self.memory
        self.memory = read

    @invariant()
    def counters_only_grow_and_are_right(self) -> None:
        now = counted(self.memory.throughput)
        assert all(now[labels] >= n for labels, n in self.before.items())
        assert now == +self.naive.counts
        assert self.memory.workloads.keys() == self.naive.known.keys()
        self.before = now

    @invariant()
    def no_duration_without_an_event(self) -> None:
        passed = self.memory.throughput
        for labels, waits in passed.waits.items():
            assert 0 <= waits.count <= passed.started.get(labels, 0)
            assert waits.total >= 0
        for labels, runs in passed.runs.items():
            assert 0 <= runs.count <= passed.finished.get(labels, 0)
            assert runs.total >= 0

    def teardown(self) -> None:
        self.keeping.close()
        self.folder.cleanup()


TestCounting = Counting.TestCase
TestCounting.settings = settings(stateful_step_count=12, max_examples=settings().max_examples // 4)
