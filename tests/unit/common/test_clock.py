"""The two times of a clock."""

from __future__ import annotations

from support.fakes import FakeClock

from exporter.common.clock import wall_and_monotonic


class StoppedOnce(FakeClock):
    """The process is stopped for twenty minutes just before the date is read for the first time."""

    stopped = False

    def wall(self) -> float:
        wall = super().wall()
        if not self.stopped:
            self.stopped = True
            self.advance(1200.0)
        return wall


def test_a_stop_between_two_reads_does_not_look_like_a_set_clock() -> None:
    """Date and monotonic time are of one moment, however long the process stood still between the reads."""
    clock, reference = StoppedOnce(), FakeClock()
    reference.advance(1200.0)
    assert wall_and_monotonic(clock) == (reference.wall(), reference.monotonic())
