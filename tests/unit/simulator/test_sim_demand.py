from __future__ import annotations

from itertools import takewhile
from random import Random

import pytest

from exporter.simulator import spelling
from exporter.simulator.demand import DAY, HOUR, Pace, submissions
from exporter.simulator.scenery import GPU
from exporter.simulator.spelling import GIB

SPEED = 20.0
NOON = 1_700_000_000.0


def seeded(seed: int) -> Random:
    return Random(seed)  # noqa: S311  (no secret: jobs that are made up)


def test_more_is_submitted_in_the_day_than_in_the_night() -> None:
    """Arrivals follow the day, and their mean is what the demand says."""
    pace = Pace(noon=NOON, speed=SPEED)
    days = 40
    until = NOON + days * DAY / SPEED
    arriving = list(
        takewhile(lambda one: one.created < until, submissions(GPU[1], pace, seeded(7), since=NOON))
    )
    by_hour = [int(12 + (one.created - NOON) * SPEED / HOUR) % 24 for one in arriving]
    afternoon = sum(hour in range(12, 17) for hour in by_hour)
    night = sum(hour in range(5) for hour in by_hour)
    assert afternoon > 4 * night
    assert len(arriving) / days == pytest.approx(sum(kind.per_day for kind in GPU[1].kinds), rel=0.1)


def test_submissions_come_in_order_and_are_the_same_for_the_same_seed() -> None:
    """Equal seeds give equal jobs, to the last field; another seed gives others."""
    pace = Pace(noon=NOON, speed=SPEED)

    def first_hundred(seed: int) -> list[object]:
        arriving = submissions(GPU[1], pace, seeded(seed), since=NOON)
        return [next(arriving) for _ in range(100)]

    assert first_hundred(1) == first_hundred(1)
    assert first_hundred(1) != first_hundred(2)
    arriving = submissions(GPU[1], pace, seeded(1), since=NOON)
    created = [next(arriving).created for _ in range(100)]
    assert created == sorted(created)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (spelling.cpu(8000, "plain"), "8"),
        (spelling.cpu(8000, "number"), 8),
        (spelling.cpu(8000, "milli"), "8000m"),
        (spelling.cpu(1000, "spoken"), "1 Cores"),
        (spelling.cpu(500, "spoken"), "0.5 Core"),
        (spelling.cpu(1073, "plain"), "1073m"),
        (spelling.cpu(1073, "number"), "1073m"),
        (spelling.memory(64 * GIB, "binary"), "64Gi"),
        (spelling.memory(64 * GIB, "bytes"), "68719476736"),
        (spelling.memory(13 * GIB // 2, "spoken"), "6.5 GiB"),
        (spelling.memory(13 * GIB // 2, "binary"), "6656Mi"),
        (spelling.memory(32 * 10**9, "decimal"), "32G"),
        (spelling.memory(10**9 + 1, "spoken"), "1000000001"),
        (spelling.cards(8, "plain"), "8"),
        (spelling.cards(8, "number"), 8),
    ],
)
def test_amounts_are_written_in_the_documented_ways(written: object, expected: object) -> None:
    """Each spelling, and a smaller unit where the one asked for would not be exact."""
    assert written == expected
