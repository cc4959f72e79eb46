"""The Dockerfile as it is written; whether it works is for test_image.py to show."""

from __future__ import annotations

import re
import subprocess
import sysconfig
from pathlib import Path

from exporter import __version__

DOCKERFILE = Path(__file__).parents[3] / "Dockerfile"


def test_hadolint_has_no_finding() -> None:
    """Not even of the lowest rank."""
    hadolint = Path(sysconfig.get_path("scripts"), "hadolint")
    done = subprocess.run([hadolint, "--no-color", DOCKERFILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_version_on_the_label_is_the_exporters() -> None:
    """Whoever releases changes both."""
    [version] = re.findall(r'image\.version="(.*)"', DOCKERFILE.read_text())
    assert version == __version__
