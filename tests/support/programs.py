"""The real programs that tests hold the exporter against."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest


def program(name: str) -> str:
    """Where a program is; skips the test where it is missing, but fails it in CI."""
    path = shutil.which(name)
    if path is not None:
        return path
    if os.environ.get("CI"):
        pytest.fail(f"{name} is missing, and CI installs what the tests need")
    pytest.skip(f"{name} is not installed")


def promtool_findings(exposition: bytes) -> str:
    """What `promtool check metrics` has to say; empty when all is well."""
    done = subprocess.run(
        [program("promtool"), "check", "metrics"], input=exposition, capture_output=True, check=False
    )
    return (done.stdout + done.stderr).decode() or ("" if done.returncode == 0 else f"exit {done.returncode}")
