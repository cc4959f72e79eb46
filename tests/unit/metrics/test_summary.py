"""Who asks for it all: bounded, and nothing is lost by the bound."""

from __future__ import annotations

import pytest

from exporter.metrics.summary import by_user
from exporter.snapshot.workload import FINISHED, OTHER, STATUSES, Workload

NPU, GPU = "huawei.com/ascend-1980", "nvidia.com/gpu"

WORKLOADS = (
    Workload(uid="1", user="ann", status="Queue", accelerators=((NPU, 8.0),)),
    Workload(uid="2", user="ann", status="Running", accelerators=((NPU, 8.0),)),
    Workload(uid="3", user="bob", status="Running", accelerators=((GPU, 2.0), (NPU, 6.0))),
    Workload(uid="4", user="cid", status="Completed", accelerators=((NPU, 512.0),)),
    Workload(uid="5", user="dan", status="Queue"),
    Workload(uid="6", user="", status="Queue", accelerators=((NPU, 1.0),)),
)


def test_workloads_and_cards_of_every_user_are_added_up() -> None:
    """By status; a user whom the API does not name has an empty name; finished workloads ask for nothing."""
    users = by_user(WORKLOADS, 10)
    assert {key: count for key, count in users.workloads.items() if count} == {
        ("ann", "Queue"): 1,
        ("ann", "Running"): 1,
        ("bob", "Running"): 1,
        ("cid", "Completed"): 1,
        ("dan", "Queue"): 1,
        ("", "Queue"): 1,
    }
    assert {key: cards for key, cards in users.accelerators.items() if cards} == {
        ("ann", "Queue", NPU): 8.0,
        ("ann", "Running", NPU): 8.0,
        ("bob", "Running", NPU): 6.0,
        ("bob", "Running", GPU): 2.0,
        ("", "Queue", NPU): 1.0,
    }


def test_a_status_without_workloads_is_0_and_not_absent() -> None:
    """A user who has something has every documented status; cards every one that is not finished."""
    users = by_user(WORKLOADS[:1], 10)
    assert set(users.workloads) == {("ann", status) for status in STATUSES}
    assert set(users.accelerators) == {("ann", status, NPU) for status in STATUSES if status not in FINISHED}


@pytest.mark.parametrize(
    ("limit", "named"),
    [
        (0, set()),
        (1, {"ann"}),
        (2, {"ann", "bob"}),
        (3, {"ann", "bob", ""}),
        (4, {"ann", "bob", "", "dan"}),
        (5, {"ann", "bob", "", "dan", "cid"}),
    ],
)
def test_those_who_ask_for_most_are_named_and_the_others_added_up(limit: int, named: set[str]) -> None:
    """Cards decide, then workloads that are not finished; sums are the same whatever the limit."""
    users, everybody = by_user(WORKLOADS, limit), by_user(WORKLOADS, 10)
    assert {user for user, _ in users.workloads} - {OTHER} == named
    assert sum(users.workloads.values()) == len(WORKLOADS)
    assert sum(users.accelerators.values()) == sum(everybody.accelerators.values())


def test_a_user_called_other_is_counted_with_the_others() -> None:
    """Nothing is counted twice, and nothing lost."""
    users = by_user((Workload(uid="1", user=OTHER, status="Queue"), *WORKLOADS), 1)
    assert users.workloads[OTHER, "Queue"] == 3
