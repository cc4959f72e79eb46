"""The status page of one of several exporters."""

from __future__ import annotations

import re
from html import unescape

import pytest

from exporter.web.status import PoolView, ShareView, page_view, render_page


def text_of(pools: int, share: ShareView | None) -> str:
    views = [PoolView("cn-north-4", "0123", f"pool-{index}") for index in range(pools)]
    html = render_page(page_view(views, uptime=0.0, telemetry_path="/metrics", share=share))
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", html.partition("<body>")[2])))


@pytest.mark.parametrize(
    ("pools", "share", "told"),
    [
        (
            3,
            ShareView(1, 4, 9),
            "Shard 1 of 4 (the first is 0): 3 of 12 pools. The others are on the pages of",
        ),
        (1, ShareView(0, 2, 1999), "Shard 0 of 2 (the first is 0): 1 of 2,000 pools."),
        (0, ShareView(3, 4, 2), "No pool belongs to this shard."),
        (0, ShareView(3, 4, 0), "No pool is known yet."),
    ],
)
def test_the_page_says_why_a_pool_is_not_there(pools: int, share: ShareView, told: str) -> None:
    """Which shard it is, and how many pools others watch; without any known pool nothing is claimed."""
    assert told in text_of(pools, share)


def test_one_that_watches_everything_says_nothing_of_shards() -> None:
    """Its page is as it was before there were any."""
    assert "hard" not in text_of(2, None)
