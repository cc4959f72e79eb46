"""One file per mistake, in `bad/`. The comment at its head says what the operator is told, line by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.common.errors import ConfigurationError
from exporter.settings.load import load

BAD = Path(__file__).parent / "bad"


def told(file: Path) -> list[str]:
    """The lines of the comment that a file begins with."""
    lines = []
    for line in file.read_bytes().splitlines():
        if not line.startswith(b"# "):
            break
        lines.append(line.removeprefix(b"# ").decode())
    return lines


@pytest.fixture(autouse=True)
def _in_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """The files name others beside them."""
    monkeypatch.chdir(BAD)


@pytest.mark.parametrize("file", sorted(file.name for file in BAD.glob("*.yaml")))
def test_every_mistake_is_told(file: str) -> None:
    """Exactly the problems in the file's head are found, in that order, and no secret is in what is said."""
    with pytest.raises(ConfigurationError) as raised:
        load(Path(file), {}, {})

    assert list(map(str, raised.value.problems)) == told(BAD / file)
    assert "hush" not in repr(raised.value) + str(raised.value)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


def test_file_that_does_not_exist() -> None:
    """A missing file is one sentence that names it."""
    with pytest.raises(ConfigurationError) as raised:
        load(Path("files/none.yml"), {}, {})

    assert str(raised.value) == "--config.file: 'files/none.yml' cannot be read: No such file or directory"


def test_file_problems_do_not_hide_those_of_the_environment() -> None:
    """A file that is no YAML is told beside variables that mean nothing."""
    with pytest.raises(ConfigurationError) as raised:
        load(Path("yaml-unclosed.yaml"), {"MODELARTS_EXPORTER_REGIO": "cn-north-4"}, {})

    assert [problem.where for problem in raised.value.problems] == [
        "yaml-unclosed.yaml:3:1",
        "MODELARTS_EXPORTER_REGIO",
    ]
