"""How a run went -> tables and verdicts."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean, linear_regression, median
from typing import TYPE_CHECKING

from tools.bench.figures import Findings, Table, Verdict, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tools.soak.course import Course
    from tools.soak.process import Sample

WEEK = 7 * 86400.0
_DAY = 86400.0
_MIB = 2**20

RSS_A_WEEK = 4.0
"""MiB that the least resident memory of a quarter may grow by in a simulated week, from the second to the
last: what a heap of changing content wavers by. A slope would be that of the answers of 65 MiB among the
troubles. To keep 500 bytes of each of a week's 9,000 jobs, or 300 of each poll, would be more."""

MORE_DESCRIPTORS = 3.0
"""Connections that happen to be open."""

TELLING = WEEK
"""Seconds of the fast clock. In a shorter run caches are still filling, and a slope says nothing."""

WRONGS = {
    "lost": "workloads lost",
    "invented": "workloads invented",
    "miscounted": "counts that are not the journal's",
    "went back": "counters that went back",
    "left over": "series left over of deleted pools",
    "stale": "workloads shown longer than poll.stale_after",
    "stuck": "troubles not recovered from",
}


@dataclass(frozen=True, slots=True)
class Trend:
    """One figure over a run; it begins after the first tenth.

    Attributes:
        start: mean of the tenth after.
        end: mean of the last tenth.
        largest: of all.
        slope: per week, of the whole.
        late_slope: per week, of the second half.
    """

    start: float
    end: float
    largest: float
    slope: float
    late_slope: float

    @classmethod
    def of(cls, points: Sequence[tuple[float, float]]) -> Trend:
        """Of moments (seconds) and values; at least four."""
        tenth = max(1, len(points) // 10)
        warm = points[tenth:]
        values = [value for _, value in warm]
        return cls(
            start=fmean(values[:tenth]),
            end=fmean(values[-tenth:]),
            largest=max(value for _, value in points),
            slope=_slope(warm),
            late_slope=_slope(points[len(points) // 2 :]),
        )


def _slope(points: Sequence[tuple[float, float]]) -> float:
    moments, values = zip(*points, strict=True)
    return linear_regression(moments, values).slope * WEEK


_MEASURED: dict[str, Callable[[Sample], float]] = {
    "RSS, MiB": lambda sample: sample.rss / _MIB,
    "PSS, MiB": lambda sample: sample.pss / _MIB,
    "open files": lambda sample: sample.descriptors,
    "threads": lambda sample: sample.threads,
    "asyncio tasks": lambda sample: sample.inside.tasks,
    "handed out by malloc, MiB": lambda sample: sample.inside.used / _MIB,
    "blocks of memory": lambda sample: sample.inside.blocks,
    "series": lambda sample: sample.series,
    "state file, MiB": lambda sample: sample.state / _MIB,
}


def findings(course: Course) -> Findings:
    """Everything that is to be reported."""
    return Findings([_course(course), _resources(course), _troubles(course)], _verdicts(course))


def _points(course: Course, what: str) -> list[tuple[float, float]]:
    return [(sample.at, float(_MEASURED[what](sample))) for sample in course.samples]


def _resources(course: Course) -> Table:
    rows = []
    for what in _MEASURED:
        trend = Trend.of(_points(course, what))
        figures = (trend.start, trend.end, trend.largest, trend.slope, trend.late_slope)
        rows.append((what, *map(shown, figures)))
    return Table(
        "The exporter's process",
        ("", "start", "end", "largest", "a week", "a week, second half"),
        rows,
        "`start` and `end`: means of a tenth of the run, the first tenth left out; linear regressions.",
    )


def _course(course: Course) -> Table:
    watch, world, last = course.watch, course.world, course.samples[-1]
    outcomes: dict[str, float] = {}
    for (outcome, _), polls in watch.polls.items():
        outcomes[outcome] = outcomes.get(outcome, 0.0) + polls
    jobs = sum(len(pool.journal.submitted) for pool in (*world.staying, *world.found))
    rows = {
        "real minutes": course.seconds / 60,
        "simulated days": last.at / _DAY,
        "polls": sum(outcomes.values()),
        "polls that went well": outcomes.get("ok", 0.0),
        "listings held against the journal": watch.checked,
        "jobs in the pools that are there at the end": jobs,
        "pools that came": world.made,
        "pools that were deleted": len(world.deleted),
        "scrapes and other visits": sum(course.visits.values()),
        "keys rotated": course.keys,
        "reloads, good": course.reloads[200],
        "reloads, of a bad configuration": course.reloads[400],
        "troubles": sum(map(len, course.recoveries.values())),
        "counters that are the journal's at the end": course.agreeing,
        "CPU seconds of the exporter a real minute": 60 * last.cpu / course.seconds,
    }
    return Table("The run", ("", ""), [(what, shown(float(value))) for what, value in rows.items()])


def _troubles(course: Course) -> Table:
    rows: list[tuple[str, ...]] = [
        (kind, str(len(took)), shown(median(took) / 60), shown(max(took) / 60))
        for kind, took in sorted(course.recoveries.items())
    ]
    return Table(
        "Troubles, and the simulated minutes from their end until every pool was read again",
        ("", "times", "median", "longest"),
        rows,
    )


def _verdicts(course: Course) -> list[Verdict]:
    wrong = course.watch.wrong
    verdicts = [Verdict(words, float(wrong[what]), 0.0) for what, words in WRONGS.items()]
    verdicts += [
        Verdict("tracebacks in the log", float(len(course.tracebacks)), 0.0),
        Verdict("answers with the wrong status", float(course.failed_visits.total()), 0.0),
        Verdict("reloads answered neither 200 nor 400", float(_odd_reloads(course)), 0.0),
        Verdict("listings that could not be held against the journal", float(course.watch.checked == 0), 0.0),
        Verdict("kinds of counters with nothing to compare", float(course.agreeing == 0), 0.0),
    ]
    for what in ("open files", "threads", "asyncio tasks"):
        verdicts.append(
            Verdict(
                f"{what}, growth of the least of a quarter", _growth(_points(course, what)), MORE_DESCRIPTORS
            )
        )
    if course.samples[-1].at >= TELLING:
        points = _points(course, "RSS, MiB")
        late = points[len(points) // 4 :]
        growth = _growth(late, parts=3) * WEEK / (late[-1][0] - late[0][0])
        verdicts.append(
            Verdict("RSS, growth a simulated week of the least of a quarter", growth, RSS_A_WEEK, " MiB")
        )
    return verdicts


def _odd_reloads(course: Course) -> int:
    return sum(times for status, times in course.reloads.items() if status not in {200, 400})


def _growth(points: Sequence[tuple[float, float]], parts: int = 4) -> float:
    """What leaks is never given back, so it also raises the least; connections come and go."""
    values = [value for _, value in points]
    part = max(1, len(values) // parts)
    return min(values[-part:]) - min(values[:part])
