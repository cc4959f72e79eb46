"""The documentation against the code."""

from __future__ import annotations

import re
from pathlib import Path

from exporter.metrics.docs import reference

ROOT = Path(__file__).parents[2]


def test_the_metrics_page_is_current() -> None:
    """docs/metrics.md is what the tables in the code give; `make docs` writes it."""
    assert (ROOT / "docs/metrics.md").read_text(encoding="utf-8") == reference()


def test_every_file_that_the_documentation_names_exists() -> None:
    """Links and paths lead somewhere."""
    for page in (ROOT / "README.md", ROOT / ".github/CONTRIBUTING.md"):
        text = page.read_text(encoding="utf-8")
        for path in re.findall(r"\]\((?!https?:|#)([^)#]+)\)|`(exporter/[a-z_/.]+|tests/[a-z_/.]+)`", text):
            named = path[0] or path[1]
            assert (ROOT / named).exists() or (page.parent / named).exists(), f"{page.name}: {named}"
