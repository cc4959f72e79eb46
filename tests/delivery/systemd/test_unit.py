"""The systemd unit, held against systemd's own checks and the example that belongs to it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from support.programs import program

from exporter.cli.main import BAD_CONFIGURATION
from exporter.settings.credentials import KeysForm
from exporter.settings.load import load

FOLDER = Path(__file__).parents[3] / "deploy/systemd"
UNIT = FOLDER / "modelarts-exporter.service"
EXPOSURE = 1.5
"""Of 10, as `systemd-analyze security` rates it: 1.1 by systemd 252; others rate a little differently."""


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [program("systemd-analyze"), *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def test_systemd_has_no_finding(tmp_path: Path) -> None:
    """On a root with the two programs that it starts, for systemd looks whether they are there."""
    for path in re.findall(r"(?m)^Exec\w+=(\S+)", UNIT.read_text()):
        stub = tmp_path / path.lstrip("/")
        stub.parent.mkdir(parents=True)
        stub.write_text("")
        stub.chmod(0o755)
    units = tmp_path / "etc/systemd/system"
    units.mkdir(parents=True)
    shutil.copy(UNIT, units)
    # The units that every system has are not on this root, so they are not looked into.
    done = analyze("verify", "--man=no", "--recursive-errors=no", f"--root={tmp_path}", UNIT.name)
    assert (done.returncode, done.stdout) == (0, "")


def test_it_is_enclosed() -> None:
    """What is left is that it has a network, and /proc/stat for its own metrics."""
    done = analyze("security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE * 10:.0f}", UNIT)
    found = re.search(r"Overall exposure level for \S+ ([0-9.]+)", done.stdout)
    assert found is not None, done.stdout
    assert float(found[1]) <= EXPOSURE
    assert done.returncode == 0


def test_a_bad_configuration_is_not_tried_again_and_again() -> None:
    """The exporter's own status for it keeps systemd from restarting; any other failure does not."""
    settings = dict(
        line.split("=", 1) for line in UNIT.read_text().splitlines() if re.match(r"Restart\w*=", line)
    )
    assert settings["RestartPreventExitStatus"] == str(BAD_CONFIGURATION)
    assert settings["Restart"] == "on-failure"


def test_the_example_fits_what_systemd_hands_over(tmp_path: Path) -> None:
    """Keys are where LoadCredential= puts them, its state is in StateDirectory=; only IDs are to change."""
    loaded = re.findall(r"(?m)^LoadCredential=(\w+):", UNIT.read_text())
    [state] = re.findall(r"(?m)^StateDirectory=(.+)$", UNIT.read_text())
    text = (FOLDER / "exporter.yml").read_text()
    given = {
        f"/run/credentials/{UNIT.name}": tmp_path / "credentials",
        f"/var/lib/{state}": tmp_path / "state",
    }
    for outside, inside in given.items():
        inside.mkdir()
        text = text.replace(outside, str(inside))
    for name in loaded:
        (tmp_path / "credentials" / name).write_text(f"made-up-{name}")
        (tmp_path / "credentials" / name).chmod(0o400)  # as systemd has it
    config = tmp_path / "exporter.yml"
    config.write_text(text)
    command = [sys.executable, "-m", "exporter", "--config.check", f"--config.file={config}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={})
    assert (done.returncode, done.stderr) == (0, "")
    settings = load(config, {}, {})
    [project] = settings.projects
    assert isinstance(project.credentials, KeysForm)
    used = {project.credentials.access_key, project.credentials.secret_key}
    assert used == {tmp_path / "credentials" / name for name in loaded}
    assert settings.state.path is not None
    assert settings.state.path.parent == tmp_path / "state"
