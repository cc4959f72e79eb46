from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.settings.types import parse_duration

SECONDS = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


@given(st.dictionaries(st.sampled_from(list(SECONDS)), st.integers(min_value=0, max_value=10**6), min_size=1))
def test_duration_is_the_sum_of_its_parts(parts: dict[str, int]) -> None:
    """Any choice of units, largest first, is read as the sum of its parts."""
    text = "".join(f"{parts[unit]}{unit}" for unit in SECONDS if unit in parts)

    assert parse_duration(text) == pytest.approx(sum(count * SECONDS[unit] for unit, count in parts.items()))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5),
        ("30s", 30),
        ("5m", 300),
        ("1h30m", 5400),
        ("1d", 86_400),
        ("1d12h", 129_600),
        ("0s", 0),
    ],
)
def test_duration_as_documented(text: str, seconds: float) -> None:
    """The documented forms are what they say."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "s", "1s1m", "1m1m", "1.5h", "1 s", " 1s", "1S", "-1s", "+1s", "1w", "٣s", "1e3s", "9" * 5000 + "d"],
)
def test_no_duration(text: str) -> None:
    """Everything else is refused with an example."""
    with pytest.raises(ValueError, match="is no duration; write it like 500ms, 30s"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["0", "60", "1.5"])
def test_number_without_unit(text: str) -> None:
    """A bare number is told to have no unit, also 0."""
    with pytest.raises(ValueError, match=f"'{text}' has no unit"):
        parse_duration(text)
