"""A user without a home directory, as OpenShift gives one to a container."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

_UNKNOWN_USER = """
import pwd, sys

def getpwuid(_):
    raise KeyError("uid not found")

pwd.getpwuid = getpwuid
from exporter.cli.main import main
sys.exit(main())
"""


@pytest.mark.parametrize(("command", "status"), [("--config.check", 0), ("check", 1), ("once", 1)])
def test_every_command_does_without_a_home_directory(tmp_path: Path, command: str, status: int) -> None:
    """Neither HOME nor an entry in the user database: the profile file is no place for keys then."""
    config = tmp_path / "c.yml"
    project = "region: cn-north-4, project_id: 0123456789abcdef0123456789abcdef, discover: {}"
    config.write_text(f"projects: [{{{project}, endpoint: 'http://127.0.0.1:1'}}]\n")
    done = subprocess.run(
        [sys.executable, "-c", _UNKNOWN_USER, command, f"--config.file={config}"],
        env={
            "PATH": os.environ["PATH"],
            "HUAWEICLOUD_SDK_AK": "HPUATESTTESTTESTTEST",
            "HUAWEICLOUD_SDK_SK": "testTestTestTestTestTestTestTestTestTest",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status
    assert "Traceback" not in done.stderr
