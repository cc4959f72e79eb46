"""Every fault of the catalogue, against the running daemon."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.cloud_faults import Oversized
from tools.faults.catalogue import CATALOGUE
from tools.faults.happenings import planted
from tools.faults.page import page, row
from tools.faults.watching import measured
from tools.faults.world import A

if TYPE_CHECKING:
    from tools.faults.fault import Fault

pytestmark = pytest.mark.long

FAULTS = [fault for group in CATALOGUE.values() for fault in group]
PAGE = Path(__file__).parents[2] / "docs/faults.md"

ROUNDING = 1.15
"""Ten minutes may hold a poll of a pool more than ten minutes before."""


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_exporter_lives_through(fault: Fault, tmp_path: Path) -> None:
    """It says what it knows, others go on, nothing is stormed, it comes back by itself, as documented."""
    found = measured(fault, tmp_path)
    assert found.outcomes == set(fault.outcomes)
    assert found.requests <= fault.most * found.usual * ROUNDING
    assert found.refused <= 5
    assert row(fault, found) in PAGE.read_text(encoding="utf-8"), "run make faults"


def test_the_page_has_the_faults_of_the_catalogue_and_no_others() -> None:
    """The page is made of its rows; what they say is held against every fault above."""
    text = PAGE.read_text(encoding="utf-8")
    rows = {match[1]: match[0] for match in re.finditer(r"^\| (.+?) \|.*\n", text, re.MULTILINE)}
    assert text == page(
        {title: {fault.name: rows[fault.name] for fault in group} for title, group in CATALOGUE.items()}
    )


@pytest.mark.parametrize("gzip", [False, True])
def test_an_answer_without_end_is_not_taken_to_its_end(tmp_path: Path, *, gzip: bool) -> None:
    """Of 4 GB the cloud gets rid of what the limit and the buffers on the way hold, packed or not."""
    [fault] = (fault for fault in FAULTS if fault.name == ("4 GB, packed" if gzip else "4 GB"))
    taken: list[int] = []
    huge = planted(Oversized(4 * 10**9, gzip, taken.append), endpoint="workloads", pool=A)
    measured(replace(fault, happens=huge), tmp_path)
    assert 64 * 2**20 < max(taken) < 96 * 2**20
