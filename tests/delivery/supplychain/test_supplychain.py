"""What the image installs: locked, inventoried, audited."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from exporter import __version__
from supplychain import audit
from supplychain.lock import Pin, pins
from supplychain.sbom import sbom

ROOT = Path(__file__).parents[3]
LOCKS = sorted(path.name for path in ROOT.glob("requirements*.lock"))
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def _locked(name: str) -> dict[str, Pin]:
    return {pin.name: pin for pin in pins(ROOT / name)}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_is_locked_with_hashes_and_comes_from_nowhere_else(lock: str) -> None:
    """Exact versions and SHA-256 only: no URL, no path, no other index; nothing twice."""
    found = pins(ROOT / lock)
    assert found
    assert len({(pin.name, pin.marker) for pin in found}) == len(found)
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert not [word for word in ("://", "--index", "--find-links", "-e ", " @ ") if word in text]


@pytest.mark.parametrize(
    "line",
    ["aiohttp==3.14.5", "aiohttp>=3 --hash=sha256:" + "0" * 64, "aiohttp==3 --hash=md5:0", "-e .", "./a"],
)
def test_a_line_that_locks_nothing_is_found(tmp_path: Path, line: str) -> None:
    """Without a hash, without an exact version, with a weaker hash, from a folder."""
    (tmp_path / "lock").write_text(line + "\n")
    with pytest.raises(ValueError, match=r"no .*hashes"):
        pins(tmp_path / "lock")


def test_the_lock_is_what_pyproject_and_the_packages_ask_for() -> None:
    """Nothing is missing, too old or too much: somebody asks for each, and its version will do."""
    locked = _locked("requirements.lock")
    needed = [Requirement(text) for text in PYPROJECT["project"]["dependencies"]]
    for name in locked:
        needed += [Requirement(text) for text in distribution(name).requires or ()]
    asked = [need for need in needed if need.marker is None or need.marker.evaluate({"extra": ""})]
    for need in asked:
        assert need.specifier.contains(locked[canonicalize_name(need.name)].version), need
    # What another platform or Python asks for counts too: the lock is for all of them.
    assert locked.keys() <= {canonicalize_name(need.name) for need in needed}


def test_the_tests_run_with_what_the_image_installs() -> None:
    """The development lock has every package of the run-time lock in the same version; audited is neither."""
    run_time, development = _locked("requirements.lock"), _locked("requirements-dev.lock")
    assert {name: pin.version for name, pin in run_time.items()} == {
        name: development[name].version for name in run_time
    }
    assert "pip-audit" in _locked("requirements-audit.lock")
    assert "pip-audit" not in development


def test_the_inventory_is_valid_and_whole() -> None:
    """By CycloneDX's own schema; every package with version, hashes and licence, and the exporter."""
    text = sbom()
    assert JsonStrictValidator(SchemaVersion.V1_7).validate_str(text) is None
    inventory = json.loads(text)
    own = inventory["metadata"]["component"]
    assert (own["name"], own["version"]) == ("modelarts-exporter", __version__)
    assert own["licenses"] == [{"license": {"id": "Apache-2.0"}}]
    found = {component["name"]: component for component in inventory["components"]}
    locked = _locked("requirements.lock")
    assert found.keys() == locked.keys()
    for name, component in found.items():
        [distributed] = component["externalReferences"]
        assert component["version"] == locked[name].version
        assert {entry["content"] for entry in distributed["hashes"]} == set(locked[name].hashes)
        assert component["licenses"], name
    needs = {entry["ref"]: entry.get("dependsOn", []) for entry in inventory["dependencies"]}
    asked = {Requirement(text).name for text in PYPROJECT["project"]["dependencies"]}
    assert {ref.removeprefix("pkg:pypi/").partition("@")[0] for ref in needs[own["bom-ref"]]} == asked


def test_the_inventory_is_the_same_each_time() -> None:
    """No time, no chance, no order of a set: two processes write the same bytes."""
    texts = {
        subprocess.run(
            [sys.executable, "-m", "supplychain.sbom"],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(texts) == 1
    assert b"timestamp" not in texts.pop()


def _package(**more: Any) -> dict[str, Any]:
    return {"name": "aiohttp", "version": "3.14.5", **more}


@pytest.mark.parametrize(
    ("packages", "status", "said"),
    [
        ([_package(vulns=[])], 0, "1 packages, 0 findings"),
        (
            [_package(vulns=[{"id": "PYSEC-1", "fix_versions": ["4"]}])],
            1,
            "aiohttp 3.14.5: PYSEC-1, fixed in 4\n1 packages, 1 findings",
        ),
        (
            [_package(vulns=[{"id": "PYSEC-2", "fix_versions": []}])] * 2,  # in two locks
            1,
            "aiohttp 3.14.5: PYSEC-2, not fixed yet\n2 packages, 1 findings",
        ),
        ([{"name": "a", "skip_reason": "not found"}], 0, "audit skipped: not found"),
        ([_package(vulns=[]), {"name": "a", "skip_reason": "x"}], 1, "a: PyPI does not know it"),
        ([], 0, "audit skipped: nothing is locked"),
        (None, 0, "audit skipped: ConnectionError: no route"),
    ],
    ids=[
        "clean",
        "advisory",
        "advisory without a fix",
        "no advisories here",
        "one unknown",
        "nothing",
        "no network",
    ],
)
def test_the_audit_is_red_for_findings_and_skips_where_nothing_is_known(
    capsys: pytest.CaptureFixture[str], packages: list[dict[str, Any]] | None, status: int, said: str
) -> None:
    """An advisory fails it; a database that cannot be reached does not, and is not taken for a clean bill."""
    report = "" if packages is None else json.dumps({"dependencies": packages})
    assert audit.verdict(report, "Traceback\n  ...\nConnectionError: no route\n") == status
    assert said in capsys.readouterr().out


def test_every_lock_is_audited_and_a_database_can_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the image installs, and what tests and the audit itself run with; arguments go to pip-audit."""
    program = tmp_path / "bin" / "pip-audit"
    program.parent.mkdir()
    # It finds its own arguments.
    program.write_text(
        f"#!{sys.executable}\nimport json, sys\n"
        "vulns = [{'id': argument, 'fix_versions': []} for argument in sys.argv]\n"
        "print(json.dumps({'dependencies': [{'name': 'a', 'version': '1', 'vulns': vulns}]}))\n"
    )
    program.chmod(0o700)
    monkeypatch.setattr(audit, "_ENVIRONMENT", tmp_path)
    assert audit.main(["--osv-url=http://127.0.0.1:1/"]) == 1
    said = capsys.readouterr().out
    assert [lock for lock in LOCKS if f"--requirement={ROOT / lock}," not in said] == []
    assert "--require-hashes," in said
    assert "--osv-url=http://127.0.0.1:1/," in said
