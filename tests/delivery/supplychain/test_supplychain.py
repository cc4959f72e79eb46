"""What the image installs: locked, inventoried, audited."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sysconfig
import tomllib
from importlib.metadata import distribution
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from exporter import __version__

ROOT = Path(__file__).parents[3]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
RUN, DEV = ROOT / "requirements" / "run.txt", ROOT / "requirements" / "dev.txt"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

_PIN = re.compile(r"(?P<name>[a-z0-9-]+)==(?P<version>\S+)(?: ; [^\\]+?)?(?: --hash=sha256:[0-9a-f]{64})+")


class Pin(NamedTuple):
    """One line of a lock: what pip installs, and nothing else."""

    name: str
    version: str
    line: str


def _pins(lock: Path) -> list[Pin]:
    """Everything that a lock names; ValueError for a line that is no exact version with SHA-256 hashes."""
    lines = lock.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    stripped = (" ".join(line.partition("#")[0].split()) for line in lines)
    return [_pin(line) for line in stripped if line]


def _pin(line: str) -> Pin:
    match = _PIN.fullmatch(line)
    if match is None:
        raise ValueError(f"no exact version with SHA-256 hashes: {line[:80]}")
    return Pin(match["name"], match["version"], line)


def _versions(lock: Path) -> dict[str, str]:
    return {pin.name: pin.version for pin in _pins(lock)}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_package_is_locked_with_hashes_and_comes_from_nowhere_else(lock: Path) -> None:
    """Exact versions and SHA-256 only: no URL, no path, no option such as another index; nothing twice."""
    pins = _pins(lock)
    assert pins
    assert (
        len({pin.line for pin in pins})
        == len({pin.line.partition(" --hash")[0] for pin in pins})
        == len(pins)
    )


@pytest.mark.parametrize(
    "line",
    [
        "aiohttp==3.14.5",
        "aiohttp>=3 --hash=sha256:" + "0" * 64,
        "aiohttp==3 --hash=md5:0",
        "-e .",
        "./a",
        "--index-url https://example.org",
        "aiohttp @ https://example.org/aiohttp.whl --hash=sha256:" + "0" * 64,
    ],
)
def test_a_line_that_locks_nothing_is_found(tmp_path: Path, line: str) -> None:
    """Without a hash, without an exact version, with a weaker hash, from a folder, an index or a URL."""
    (tmp_path / "lock").write_text(line + "\n")
    with pytest.raises(ValueError, match=r"no exact version with SHA-256 hashes"):
        _pins(tmp_path / "lock")


def test_the_lock_is_what_pyproject_and_the_packages_ask_for() -> None:
    """Nothing is missing, too old or too much: somebody asks for each package, and its version will do."""
    locked = _versions(RUN)
    needed = [Requirement(text) for text in PROJECT["dependencies"]]
    for name in locked:
        needed += [Requirement(text) for text in distribution(name).requires or ()]
    asked = [need for need in needed if need.marker is None or need.marker.evaluate({"extra": ""})]
    for need in asked:
        assert need.specifier.contains(locked[canonicalize_name(need.name)]), need
    # What another platform or Python asks for counts too: the lock is for all of them.
    assert locked.keys() <= {canonicalize_name(need.name) for need in needed}


def test_the_tests_run_with_what_the_image_installs() -> None:
    """The development lock has every package of the run-time lock in the same version."""
    assert _versions(RUN).items() <= _versions(DEV).items()


def _make(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A make target with the tools that run this test, and no environment made for it."""
    ready = ("--old-file=ready", "READY=ready", "RUN_READY=ready", f"BIN={sysconfig.get_path('scripts')}")
    return subprocess.run(
        ["make", "--no-print-directory", *ready, *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def run_environment(tmp_path: Path) -> Path:
    """What `make` puts into `.venv-demo`, without a download: the packages of the run-time lock alone."""
    site = tmp_path / "site"
    site.mkdir()
    for name in _versions(RUN):
        metadata = _metadata(name)
        (site / metadata.name).symlink_to(metadata)
    python = tmp_path / "environment" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\necho '{json.dumps([str(site)])}'\n")  # cyclonedx-py asks for sys.path
    python.chmod(0o700)
    return python.parents[1]


def _metadata(name: str) -> Path:
    [file] = [file for file in distribution(name).files or () if file.match("*.dist-info/METADATA")]
    return Path(str(file.locate())).parent


def test_the_inventory_is_whole_and_the_same_each_time(run_environment: Path, tmp_path: Path) -> None:
    """Every package with version and licence, the exporter with its dependencies; the same bytes again.

    Not validated here: `make sbom` does that itself, and it takes ten times as long.
    """
    texts = set()
    for seed in ("1", "2"):
        options = f"--no-validate -o {tmp_path / seed}"
        made = _make("sbom", f"RUN_VENV={run_environment}", f"SBOM={options}", PYTHONHASHSEED=seed)
        assert made.returncode == 0, made.stderr
        texts.add((tmp_path / seed).read_text(encoding="utf-8"))
    [text] = texts
    assert "timestamp" not in text
    inventory = json.loads(text)
    own = inventory["metadata"]["component"]
    assert (own["name"], own["version"]) == ("modelarts-exporter", __version__)
    assert [entry["license"]["id"] for entry in own["licenses"]] == ["Apache-2.0"]
    components = inventory["components"]
    assert {canonicalize_name(part["name"]): part["version"] for part in components} == _versions(RUN)
    assert [part["name"] for part in components if not part.get("licenses")] == []
    needs = {entry["ref"]: entry.get("dependsOn", []) for entry in inventory["dependencies"]}
    needed = {canonicalize_name(ref.partition("==")[0]) for ref in needs[own["bom-ref"]]}
    assert needed == {canonicalize_name(Requirement(text).name) for text in PROJECT["dependencies"]}


def test_every_lock_is_audited_and_more_can_be_asked_of_pip_audit(tmp_path: Path) -> None:
    """What the image installs, and what tests and fuzzing run with; what AUDIT has goes to pip-audit."""
    program = tmp_path / "pip-audit"
    program.write_text('#!/bin/sh\necho "$@"\nexit 1\n')
    program.chmod(0o700)
    made = _make("audit", f"BIN={tmp_path}", "AUDIT=--osv-url=http://127.0.0.1:1/")
    said = made.stdout.split()
    assert made.returncode
    locks = [after for option, after in pairwise(said) if option == "-r"]
    assert sorted(locks) == [str(lock.relative_to(ROOT)) for lock in LOCKS]
    assert {"--strict", "--require-hashes", "--osv-url=http://127.0.0.1:1/"} <= {*said}


@pytest.mark.parametrize(("ci", "red"), [("", False), ("true", True)], ids=["by hand", "in CI"])
def test_an_audit_that_cannot_reach_the_advisories_says_so_and_is_red_in_ci(ci: str, *, red: bool) -> None:
    """Nothing is known then, and nothing is wrong; but no log of CI passes for a clean bill."""
    made = _make("audit", CI=ci, HTTPS_PROXY="http://127.0.0.1:1", https_proxy="http://127.0.0.1:1")
    assert made.stdout.startswith("audit skipped, PyPI's advisories cannot be reached: ")
    assert bool(made.returncode) == red
