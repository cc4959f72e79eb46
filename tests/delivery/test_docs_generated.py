"""What docs/ has from code is current, links lead somewhere, and the README stays short."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tools import alerts_page

from exporter.common.errors import ConfigurationError
from exporter.settings.docs import with_reference
from exporter.settings.load import load
from exporter.settings.names import PROJECT_VARIABLES, SETTING_VARIABLES

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

MOST_BYTES = 12_288

PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *(ROOT / ".github").glob("*.md"),
    *DOCS.rglob("*.md"),
]

CODE = re.compile(r"^( *)```.*?^\1```$|^ {4}[^\n]*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^()\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return CODE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    titles = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title) for title in HEADING.findall(prose(page)))
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}


def test_the_settings_are_those_of_the_model() -> None:
    """The tables in docs/configuration.md are what the model gives; `make docs` writes them."""
    page = (DOCS / "configuration.md").read_text(encoding="utf-8")
    assert page == with_reference(page)
    assert page.count("| setting | type | default | meaning |") == 10


def test_the_alerts_are_those_of_the_rules() -> None:
    """docs/alerts.md is what the rules give; `make docs` writes it."""
    assert (DOCS / "alerts.md").read_text(encoding="utf-8") == alerts_page.page()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    """Nobody who follows a link ends at a missing page, or at the top of one instead of the answer."""
    for link in LINK.findall(prose(page)):
        if link.startswith(("https:", "http:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_readme_is_short() -> None:
    """It is for the first minute; everything else has a page in docs/."""
    assert len((ROOT / "README.md").read_bytes()) <= MOST_BYTES


def test_the_index_lists_every_page() -> None:
    """No page of docs/ is found by chance only."""
    listed = set(LINK.findall((DOCS / "README.md").read_text(encoding="utf-8")))
    pages = {page.name for page in DOCS.glob("*.md")} - {"README.md"} | {"runbooks/README.md"}
    assert listed >= pages


def test_every_test_that_the_documentation_names_exists() -> None:
    """Who doubts a sentence can read what holds it."""
    tests = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    for page in PAGES:
        named = set(re.findall(r"\b(test_\w+\.py)", page.read_text(encoding="utf-8")))
        assert named <= tests, page.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_metric_setting_and_variable_that_the_documentation_names_exists(page: Path) -> None:
    """Whoever copies a name finds what it promises."""
    text = page.read_text(encoding="utf-8")
    metrics = set(re.findall(r"`(modelarts_\w+)`", (DOCS / "metrics.md").read_text(encoding="utf-8")))
    named = set(re.findall(r"\bmodelarts_(?:pool|workload|exporter)_\w*[a-z]\b(?!_)", text))
    assert {re.sub(r"_(bucket|gcount|gsum|count|sum)$", "", name) for name in named} <= metrics
    settings = (DOCS / "configuration.md").read_text(encoding="utf-8").partition("## All settings")[2]
    known = set(re.findall(r"^\| `([\w.\[\]-]+)`", settings, re.MULTILINE))
    sections = "|".join(re.findall(r"^### `(\w+)`", settings, re.MULTILINE))
    assert set(re.findall(rf"`((?:{sections})\.[\w.-]+)", text)) <= known
    variables = set(re.findall(r"\bMODELARTS_EXPORTER_\w*[A-Z]\b", text))
    assert variables <= {*PROJECT_VARIABLES, *SETTING_VARIABLES}


def test_the_example_configurations_are_good(tmp_path: Path) -> None:
    """They load as they stand, but for the files that are on nobody else's machine."""
    blocks = re.findall(
        r"```yaml\n(.*?)```", (DOCS / "configuration.md").read_text(encoding="utf-8"), re.DOTALL
    )
    file = tmp_path / "exporter.yml"
    file.write_text("".join(blocks), encoding="utf-8")
    with pytest.raises(ConfigurationError) as raised:
        load(file, {}, {})
    assert [str(problem) for problem in raised.value.problems if "cannot be read" not in str(problem)] == []
