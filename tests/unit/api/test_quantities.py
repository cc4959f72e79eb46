"""Every documented form of a quantity, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.api.quantities import parse_amounts, parse_quantity

GI = 2**30


@pytest.mark.parametrize(
    ("value", "resource", "amount"),
    [
        ("8", "cpu", 8),
        (8, "cpu", 8),
        ("8000m", "cpu", 8),
        ("1073m", "cpu", 1.073),
        ("1 Cores", "cpu", 1),
        ("0.5 Core", "cpu", 0.5),
        ("64Gi", "memory", 64 * GI),
        ("32G", "memory", 32e9),
        ("6.52 GiB", "memory", 6.52 * GI),
        ("15548Mi", "memory", 15548 * 2**20),
        ("68719476736", "memory", 68719476736),
        ("1e3", "memory", 1000),
        ("1E3", "memory", 1000),
        ("1E", "memory", 1e18),
        ("2EiB", "memory", 2 * 2**60),
        ("3 KB", "memory", 3000),
        ("12k", "memory", 12000),
        ("1.5e-1", "cpu", 0.15),
        (" 4 ", "nvidia.com/gpu", 4),
        (0, "nvidia.com/gpu", 0),
        (0.5, "huawei.com/ascend-310", 0.5),
    ],
)
def test_documented_forms_are_read(value: str | float, resource: str, amount: float) -> None:
    """Each form that some page of the API family documents gives its amount in cores, bytes or cards."""
    assert parse_quantity(value, resource) == pytest.approx(amount, rel=1e-15)


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "many",
        "-1",
        -1,
        "1 2",
        "1.2.3",
        "8 Apples",
        "0x10",
        "1e",
        "1e3Gi",
        "٣",
        "1_000",
        "inf",
        "nan",
    ],
)
def test_other_forms_are_unknown(value: str | float) -> None:
    """What is in no documented form is unknown, never 0."""
    assert parse_quantity(value, "cpu") is None


@pytest.mark.parametrize(
    ("value", "resource"), [("1 Cores", "memory"), ("1 GiB", "cpu"), ("1KB", "nvidia.com/gpu")]
)
def test_a_spoken_unit_of_another_resource_is_unknown(value: str, resource: str) -> None:
    """Cores of memory or bytes of CPU are a misunderstanding, not a quantity."""
    assert parse_quantity(value, resource) is None


@pytest.mark.parametrize("value", [float("inf"), float("nan"), "9e999"])
def test_what_is_not_finite_is_unknown(value: str | float) -> None:
    """No infinity gets into a sum."""
    assert parse_quantity(value, "memory") is None


@given(st.text())
def test_no_text_crashes(text: str) -> None:
    """Whatever the API sends, the answer is a finite amount of at least 0, or unknown."""
    amount = parse_quantity(text, "memory")
    assert amount is None or 0 <= amount < float("inf")


@pytest.mark.parametrize(
    ("resource", "is_card"),
    [
        ("ephemeral-storage", False),
        ("pods", False),
        ("hugepages-2Mi", False),
        ("attachable-volumes-csi", False),
        ("example.com/npu-memory", False),
        ("example.com/npu-core", False),
        ("nvidia.com/t4", True),
        ("tnt004", True),
        ("huawei.com/Ascend910B", True),
        ("example.com/core", True),
    ],
)
def test_what_is_no_card_is_none(resource: str, is_card: bool) -> None:
    """Other resources of Kubernetes are left out; every key that is not known to be one is a card."""
    amounts = parse_amounts({"cpu": 1, resource: "4"}).amounts
    assert amounts.accelerators == (((resource, 4.0),) if is_card else ())
