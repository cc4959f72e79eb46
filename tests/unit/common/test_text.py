"""What others call their things, shown: one line, whatever is in it."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parsed_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parsed

from exporter.app.status import pool_views
from exporter.cli.check import _row
from exporter.common.logging import set_up_logging
from exporter.common.text import escape_unprintable
from exporter.metrics.pool_text import render_pool
from exporter.metrics.summary import Detail
from exporter.snapshot.pool import Listing, PoolKey, PoolState
from exporter.snapshot.workload import Workload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.fakes import FakeClock

    from exporter.common.logging import Format

EVIL = 'a\nlevel=error\r\x1b[2J\x00\x07\u202eb\u2028\x85"\\'
KEY = PoolKey("r", "p", "pool-a")


@pytest.fixture
def _quiet() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@given(st.text())
def test_whatever_is_made_printable_is_printable(text: str) -> None:
    """Also half characters; and what was printable stays as it is."""
    assert escape_unprintable(text).isprintable()
    if text.isprintable():
        assert escape_unprintable(text) == text


@pytest.mark.usefixtures("_quiet")
@pytest.mark.parametrize("form", ["logfmt", "json", "console"])
def test_a_name_is_one_line_of_the_log(form: Format, monkeypatch: pytest.MonkeyPatch) -> None:
    """It cannot forge a second one, nor tell a terminal what to do."""
    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    set_up_logging("info", form)
    structlog.get_logger("test").warning("pool is discovered", name=EVIL)
    line = stderr.getvalue()
    assert line.count("\n") == 1
    assert line.rstrip("\n").isprintable()


def test_neither_page_nor_table_is_turned_round(clock: FakeClock) -> None:
    """A display name stands in both as it is spelt."""
    state = PoolState(KEY, name=EVIL, outcome="ok", listing=Listing(()))
    [view] = pool_views([render_pool(state, Detail("none", 0))], clock)
    assert view.name is not None
    assert view.name.isprintable()
    assert _row(state).pool.isprintable()


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=40))
def test_a_label_comes_back_as_it_was(text: str) -> None:
    """Both parsers read control characters, line ends and marks of a job's name as they were sent."""
    listing = Listing((Workload(uid="u", job_name=text, status="Queue", pending=1.0),))
    rendered = render_pool(PoolState(KEY, listing=listing), Detail("all", 9))
    name = "modelarts_workload_pending_duration_seconds"
    [chunk] = rendered.workload_part.chunks[name]
    exposed = f"# TYPE {name} gauge\n{chunk.plain.decode()}"
    openmetrics = parsed_openmetrics(f"{exposed}# EOF\n")  # type: ignore[no-untyped-call]
    for families in (parsed(exposed), openmetrics):
        [sample] = [sample for family in families for sample in family.samples]
        assert sample.labels["job_name"] == text
