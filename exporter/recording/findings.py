"""What a recording tells about each unknown of docs/unknowns.md.

Only the recording is read, after everything in it was replaced: what is not in it cannot be in the report.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from exporter.recording.harmless import limit_in
from exporter.recording.pages import cloud_time, pool_pages
from exporter.snapshot.pool import PHASES
from exporter.snapshot.workload import PRIORITIES, STATUSES, TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from exporter.recording.folder import Answer, Recording
    from exporter.recording.pages import PoolPages

_NO_CARDS = {"cpu", "memory"}
_STRATEGY = "os.modelarts.pool/scheduler.queue.strategy"
_SUBPOOLS = "os.modelarts.pool/subpools.count"
_THROTTLED = 429
_MOST = 12
"""Words of a list, at most."""


class Finding(NamedTuple):
    """What the answers tell about one unknown.

    Attributes:
        unknown: what is not known, as in docs/unknowns.md.
        pool: the pool's stand-in; empty if it is about all.
        told: what they tell.
    """

    unknown: str
    pool: str
    told: str


def findings(recording: Recording) -> list[Finding]:
    """What the recording tells, in the order of docs/unknowns.md."""
    answers = recording.answers
    pools = list(pool_pages(answers))
    return [
        *(finding for pool in pools for finding in _of_listing(pool)),
        *_of_clocks(answers),
        *_of_capacity(answers, pools),
        *_of_pools(answers),
        *_of_requests(answers),
    ]


def _of_listing(pool: PoolPages) -> Iterator[Finding]:
    told = {
        "pages of the listing": pool.lengths(),
        "whether offset counts items": pool.offsets(),
        "whether total is there, and the full count": pool.total(),
        "in which order workloads are listed": pool.order(),
        "workloads of the same millisecond": pool.ties(),
        "whether uids are unique": f"{pool.repeated()} occur more than once on a page",
        "how long finished jobs stay listed": pool.finished(),
        'what isDeleted: "true" means': pool.deleted(),
        "whether namespace is the pool's ID": pool.namespaces(),
        "types": _words(pool.words("type"), TYPES),
        "statuses": _words(pool.words("status"), STATUSES),
        "priorities": _words(pool.words("priority"), PRIORITIES),
        "whether positions start at 0 or 1": pool.positions(),
        "whether each type has a queue of its own": pool.shared_positions(),
        "what pendingDuration is": pool.pending(),
    }
    for unknown, what in told.items():
        yield Finding(unknown, pool.pool, what)


def _of_clocks(answers: Sequence[Answer]) -> Iterator[Finding]:
    ahead = [answer.at - cloud_time(answer) for answer in answers if "date" in answer.headers]
    told = (
        f"this machine's is ahead by {min(ahead):.1f} to {max(ahead):.1f} s"
        if ahead
        else "no answer has a date"
    )
    yield Finding("whether the clocks of the cloud and of this machine agree", "", told)


def _of_capacity(answers: Sequence[Answer], pools: Sequence[PoolPages]) -> Iterator[Finding]:
    runtime = [answer for answer in answers if answer.endpoint == "runtime"]
    yield Finding("whether a region has capacities at all", "", _statuses(runtime))
    requested = {pool.pool: pool.resources() - _NO_CARDS for pool in pools}
    for item in (item for answer in runtime[-1:] if answer.ok for item in answer.items):
        pool, table = str(_in(item, "metadata", "name")), _in(item, "table")
        has = _keys(_in(table, "capacity", "value")) - _NO_CARDS
        allocated = _in(table, "allocated", "value")
        keys = f"capacity has {_names(has)}, requests have {_names(requested.get(pool, set()))}"
        meet = "" if not requested.get(pool) or requested[pool] & has else "; they do not meet"
        yield Finding("whether capacity and requests use the same accelerator names", pool, keys + meet)
        if isinstance(allocated, dict):
            left_out = has - set(allocated)
            yield Finding(
                "what the allocated amounts leave out", pool, _names(left_out) if left_out else "no card"
            )
        else:
            yield Finding("what the allocated amounts leave out", pool, "there are none")
        available = _in(table, "available", "value")
        yield Finding(
            "what available includes",
            pool,
            f"it is {_amounts(available)}, of {_amounts(_in(table, 'capacity', 'value'))}, at most "
            f"{_amounts(_in(table, 'capacity', 'maxValue'))}, with {_amounts(allocated)} allocated",
        )


def _of_pools(answers: Sequence[Answer]) -> Iterator[Finding]:
    lists = [answer for answer in answers if answer.endpoint == "pools" and answer.ok]
    cursors = sum(bool(_in(answer.body, "metadata", "continue")) for answer in lists)
    yield Finding(
        "whether the list of pools has pages",
        "",
        f"{cursors} of {len(lists)} answers say that there are more",
    )
    for item in (item for answer in lists for item in answer.items):
        pool = str(_in(item, "metadata", "name"))
        strategy = _in(item, "metadata", "annotations", _STRATEGY)
        yield Finding("the names of queueing strategies", pool, _shown(strategy))
        phase = _in(item, "status", "phase")
        told = f"{_shown(phase)}{'' if phase in PHASES else ', which is not documented'}"
        yield Finding("phases of pools", pool, told)
        if subpools := _in(item, "metadata", "annotations", _SUBPOOLS):
            yield Finding("logical pools", pool, f"it says that it has {subpools}")


def _of_requests(answers: Sequence[Answer]) -> Iterator[Finding]:
    for endpoint in ("workloads", "statistics", "nodes", "pools", "events"):
        if asked := [answer for answer in answers if answer.endpoint == endpoint]:
            yield Finding("which endpoints there are", "", f"{endpoint}: {_statuses(asked)}")
    for answer in answers:
        if answer.endpoint == "statistics" and answer.ok and isinstance(answer.body, dict):
            field = "statistics" if "statistics" in answer.body else "statics"
            total = _in(answer.body, field, "total")
            yield Finding("the cloud's own count", answer.pool, f"the field is {field}, its total {total!r}")
    throttled = [answer for answer in answers if answer.status == _THROTTLED]
    limits = {limit for answer in throttled if (limit := limit_in(str(answer.body)))}
    told = f"{len(throttled)} of {len(answers)} answers were 429"
    waits = [answer.headers["retry-after"] for answer in throttled if "retry-after" in answer.headers]
    yield Finding("how many requests the cloud allows", "", "; ".join([told, *sorted(limits), *waits]))


def _words(found: Counter[str], documented: Sequence[str]) -> str:
    unknown = {word: count for word, count in found.items() if word not in documented}
    if not found:
        return "no workloads"
    if not unknown:
        return f"all documented: {', '.join(sorted(found))}"
    return "not documented: " + _listed([f"{word} ({count})" for word, count in unknown.items()])


def _statuses(answers: Sequence[Answer]) -> str:
    if not answers:
        return "not asked for"
    counts = Counter(str(answer.status or answer.outcome) for answer in answers)
    return ", ".join(f"{status} ({count})" for status, count in counts.items())


def _shown(value: Any) -> str:
    if not value:
        return "none"
    return (
        f"{value} (a stand-in: look it up on the exporter's own pages)"
        if "anon-" in str(value)
        else str(value)
    )


def _names(found: set[str]) -> str:
    return _listed(sorted(found)) or "no card"


def _listed(words: Sequence[str]) -> str:
    rest = len(words) - _MOST
    return ", ".join(words[:_MOST]) + (f" and {rest} more" if rest > 0 else "")


def _keys(table: Any) -> set[str]:
    return set(table) if isinstance(table, dict) else set()


def _amounts(table: Any) -> str:
    if not isinstance(table, dict):
        return "missing"
    return _listed([f"{key} {value}" for key, value in table.items()])


def _in(value: Any, *keys: str) -> Any:
    """What lies below keys; None if something on the way is missing or no object."""
    for key in keys:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value
