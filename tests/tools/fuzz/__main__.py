"""`make fuzz`: each target under atheris, then the structured tests under hypothesis; prints the table.

What is found is put into the corpus as it is, so it fails the suite until it is mended, and stays as a test.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tools.fuzz.targets import TARGETS

HERE = Path(__file__).parent
TESTS = HERE.parents[1]
CORPUS = HERE / "corpus"
_MEMORY = Path("/dev/shm")  # noqa: S108  (each target makes a folder of its own in it)
_IN_MEMORY = {"TMPDIR": str(_MEMORY)} if _MEMORY.is_dir() else {}
"""So that state files cost no disk."""

_DONE = re.compile(r"#(?P<cases>\d+)\s+\S+\s+cov: (?P<edges>\d+)")
_EXAMPLES = re.compile(r"(\d+) (?:passing|failing|invalid) examples")


class Row(NamedTuple):
    """One line of the table; edges are libFuzzer's, "-" where hypothesis looked."""

    target: str
    cases: int
    seconds: float
    edges: str
    findings: int

    def __str__(self) -> str:
        return f"{self.target:<20} {self.cases:>10,} {self.seconds:>8.0f} {self.edges:>6} {self.findings:>9}"


def main() -> int:
    """1 if anything was found."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for each target (60)")
    parser.add_argument(
        "targets", nargs="*", help=f"of: {', '.join(TARGETS)}, structured; all where none is named"
    )
    given = parser.parse_args()
    chosen = given.targets or [*TARGETS, "structured"]
    if unknown := set(chosen) - {*TARGETS, "structured"}:
        parser.error(f"unknown: {', '.join(unknown)}")
    print(f"{'target':<20} {'cases':>10} {'seconds':>8} {'edges':>6} {'findings':>9}")  # noqa: T201  (the table)
    rows = [_row(name, given.seconds) for name in chosen]
    return int(any(row.findings for row in rows))


def _row(name: str, seconds: int) -> Row:
    if name == "structured":
        row = structured()
    elif importlib.util.find_spec("atheris"):
        row = under_atheris(name, seconds)
    else:  # atheris has wheels for Linux on x86-64 and some versions of Python only
        row = Row(f"{name} (no atheris)", 0, 0, "-", 0)
    print(row, flush=True)  # noqa: T201  (the table)
    return row


def under_atheris(name: str, seconds: int) -> Row:
    """One target, until the time is up or libFuzzer finds something."""
    started = time.monotonic()
    with TemporaryDirectory() as directory:
        grown, found = Path(directory, "grown"), Path(directory, "found")
        grown.mkdir()
        found.mkdir()
        limits = [f"-max_total_time={seconds}", "-timeout=60", "-rss_limit_mb=2048", "-max_len=16384"]
        command = [
            *(sys.executable, "-m", "tools.fuzz.engine", name, *limits),
            *(f"-artifact_prefix={found}/", f"-dict={HERE / 'words.dict'}", str(grown), str(CORPUS / name)),
        ]
        ended = subprocess.run(
            command,
            cwd=TESTS,
            env=os.environ | _IN_MEMORY,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        inputs = [file.read_bytes() for file in sorted(found.iterdir())]
    for content in inputs:
        digest = hashlib.sha256(content).hexdigest()[:12]
        (CORPUS / name / f"found-{digest}").write_bytes(content)
    if ended.returncode:
        print(_traceback(ended.stdout + ended.stderr), file=sys.stderr)  # noqa: T201  (the table)
    seen = list(_DONE.finditer(ended.stderr))
    cases, edges = (int(seen[-1]["cases"]), seen[-1]["edges"]) if seen else (0, "-")
    return Row(name, cases, time.monotonic() - started, edges, len(inputs) or int(ended.returncode != 0))


def _traceback(output: str) -> str:
    return "\n".join(output[max(0, output.find("=== Uncaught")) :].splitlines()[:40])


def structured() -> Row:
    """The tests under hypothesis, with its profile `fuzz`."""
    started = time.monotonic()
    tests = [TESTS / "unit" / "fuzz", TESTS / "unit" / "credentials" / "test_signing.py"]
    profile = ["--hypothesis-profile=fuzz", "--hypothesis-show-statistics", "--timeout=0"]
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *profile, *map(str, tests)],
        cwd=TESTS.parent,
        env=os.environ | _IN_MEMORY,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        print(ended.stdout, file=sys.stderr)  # noqa: T201  (what was found)
    cases = sum(map(int, _EXAMPLES.findall(ended.stdout)))
    failed = re.search(r"(\d+) failed", ended.stdout)
    findings = int(failed[1]) if failed else int(ended.returncode != 0)
    return Row("structured", cases, time.monotonic() - started, "-", findings)


if __name__ == "__main__":
    sys.exit(main())
