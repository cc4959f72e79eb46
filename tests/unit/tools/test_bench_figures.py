from __future__ import annotations

import msgspec
import pytest
from tools.bench.data import Size, variants
from tools.bench.figures import Verdict, median, percentile, ratio, shown


def test_median_and_ratio_know_nothing_of_nothing() -> None:
    """What was not measured stays unknown, and so does what is made of it."""
    assert median([]) is None
    assert median([3, 1, 2]) == 2
    assert ratio(None, 1.0) is None
    assert ratio(1.0, 0.0) is None
    assert ratio(1.0, 4.0) == 0.25


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50), (0.505, 51), (0.99, 99), (1.0, 100), (0.0, 1)])
def test_percentile_is_one_of_the_values(share: float, expected: int) -> None:
    """The nearest rank, whatever the order."""
    assert percentile(range(100, 0, -1), share) == expected


def test_percentile_of_nothing_is_unknown() -> None:
    """No scrape, no latency."""
    assert percentile([], 0.5) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (0.0215, "0.021"), (1.234, "1.23"), (12.34, "12.3"), (1234.5, "1,234")],
)
def test_figures_are_shown_with_three_digits(value: float | None, text: str) -> None:
    """More would be noise."""
    assert shown(value) == text


@pytest.mark.parametrize(
    ("measured", "word"), [(1.0, "reached"), (1.01, "**not reached**"), (None, "not measured")]
)
def test_a_verdict_compares_with_its_limit(measured: float | None, word: str) -> None:
    """The limit itself is reached."""
    assert Verdict("x", measured, 1.0).reached == word


@pytest.mark.parametrize("offset", [0, 1, 498, 1000, 1002, 5000])
def test_a_page_is_a_slice_of_the_list(offset: int) -> None:
    """Any offset is answered, the exporter's overlapping ones too, and total is that of the whole list."""
    variant = variants("pool", 1003)[1]
    everything = msgspec.json.decode(variant.body(0, 2000))["items"]
    page = msgspec.json.decode(variant.body(offset, 500))
    assert page["items"] == everything[offset : offset + 500]
    assert page["total"] == len(everything) == 1003


def test_a_list_is_another_in_every_turn_but_as_long() -> None:
    """Durations grow, jobs start, some give way to new ones: the last poll's text cannot be served again."""
    pool = Size(1, 200).ids[0]
    before, after = (
        {item["uid"]: item for item in msgspec.json.decode(variant.body(0, 500))["items"]}
        for variant in variants(pool, 200)[:2]
    )
    assert len(before) == len(after) == 200
    assert len(before.keys() - after.keys()) == 2
    waited = [
        after[uid]["pendingDuration"] - item["pendingDuration"]
        for uid, item in before.items()
        if uid in after and item["status"] == after[uid]["status"] == "Queue"
    ]
    assert set(waited) == {60}
    assert any(uid in after and item["status"] != after[uid]["status"] for uid, item in before.items())
