from __future__ import annotations

from itertools import takewhile
from random import Random

import pytest

from exporter.simulator.answers import format_cards, format_cpu, format_memory
from exporter.simulator.demand import DAY, HOUR, DayCycle, submissions
from exporter.simulator.demo import GPU
from exporter.simulator.jobs import GIB

SPEED = 20.0
NOON = 1_700_000_000.0


def seeded(seed: int) -> Random:
    return Random(seed)  # noqa: S311  (no secret: jobs that are made up)


def test_more_is_submitted_in_the_day_than_in_the_night() -> None:
    """Arrivals follow the day, and their mean is what the demand says."""
    pace = DayCycle(noon=NOON, speed=SPEED)
    days = 40
    until = NOON + days * DAY / SPEED
    arriving = list(
        takewhile(lambda one: one.created < until, submissions(GPU.demand, pace, seeded(7), since=NOON))
    )
    by_hour = [int(12 + (one.created - NOON) * SPEED / HOUR) % 24 for one in arriving]
    afternoon = sum(hour in range(12, 17) for hour in by_hour)
    night = sum(hour in range(5) for hour in by_hour)
    assert afternoon > 4 * night
    assert len(arriving) / days == pytest.approx(
        sum(job_class.per_day for job_class in GPU.demand.classes), rel=0.1
    )


def test_submissions_come_in_order_and_are_the_same_for_the_same_seed() -> None:
    """Equal seeds give equal jobs, to the last field; another seed gives others."""
    pace = DayCycle(noon=NOON, speed=SPEED)

    def first_hundred(seed: int) -> list[object]:
        arriving = submissions(GPU.demand, pace, seeded(seed), since=NOON)
        return [next(arriving) for _ in range(100)]

    assert first_hundred(1) == first_hundred(1)
    assert first_hundred(1) != first_hundred(2)
    arriving = submissions(GPU.demand, pace, seeded(1), since=NOON)
    created = [next(arriving).created for _ in range(100)]
    assert created == sorted(created)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (format_cpu(8000, "plain"), "8"),
        (format_cpu(8000, "number"), 8),
        (format_cpu(8000, "milli"), "8000m"),
        (format_cpu(1000, "unit"), "1 Cores"),
        (format_cpu(500, "unit"), "0.5 Core"),
        (format_cpu(1073, "plain"), "1073m"),
        (format_cpu(1073, "number"), "1073m"),
        (format_memory(64 * GIB, "binary"), "64Gi"),
        (format_memory(64 * GIB, "bytes"), "68719476736"),
        (format_memory(13 * GIB // 2, "unit"), "6.5 GiB"),
        (format_memory(13 * GIB // 2, "binary"), "6656Mi"),
        (format_memory(32 * 10**9, "decimal"), "32G"),
        (format_memory(10**9 + 1, "unit"), "1000000001"),
        (format_cards(8, "plain"), "8"),
        (format_cards(8, "number"), 8),
    ],
)
def test_amounts_are_written_in_the_documented_ways(written: object, expected: object) -> None:
    """Each format, and a smaller unit where the one asked for would not be exact."""
    assert written == expected
