"""Runs an image's files as a container: read-only root, process 1, a network of its own, user 65532."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from support.image import enclose
from support.image.enclose import USER
from support.programs import program

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PATIENCE = 60
"""Seconds until a step that hangs has failed."""


@dataclass(frozen=True, slots=True)
class Running:
    """A container that runs."""

    _unshare: subprocess.Popen[str]
    _environment: Mapping[str, str]

    def line_with(self, words: str) -> str:
        """Wait for a line on its stdout that holds these words; empty when it ends without."""
        assert self._unshare.stdout is not None
        return next((line for line in self._unshare.stdout if words in line), "")

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a further command inside, as `docker exec` and health checks do."""
        [first] = self._first()
        inside = ["--mount", "--pid", "--net", "--root", "--wd", f"--setuid={USER}", f"--setgid={USER}"]
        return subprocess.run(
            [program("nsenter"), f"--target={first}", *inside, "--", *command],
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE,
        )

    def end(self) -> subprocess.CompletedProcess[str]:
        """Wait for its end; exit status and what it wrote, as of any process."""
        stdout, stderr = self._unshare.communicate(timeout=_PATIENCE)
        return subprocess.CompletedProcess(self._unshare.args, self._unshare.returncode, stdout, stderr)

    def send(self, number: signal.Signals) -> None:
        """Send a signal as `docker stop` does; nothing happens when it has ended."""
        for first in self._first():
            os.kill(first, number)

    def _first(self) -> list[int]:
        """The container's process 1 by its number outside; empty when it has ended."""
        unshare = self._unshare.pid
        return [int(pid) for pid in Path(f"/proc/{unshare}/task/{unshare}/children").read_text().split()]


@dataclass(frozen=True, slots=True)
class Container:
    """What is needed to run a command in an image.

    Args:
        root: the image's files.
        environment: the image's variables.
    """

    root: Path
    environment: Mapping[str, str]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in a container of its own to its end."""
        with self.running(*command) as container:
            return container.end()

    @contextmanager
    def running(self, *command: str) -> Iterator[Running]:
        """Run a command in a container; it is killed if it still runs at the end."""
        namespaces = [program("unshare"), "--mount", "--pid", "--net", "--fork"]
        enclosed = [sys.executable, enclose.__file__, str(self.root), *command]
        with subprocess.Popen(
            [*namespaces, *enclosed], env=self.environment, stdout=-1, stderr=-1, text=True
        ) as unshare:
            container = Running(unshare, self.environment)
            try:
                yield container
            finally:
                # Not unshare: its --kill-child loses its hold when the child changes its user.
                if unshare.returncode is None:
                    container.send(signal.SIGKILL)
