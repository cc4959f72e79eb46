"""A folder of web configurations, held against promtool, which has exporter-toolkit's own reader.

good       both take it
bad        both refuse it; the comment at the file's head says what ours says, line by line
refused    promtool takes it, ours does not: Python cannot do it, or it cannot be meant; with what ours says

`#! promtool >= 3` at the head: the key, or the refusal, is newer than promtool 2. Files that a configuration
names are made afresh; in `refused` the dated ones tell until which promtool takes them.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest
import trustme

from exporter.common.errors import ConfigurationError
from exporter.web.config_watch import WebConfigWatcher

CONFIGS = Path(__file__).parent / "configs"


def names(folder: str) -> list[str]:
    return sorted(file.name for file in (CONFIGS / folder).iterdir())


@pytest.fixture(scope="session")
def pems(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates, keys and authorities under the names that the configurations use."""
    folder = tmp_path_factory.mktemp("pems")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    issued, other = authority.issue_cert("127.0.0.1"), authority.issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    issued.private_key_pem.write_to_path(str(folder / "key.pem"))
    other.private_key_pem.write_to_path(str(folder / "other.pem"))
    chain = issued.cert_chain_pems[0].bytes() + authority.cert_pem.bytes()
    (folder / "chain.pem").write_bytes(chain)
    return folder


@pytest.fixture
def placed(pems: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with those files."""
    shutil.copytree(pems, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def place(folder: str, name: str, into: Path) -> Path:
    """The configuration, with the texts that it holds inline: `@key.pem@` stands for the file's."""
    content = (CONFIGS / folder / name).read_bytes()

    def inline(found: re.Match[bytes]) -> bytes:
        return json.dumps((into / found[1].decode()).read_text()).encode()

    (into / name).write_bytes(re.sub(rb"@(\w+\.pem)@", inline, content))
    return Path(name)


def head(folder: str, name: str) -> tuple[list[str], str]:
    """What ours says, and the promtool that the file is for: `>= 3`, `< 3`, or empty for any."""
    said, versions = [], ""
    for line in (CONFIGS / folder / name).read_bytes().splitlines():
        if line.startswith(b"#! promtool "):
            versions = line.removeprefix(b"#! promtool ").decode()
        elif line.startswith(b"# "):
            said.append(line.removeprefix(b"# ").decode())
        else:
            break
    return said, versions


@pytest.fixture(scope="session")
def accepted_by_promtool(pems: Path, tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, str]]:
    """Folder and name of the files that promtool accepts: it is asked about a folder at once."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("needs promtool")
    accepted = set()
    for folder in ("good", "bad", "refused"):
        directory = tmp_path_factory.mktemp(folder)
        shutil.copytree(pems, directory, dirs_exist_ok=True)
        files = [place(folder, name, directory) for name in names(folder)]
        command: list[str | Path] = [program, "check", "web-config", *files]
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
        assert done.returncode in {0, 1}
        verdicts = re.findall(r"^(\S+) (SUCCESS|FAILED)", done.stdout + done.stderr, re.MULTILINE)
        assert {name for name, _ in verdicts} == set(names(folder))
        accepted |= {(folder, name) for name, verdict in verdicts if verdict == "SUCCESS"}
    return accepted


@cache
def promtool_major() -> int:
    told = subprocess.run(["promtool", "--version"], capture_output=True, text=True, check=True)
    found = re.search(r"version (\d+)\.", told.stdout + told.stderr)
    assert found is not None
    return int(found[1])


def problems(file: Path) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        WebConfigWatcher(file)
    assert "hush" not in repr(raised.value) + str(raised.value)
    return list(map(str, raised.value.problems))


@pytest.mark.parametrize("name", names("good"))
def test_good_file_is_taken(placed: Path, name: str) -> None:
    """It can be served with."""
    WebConfigWatcher(place("good", name, placed))


@pytest.mark.parametrize(("folder", "name"), [(f, n) for f in ("bad", "refused") for n in names(f)])
def test_each_mistake_is_told(placed: Path, folder: str, name: str) -> None:
    """Exactly the problems in the file's head, in that order, and nothing of a secret."""
    assert problems(place(folder, name, placed)) == head(folder, name)[0]


@pytest.mark.parametrize(
    ("folder", "name", "accepted"),
    [
        (folder, name, accepted)
        for folder, accepted in (("good", True), ("bad", False), ("refused", True))
        for name in names(folder)
    ],
)
def test_promtool_sees_it_likewise(
    accepted_by_promtool: set[tuple[str, str]], folder: str, name: str, accepted: bool
) -> None:
    """What is good and what is bad is promtool's to say; of `refused` it is told that it takes them."""
    _, versions = head(folder, name)
    major = promtool_major()
    if (versions == ">= 3" and major < 3) or (versions == "< 3" and major >= 3):
        pytest.skip(f"needs promtool {versions}")
    assert ((folder, name) in accepted_by_promtool) is accepted
