"""What /metrics says, held against the journals of the pools."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tools.soak.clock import FastClock
    from tools.soak.journal import Journal, Span
    from tools.soak.world import JournalledPool, World

Labels = dict[str, str]
SampleKey = tuple[str, tuple[tuple[str, str], ...]]

SUCCESS = "modelarts_pool_last_success_timestamp_seconds"
COMPLETE = "modelarts_pool_listing_complete"
COUNTS = "modelarts_pool_workloads"
STATUS = "modelarts_workload_status"
POLLS = "modelarts_exporter_polls_total"
WATCHED = (SUCCESS, COMPLETE, COUNTS, STATUS, POLLS)

_SAMPLE = re.compile(r"^(\w+)\{(.*)\} (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_TYPE = re.compile(r"^# TYPE (\w+) (?:counter|histogram)$", re.MULTILINE)
_COUNTED = re.compile(r"modelarts_pool_(?:workloads_[a-z]+_total|(?:wait|run)_seconds_[a-z]+)")
_GAUGE_HISTOGRAM = "modelarts_pool_pending_age_seconds"
_OF_POOL = {"region", "project_id", "pool"}
_EXAMPLES = 20


@dataclass(slots=True)
class Shown:
    """What is told of one pool: `reads` are the listings that could be read, `told` whether it is counted."""

    reads: int = 0
    success: float | None = None
    complete: bool = False
    told: bool = False
    statuses: Counter[tuple[str, str]] = field(default_factory=Counter)
    workloads: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Watch:
    """Compares, and keeps what does not agree.

    Attributes:
        world: what is true.
        clock: the time.
        stale_after: seconds, as configured.
        grace: seconds in which a deleted pool is to be found out.
        wrong: how often something was not as it should be, by what.
        examples: the first of them, in words.
        checked: listings that were compared.
        successes: when each pool was last read well, in Unix seconds, by ID.
        counters: the newest value of every counter, as text before the value.
        polls: by outcome and pool.
        quiet_since: the moment since which nothing goes wrong, by the clock; None while something does.
    """

    world: World
    clock: FastClock
    stale_after: float
    grace: float
    wrong: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    checked: int = 0
    successes: dict[str, float] = field(default_factory=dict)
    counters: dict[str, float] = field(default_factory=dict)
    polls: dict[tuple[str, str], float] = field(default_factory=dict)
    quiet_since: float | None = 0.0

    def compare(self, text: str, asked: float) -> None:
        """Hold a scrape of `WATCHED` against the journals.

        Args:
            text: the exposition.
            asked: Unix seconds at which it was asked for.
        """
        pools = self.world.pools
        for pool, shown in _shown(text).items():
            if pool not in pools or shown.success is None:
                continue
            if shown.told and asked - shown.success > self.stale_after:
                self._note("stale", f"{pool} still shows workloads {asked - shown.success:.0f} s old")
            if shown.success != self.successes.get(pool) and shown.told:
                before = self.successes.get(pool, 0.0)
                self.successes[pool] = shown.success
                self._hold(pool, shown, pools[pool].journal, before)

    def _hold(self, pool: str, shown: Shown, journal: Journal, before: float) -> None:
        assert shown.success is not None
        self.checked += 1
        span, uids = journal.span(shown.success, before), set(shown.workloads)
        if shown.reads == 1:
            journal.since = span.begin
        where = f"{pool}, read from {span.begin:.3f} to {span.end:.3f}"
        for uid in journal.invented(uids, span):
            self._note("invented", f"{uid} in {where}")
        for uid, times in shown.workloads.items():
            if times > 1:
                self._note("invented", f"{uid} has {times} statuses in {where}")
        if shown.complete:
            for uid in journal.lost(uids, span):
                self._note("lost", f"{uid} in {where}")
        self._count(shown, journal, span, where)

    def _count(self, shown: Shown, journal: Journal, span: Span, where: str) -> None:
        if shown.statuses.total() != len(shown.workloads):
            counts = f"{shown.statuses.total()} counted, {len(shown.workloads)} shown"
            self._note("miscounted", f"{counts} in {where}")
        elif shown.complete:
            for which, by in journal.miscounted(shown.statuses, span).items():
                self._note("miscounted", f"{which} by {by} of {shown.statuses.total()} in {where}")

    def inspect(self, text: str) -> int:
        """Look through a whole exposition; the number of its series."""
        self._never_back(text)
        now = self.clock.monotonic()
        if self.quiet_since is not None:
            for pool, deleted in self.world.deleted.items():
                if now > max(deleted, self.quiet_since) + self.grace and pool in text:
                    self._note("left over", f"series of {pool}, deleted {now - deleted:.0f} s ago")
        for labels, value in _samples(text, POLLS):
            self.polls[labels["outcome"], labels["pool"]] = value
        return sum(not line.startswith("#") for line in text.splitlines())

    def _never_back(self, text: str) -> None:
        counting = set(_TYPE.findall(text)) - {_GAUGE_HISTOGRAM}
        now: dict[str, float] = {}
        for line in text.splitlines():
            name = line.partition("{")[0].partition(" ")[0]
            if name in counting or name.rpartition("_")[0] in counting:
                key, _, value = line.rpartition(" ")
                now[key] = float(value)
        for key, before in self.counters.items():
            # What a pool counted goes with it; it may also come back, after a moment's absence.
            pool = dict(_LABEL.findall(key)).get("pool")
            if pool is not None and pool not in self.world.pools:
                continue
            if now.get(key, 0.0) < before:
                self._note("went back", f"{key} from {before:g} to {now.get(key)}")
        self.counters = now

    def conclude(self, text: str) -> int:
        """Hold the counters of the pools that can be known exactly against the journals; how many agree."""
        agreeing = 0
        for pool in self.world.staying:
            if not pool.exact or pool.journal.since is None:
                continue
            counted, truth = _counted(text, pool), +pool.journal.truth().samples
            for key in counted.keys() | truth.keys():
                if counted.get(key) == truth.get(key):
                    agreeing += 1
                else:
                    self._note("miscounted", f"{key}: {counted.get(key)}, truly {truth.get(key)}")
        return agreeing

    def recovered(self, since: float) -> bool:
        """Whether every pool that is there has been read well since a moment in Unix seconds."""
        return all(self.successes.get(pool, 0.0) > since for pool in self.world.pools)

    def note_stuck(self, what: str) -> None:
        """Something did not recover."""
        self._note("stuck", what)

    def _note(self, what: str, example: str) -> None:
        self.wrong[what] += 1
        if self.wrong[what] <= _EXAMPLES:
            self.examples.append(f"{what}: {example}")


def _samples(text: str, *names: str) -> Iterator[tuple[Labels, float]]:
    for name, labels, value in _SAMPLE.findall(text):
        if name in names:
            yield dict(_LABEL.findall(labels)), float(value)


def _shown(text: str) -> Mapping[str, Shown]:
    pools: defaultdict[str, Shown] = defaultdict(Shown)
    for name, inside, value in _SAMPLE.findall(text):
        labels = dict(_LABEL.findall(inside))
        shown = pools[labels["pool"]]
        match name:
            case "modelarts_exporter_polls_total":
                shown.reads += int(float(value)) if labels["outcome"] in {"ok", "incomplete"} else 0
            case "modelarts_pool_last_success_timestamp_seconds":
                shown.success = float(value)
            case "modelarts_pool_listing_complete":
                shown.complete = float(value) == 1
            case "modelarts_pool_workloads":
                shown.told = True
                if float(value):
                    shown.statuses[labels["type"], labels["status"]] = int(float(value))
            case "modelarts_workload_status":
                shown.workloads[labels["uid"]] += 1
    return pools


def _counted(text: str, pool: JournalledPool) -> Mapping[SampleKey, float]:
    """What is counted of a pool, zeros left out."""
    found: dict[SampleKey, float] = {}
    for name, inside, value in _SAMPLE.findall(text):
        labels = dict(_LABEL.findall(inside))
        if _COUNTED.fullmatch(name) and labels["pool"] == pool.profile.id and float(value):
            own = ((label, text) for label, text in labels.items() if label not in _OF_POOL)
            found[name, tuple(sorted(own))] = float(value)
    return found
