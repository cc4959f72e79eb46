"""Strategies: workloads and pools as the API could ever give them, and everything known of a pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from hypothesis import strategies as st

from exporter.common.errors import OUTCOMES
from exporter.snapshot.pool import NODE_STATES, Expiring, Listing, PoolDescription, PoolKey, PoolState
from exporter.snapshot.resources import Amounts, FreeCards, PoolCapacity
from exporter.snapshot.workload import ACCELERATORS, STATUSES, TYPES, UNKNOWN, Workload

if TYPE_CHECKING:
    from collections.abc import Iterable

_Value = TypeVar("_Value")

FOR_EVER = 1e9
"""A monotonic moment that no test's clock comes to."""

_AWKWARD = [
    *("\\", "\\n", "\\\\", '"', "\n", "\r", "{", "}", ",", "=", "#", " ", "\t", "\0"),
    *("\x85", "\u2028", "\ufeff", "中", "%s"),
]
_letters = st.characters(exclude_categories=["Cs"])
texts = st.lists(st.sampled_from(_AWKWARD) | st.text(_letters, max_size=3), max_size=3).map("".join)
amounts = st.floats(0, 1e30, allow_nan=False) | st.integers(0, 10**15).map(float)
seconds = st.floats(0, 3.2e9, allow_nan=False)


def _or(documented: Iterable[str], *others: str) -> st.SearchStrategy[str]:
    """Mostly a documented value."""
    return st.sampled_from([*documented, *others]) | texts.map(lambda text: text or UNKNOWN)


accelerators = st.dictionaries(_or(ACCELERATORS), amounts, max_size=3).map(
    lambda found: tuple(sorted((name, n) for name, n in found.items() if name not in {"cpu", "memory"}))
)


def workloads(uids: st.SearchStrategy[str]) -> st.SearchStrategy[Workload]:
    """Any workload, by a uid of these."""
    return st.builds(
        Workload,
        uid=uids,
        name=texts,
        job_name=texts,
        job_uuid=texts,
        type=_or(TYPES),
        status=_or(STATUSES),
        flavor=texts,
        priority=_or("0123", ""),
        user=texts,
        gvk=texts,
        created=st.none() | seconds,
        pending=st.none() | seconds,
        position=st.none() | st.integers(0, 2**53),
        running=st.none() | seconds,
        cpu_cores=st.none() | amounts,
        memory_bytes=st.none() | amounts,
        accelerators=accelerators,
        nodes=st.none() | st.integers(0, 10_000),
        sized=st.booleans(),
        in_status=st.none() | seconds,
        estimated_start=st.none() | seconds,
    )


@st.composite
def listings(draw: st.DrawFn, uids: st.SearchStrategy[str] = texts.filter(bool)) -> Listing:  # noqa: B008  (immutable)
    """Any listing; each uid once."""
    found = draw(st.lists(workloads(uids), max_size=6, unique_by=lambda one: one.uid))
    complete = draw(st.booleans())
    return Listing(
        tuple(found),
        complete,
        total=draw(st.none() | st.integers(0, 2**53)),
        shortfall="" if complete else "short",
        head_since=draw(st.none() | seconds),
    )


_resources = st.builds(Amounts, st.none() | amounts, st.none() | amounts, accelerators)
_by_card = st.dictionaries(_or(ACCELERATORS), amounts, max_size=3)


@st.composite
def entries(draw: st.DrawFn) -> PoolDescription:
    """Any entry of the list of pools."""
    flavors = draw(st.lists(texts, max_size=2, unique=True))
    nodes = {(flavor, state): float(draw(st.integers(0, 9))) for flavor in flavors for state in NODE_STATES}
    name, phase, kind, strategy, parent = (draw(texts) for _ in range(5))
    return PoolDescription(name, phase, kind, strategy, parent, nodes)


def _dated(values: st.SearchStrategy[_Value]) -> st.SearchStrategy[Expiring[_Value] | None]:
    return st.none() | values.map(lambda value: Expiring(value, FOR_EVER))


def states(pools: st.SearchStrategy[PoolKey]) -> st.SearchStrategy[PoolState]:
    """Any state of a pool of these."""
    return st.builds(
        PoolState,
        key=pools,
        name=st.none() | texts,
        outcome=st.none() | st.sampled_from(OUTCOMES),
        succeeded_at=st.none() | seconds,
        duration=st.none() | seconds,
        listing=st.none() | listings(),
        fresh_until=st.sampled_from([0.0, FOR_EVER]),
        polls=st.dictionaries(st.sampled_from(OUTCOMES), st.integers(0, 2**53), max_size=3),
        description=_dated(entries()),
        capacity=_dated(st.builds(PoolCapacity, _resources, _resources)),
        free_cards=_dated(st.builds(FreeCards, _by_card, _by_card)),
    )


keys = st.builds(PoolKey, texts, texts, st.sampled_from("abc"))
