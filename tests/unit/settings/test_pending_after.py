"""How long workloads may wait: from what is configured to what a pool is held to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from exporter.app.wiring import build_thresholds
from exporter.settings.load import load
from exporter.snapshot.workload import PRIORITIES, TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

POOL = "pool-night-0123456789abcdef0123456789abcdef"
PROJECT = "projects: [{region: cn-north-4, project_id: 0123456789abcdef0123456789abcdef, discover: {}}]\n"
HOUR = 3600.0


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "exporter.yml"


def allowed(
    config: Path, alerts: str = "{}", name: str | None = "Research", environ: Mapping[str, str] | None = None
) -> Mapping[tuple[str, str], float]:
    """What a pool's workloads may wait, with this section of alerts."""
    config.write_text(f"{PROJECT}alerts: {alerts}\n")
    settings = load(config, environ or {}, {})
    return build_thresholds(settings.alerts).of(POOL, name).seconds


def test_defaults(config: Path) -> None:
    """Train 4h, others 30m, less for priority 3; for every documented type and priority, and for others."""
    seconds = allowed(config)
    assert set(seconds) == {(kind, one) for kind in (*TYPES, "other") for one in (*PRIORITIES, "other")}
    assert {one: seconds["train", one] / HOUR for one in (*PRIORITIES, "other")} == {
        "0": 4,
        "1": 4,
        "2": 4,
        "3": 1,
        "other": 4,
    }
    for kind in ("infer", "notebook", "x-infer"):
        assert (seconds[kind, "0"], seconds[kind, "other"], seconds[kind, "3"]) == (1800, 1800, 600)
    assert (seconds["other", "other"], seconds["other", "3"]) == (4 * HOUR, HOUR)


def test_a_duration_alone_is_for_every_priority(config: Path) -> None:
    """Priority 3 too, which has another default; other types stay as they are."""
    seconds = allowed(config, "{pending_after: {train: 2h}}")
    assert {seconds["train", one] for one in (*PRIORITIES, "other")} == {2 * HOUR}
    assert seconds == allowed(config, "{pending_after: {train: {default: 2h}}}")
    assert seconds["other", "0"] == 4 * HOUR
    assert seconds["notebook", "0"] == 1800


def test_a_priority_alone_leaves_the_others(config: Path) -> None:
    """Nothing but what is named changes."""
    before, after = allowed(config), allowed(config, "{pending_after: {x-infer: {2: 20m}}}")
    assert after == {**before, ("x-infer", "2"): 1200.0}


@pytest.mark.parametrize("match", ["^pool-night-", POOL, "Rese", "(?i)^research$"])
def test_a_pool_is_matched_by_id_or_display_name(config: Path, match: str) -> None:
    """The expression is found in one of them, as with discover."""
    alerts = (
        f"{{pending_after: {{notebook: 1h}}, pools: [{{match: '{match}', pending_after: {{train: 1d}}}}]}}"
    )
    seconds = allowed(config, alerts)
    assert {seconds["train", one] for one in PRIORITIES} == {24 * HOUR}
    assert seconds["notebook", "0"] == HOUR


def test_other_pools_are_not_concerned(config: Path) -> None:
    """What is found in neither ID nor display name changes nothing; nor does a name that is not known yet."""
    alerts = "{pools: [{match: Research, pending_after: {train: 1d}}]}"
    assert allowed(config, alerts, name="Services") == allowed(config)
    assert allowed(config, alerts, name=None) == allowed(config)


def test_the_first_exception_that_names_something_holds(config: Path) -> None:
    """A later one may name what the first does not."""
    first = "{match: night, pending_after: {train: {3: 1m}}}"
    second = "{match: pool, pending_after: {train: 2m, infer: {0: 3m}}}"
    seconds = allowed(config, f"{{pending_after: {{train: 9m}}, pools: [{first}, {second}]}}")
    assert (seconds["train", "3"], seconds["train", "0"]) == (60, 120)
    assert (seconds["infer", "0"], seconds["infer", "1"]) == (180, 1800)


def test_a_variable_sets_a_type(config: Path) -> None:
    """By its path, with _ for the hyphen; it beats the file, which holds for the types without variable."""
    prefix = "MODELARTS_EXPORTER_ALERTS__PENDING_AFTER__"
    environ = {prefix + "TRAIN": "2h", prefix + "X_INFER": "1m"}
    seconds = allowed(config, "{pending_after: {train: {3: 5m}, notebook: 7m, x-infer: 9m}}", environ=environ)
    assert {seconds["train", one] for one in PRIORITIES} == {2 * HOUR}
    assert (seconds["x-infer", "0"], seconds["notebook", "0"]) == (60, 420)
