from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tools.fuzz.exposing import ALL, Exposed, holds
from tools.fuzz.snapshots import FOR_EVER, keys, listings, states

from exporter.metrics.summary import Detail
from exporter.metrics.thresholds import Thresholds
from exporter.snapshot.pool import PoolKey

if TYPE_CHECKING:
    from exporter.snapshot.pool import Listing, PoolState
    from exporter.snapshot.workload import Workload

pytestmark = pytest.mark.long

details = st.builds(
    Detail,
    st.sampled_from(["none", "waiting", "active", "all"]),
    st.integers(0, 5),
    st.none() | st.integers(0, 3),
)


@settings(max_examples=settings().max_examples // 5)
@given(st.lists(states(keys), max_size=3), details)
def test_any_snapshot_is_read_back_to_the_letter(found: list[PoolState], detail: Detail) -> None:
    """Whatever is known of pools, prometheus_client's parsers read back the samples of the families."""
    holds(found, detail)


POOLS = [PoolKey("r", "p", pool) for pool in ("a", "b\\", 'c"\n')]


class Incremental(RuleBasedStateMachine):
    """Text that is kept from snapshot to snapshot is what rendering from nothing makes."""

    def __init__(self) -> None:
        super().__init__()
        self.detail = ALL
        self.kept = Exposed(self.detail)

    @initialize(first=listings(), state=states(st.just(POOLS[0])))
    def begin(self, first: Listing, state: PoolState) -> None:
        self.kept.store.publish(replace(state, listing=first, fresh_until=FOR_EVER))

    @rule(state=states(st.sampled_from(POOLS)))
    def poll(self, state: PoolState) -> None:
        """A state that has nothing in common with the one before."""
        self.kept.store.publish(state)

    @rule(seconds=st.floats(1, 100), gone=st.booleans())
    def grow_older(self, seconds: float, gone: bool) -> None:
        """The usual poll: the same workloads, which have waited longer; sometimes one is gone."""
        for state in tuple(self.kept.store.states.values()):
            if state.listing is not None:
                older = tuple(_older(one, seconds) for one in state.listing.workloads[gone:])
                listing = replace(state.listing, workloads=older)
                self.kept.store.publish(replace(state, listing=listing, fresh_until=FOR_EVER))

    @rule(pool=st.sampled_from(POOLS))
    def forget(self, pool: PoolKey) -> None:
        self.kept.store.forget(pool)

    @rule(detail=details)
    def reload(self, detail: Detail) -> None:
        self.detail = detail
        self.kept.renderer.configure(detail, Thresholds())

    @invariant()
    def same_as_from_nothing(self) -> None:
        anew = Exposed(self.detail)
        for state in self.kept.store.states.values():
            anew.store.publish(state)
        text = anew.text()
        assert self.kept.text() == text
        assert self.kept.text(gzip=True) == text


def _older(workload: Workload, seconds: float) -> Workload:
    return msgspec.structs.replace(workload, pending=(workload.pending or 0.0) + seconds)


TestIncremental = Incremental.TestCase
TestIncremental.settings = settings(stateful_step_count=6, max_examples=settings().max_examples // 10)
