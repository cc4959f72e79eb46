"""What truly happened in one pool, and what its listings said."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from support.truth import truth_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from support.truth import Truth

    from exporter.simulator.cluster import JobEvent
    from exporter.simulator.jobs import Submission

_PAGE = 500
_LISTINGS = 200
_GONE = 2_000


class Listed(NamedTuple):
    """The first page of a listing was asked for.

    Attributes:
        at: Unix seconds.
        statuses: how many workloads of each (type, status) there were.
    """

    at: float
    statuses: Counter[tuple[str, str]]

    @property
    def pages(self) -> int:
        """How many it took: a full one is followed by another."""
        return self.statuses.total() // _PAGE + 1


class Span(NamedTuple):
    """When the exporter read a pool; Unix seconds.

    Attributes:
        begin: the last time that it began at the first page.
        end: it has read everything.
        earliest: it may have begun so early, and have stepped back to the first page later.
    """

    begin: float
    end: float
    earliest: float


@dataclass(slots=True)
class Journal:
    """Grows with the pool's life.

    Attributes:
        happenings: all of them, oldest first.
        submitted: every job that there ever was, by uid.
        living: when each job that is listed came, by uid.
        gone: the newest that came and vanished: uid, when it came, when it vanished.
        listings: the newest.
        since: the moment of the first listing that was read; None where that is not known.
    """

    happenings: list[JobEvent] = field(default_factory=list)
    submitted: dict[str, Submission] = field(default_factory=dict)
    living: dict[str, float] = field(default_factory=dict)
    gone: deque[tuple[str, float, float]] = field(default_factory=lambda: deque(maxlen=_GONE))
    listings: deque[Listed] = field(default_factory=lambda: deque(maxlen=_LISTINGS))
    since: float | None = None

    def take_up(self, log: Sequence[JobEvent]) -> None:
        """Note what is new in the cluster's log."""
        last = self.happenings[-1] if self.happenings else None
        new: list[JobEvent] = []
        for happening in reversed(log):
            if happening is last:
                break
            new.append(happening)
        for happening in reversed(new):
            self.happenings.append(happening)
            if happening.kind == "created":
                self.living[happening.uid] = happening.at
            elif happening.kind == "vanished":
                self.gone.append((happening.uid, self.living.pop(happening.uid), happening.at))

    def listed(self, at: float, statuses: Counter[tuple[str, str]]) -> None:
        """Note that a listing began."""
        self.listings.append(Listed(at, statuses))

    def span(self, success: float, before: float) -> Span:
        """When the listing was read that ended well at this moment, the one ahead of it `before`."""
        [*others, last] = [listed for listed in self.listings if listed.at <= success]
        again = [listed.at for listed in others[-1:] if listed.at > before and listed.pages > 1]
        return Span(last.at, success, min(again, default=last.at))

    def invented(self, shown: set[str], span: Span) -> set[str]:
        """Workloads that existed at no moment of the span."""
        existed = {uid for uid, came, went in self._lives() if came <= span.end and went > span.earliest}
        return shown - existed

    def lost(self, shown: set[str], span: Span) -> set[str]:
        """Workloads that existed throughout the span, and are not shown."""
        stayed = {uid for uid, came, went in self._lives() if came <= span.begin and went > span.end}
        return stayed - shown

    def miscounted(self, shown: Mapping[tuple[str, str], int], span: Span) -> Counter[tuple[str, str]]:
        """By how many workloads each (type, status) is off; one of several pages is of no one moment."""
        *_, told = [listed for listed in self.listings if listed.at == span.begin]
        off = Counter(shown)
        off.subtract(told.statuses if told.pages <= 1 else shown)
        return Counter({which: by for which, by in off.items() if by})

    def truth(self) -> Truth:
        """The counters that all this makes."""
        assert self.since is not None
        return truth_of(self.happenings, self.submitted, self.since)

    def _lives(self) -> Iterator[tuple[str, float, float]]:
        yield from self.gone
        for uid, came in self.living.items():
            yield uid, came, float("inf")
