from __future__ import annotations

import re
from html import unescape

import pytest

from exporter import __version__
from exporter.common.errors import OUTCOMES
from exporter.web.status import PageView, PoolView, format_duration, page_view, render_page


def pool(pool_id: str = "pool-1", **given: object) -> PoolView:
    return PoolView("cn-north-4", "0123", pool_id, **given)  # type: ignore[arg-type]


def page(*pools: PoolView, telemetry_path: str = "/metrics") -> PageView:
    return page_view(pools, uptime=0.0, telemetry_path=telemetry_path)


def text_of(html: str) -> str:
    """What a reader sees, in one line."""
    body = html.partition("<body>")[2]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", body)))


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.0, "0s"),
        (-3.0, "0s"),
        (59.9, "59s"),
        (60.0, "1m"),
        (725.0, "12m 5s"),
        (3_605.0, "1h"),
        (7_500.0, "2h 5m"),
        (273_600.0, "3d 4h"),
        (86_400.0 * 400 + 59, "400d"),
    ],
)
def test_length_of_time_is_shown_in_two_units(seconds: float, shown: str) -> None:
    """The two largest units, without those that are zero; never negative, should a clock be set back."""
    assert format_duration(seconds) == shown


def test_what_hurts_comes_first() -> None:
    """Failing pools, then incomplete ones, then the rest; in each the longest wait first, then by name."""
    sorted_ = page(
        pool("calm", outcome="ok"),
        pool("busy", outcome="ok", longest_pending=60.0),
        pool("busier", outcome="ok", longest_pending=600.0),
        pool("untried"),
        pool("short", outcome="incomplete", longest_pending=1.0),
        pool("broken", outcome="timeout"),
        pool("broken-and-busy", outcome="forbidden", longest_pending=5.0),
    )
    assert [view_.pool for view_ in sorted_.pools] == [
        "broken-and-busy",
        "broken",
        "short",
        "busier",
        "busy",
        "calm",
        "untried",
    ]


def test_totals_are_of_what_is_known() -> None:
    """Sums over the pools with data; what no pool knows is unknown, not 0."""
    some = page(
        pool("a", outcome="ok", waiting=1_200, longest_pending=90.0),
        pool("b", outcome="ok", waiting=34, longest_pending=30.0),
        pool("c", outcome="throttled"),
        pool("d", outcome="timeout", waiting=0),
    )
    assert (some.failing, some.known, some.waiting, some.longest_pending) == (2, 3, 1_234, 90.0)
    assert "Pools 4 Failing 2 Waiting 1,234 Longest wait 1m 30s" in text_of(render_page(some))
    assert "are those of the 3 pools with data" in text_of(render_page(some))
    none = text_of(render_page(page(pool(outcome="timeout"))))
    assert "Pools 1 Failing 1 Waiting – Longest wait –" in none


def test_every_figure_of_a_pool_is_shown() -> None:
    """Name and ID, project, outcome, times, counts, the longest wait and the listing."""
    shown = text_of(
        render_page(
            page(
                pool(
                    name="training",
                    outcome="incomplete",
                    explanation="1,021 exist, 1,000 were read",
                    attempted_ago=12.3,
                    duration=0.84,
                    data_age=75.0,
                    workloads=1_000,
                    waiting=17,
                    longest_pending=273_600.0,
                    complete=False,
                )
            )
        )
    )
    assert (
        "training pool-1 cn-north-4 · 0123 incomplete 12s ago, took 0.8s 1m 15s 1,000 17 3d 4h short"
        " 1,021 exist, 1,000 were read"
    ) in shown
    assert f"Version {__version__}" in shown


def test_unknown_is_shown_as_unknown() -> None:
    """A pool that was not polled yet has dashes, no zeros; one whose data is too old says so."""
    assert "pool-1 cn-north-4 · 0123 not polled yet – – – – –" in text_of(render_page(page(pool())))
    old = text_of(render_page(page(pool(outcome="timeout", data_age=3_600.0, stale=True))))
    assert "1h too old to export" in old


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_every_outcome_has_a_tone(outcome: str) -> None:
    """Only ok and incomplete are readings, all else is a failure, and the page is styled for each."""
    view_ = pool(outcome=outcome)
    assert view_.tone == {"ok": "ok", "incomplete": "short"}.get(outcome, "failing")
    assert f'<tbody class="{view_.tone}"' in render_page(page(view_))


def test_listing_known_to_be_short_is_not_ok() -> None:
    """However the poll ended: a short listing stands out."""
    assert pool(outcome="ok", complete=False).tone == "short"


@pytest.mark.parametrize(
    "hostile",
    ["<script>alert(1)</script>", '" onmouseover="alert(1)', "'><img src=x>", "{{ 7 * 7 }}", "昇腾"],
)
def test_whatever_comes_from_outside_is_only_text(hostile: str) -> None:
    """Names, IDs, explanations and paths are escaped everywhere, and still read as they were."""
    html = render_page(
        page(
            PoolView(hostile, hostile, hostile, name=hostile, outcome="ok", explanation=hostile),
            telemetry_path="/" + hostile,
        )
    )
    assert html.count("<script") == html.count("<img") == html.count('" onmouseover') == 0
    assert text_of(html).count(hostile) == 5


def test_failing_pools_are_in_the_title() -> None:
    """A tab in the background tells that something fails, and is quiet when nothing does."""
    assert "<title>(1 failing) ModelArts exporter</title>" in render_page(
        page(pool(outcome="tls"), pool("b"))
    )
    assert "<title>ModelArts exporter</title>" in render_page(page(pool(outcome="ok")))
