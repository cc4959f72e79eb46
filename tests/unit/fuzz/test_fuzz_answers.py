"""Answers made from the documentation: every field, left out, null, of another type, in every spelling."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tools.fuzz import reference
from tools.fuzz.wire import NOW, listing

from exporter.api.quantities import parse_quantity
from exporter.api.workloads import decode_page

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["", "train", "Queue"]
)
spelt_texts = texts | st.integers(-(2**63), 2**63) | st.none()
numbers = st.integers(-1, 2**53) | st.floats(-1, 1e15, allow_nan=False)
spelt_numbers = numbers | numbers.map(str) | st.none() | st.just("")
odd = (
    st.booleans()
    | st.lists(st.integers(), max_size=2)
    | st.dictionaries(st.just("a"), st.integers(), max_size=1)
)

digits = st.from_regex(r"[0-9]{1,18}|[0-9]{1,9}\.[0-9]{0,9}|\.[0-9]{1,9}", fullmatch=True)
units = st.sampled_from(
    [
        *("", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "e3", "E-3", "e+2"),
        *(" Core", " Cores", "Core", " KiB", " MiB", " GiB", "TiB", " KB", "MB", " GB", " EB"),
        *("K", "Kib", "n", "%"),
    ]
)
quantities = st.builds("{}{}".format, digits, units)
resources = st.sampled_from(
    [
        "cpu",
        "memory",
        "nvidia.com/gpu",
        "huawei.com/ascend-snt3",
        "huawei.com/ascend-snt9",
        "huawei.com/ascend-310",
    ]
)
tables = st.dictionaries(resources, quantities | st.integers(0, 2**60) | st.floats(0, 1e12) | st.none() | odd)

FIELDS: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(("name", "jobName", "jobUUID", "type", "status", "flavor"), spelt_texts),
    **dict.fromkeys(("priority", "userName", "gvk", "hostIps"), spelt_texts),
    **dict.fromkeys(("createTime", "pendingDuration", "pendingPosition", "runningDuration"), spelt_numbers),
    "nodes": st.none() | st.lists(st.dictionaries(st.just("hostIp"), texts), max_size=2),
    "resourceRequirement": st.none() | tables | st.lists(tables, max_size=2),
    "isDeleted": texts,
}
documented = st.fixed_dictionaries({"uid": texts.filter(bool)}, optional=FIELDS)
with_one_odd = st.builds(
    lambda item, field, value: item | {field: value}, documented, st.sampled_from(["uid", *FIELDS]), odd
)
items = documented | with_one_odd | odd
answers = st.fixed_dictionaries(
    {"kind": st.just("WorkloadList"), "items": st.lists(items, min_size=1, max_size=4)},
    optional={"total": spelt_numbers, "metadata": odd, "apiVersion": texts},
)


@given(answers)
def test_every_known_value_is_kept_exactly(answer: dict[str, Any]) -> None:
    """Whatever of the documented fields is there, and however spelt, the plain reference reads the same."""
    listing(json.dumps(answer).encode())


@given(st.lists(documented, max_size=4, unique_by=lambda item: item["uid"]))
def test_nothing_documented_is_rejected(found: list[dict[str, Any]]) -> None:
    """Optional fields, odd amounts, quoted numbers and bare texts cost no workload its place."""
    body = json.dumps({"kind": "WorkloadList", "items": found, "total": len(found)}).encode()
    assert not decode_page(body, where="a listing", now=NOW).rejected


@given(digits, units, resources)
def test_every_spelling_of_a_quantity_is_what_fractions_make_of_it(
    number: str, unit: str, resource: str
) -> None:
    """A documented form is understood to the last digit that a float has; any other is None."""
    exact = reference.amount(number + unit, resource)
    ours = parse_quantity(number + unit, resource)
    assert (ours is None) == (exact is None)
    assert ours is None or exact is None or ours == float(exact)
