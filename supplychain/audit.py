"""`make audit`: what is locked (for the image, tests, fuzzing, pip-audit itself) against PyPI's advisories.

Only the standard library: pip-audit gets an environment of its own from its own lock, made when it is needed.
Where no advisory can be had (no network, or a mirror that has none), it says why and ends well: nothing is
known then, and nothing is wrong. The workflow `audit` runs it where they can be had.
"""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[1]
_ENVIRONMENT = ROOT / ".venv-audit"


def main(arguments: Sequence[str] = ()) -> int:
    """Audit; 0 when nothing is known against any package, or nothing can be known here; else 1.

    Args:
        arguments: more for pip-audit: another database (`--vulnerability-service=osv --osv-url=...`), or an
            advisory that does not concern the exporter (`--ignore-vuln=...`).
    """
    program = _ENVIRONMENT / "bin" / "pip-audit"
    if not program.exists() and (problem := _install()):
        return skip(f"pip-audit cannot be installed: {problem}")
    options = ("--progress-spinner=off", "--disable-pip", "--require-hashes", "--format=json")
    locks = (f"--requirement={lock}" for lock in sorted(ROOT.glob("requirements*.lock")))
    done = subprocess.run(  # noqa: S603  (nothing in it comes from outside)
        [program, *options, *locks, *arguments], capture_output=True, text=True, check=False
    )
    return verdict(done.stdout, done.stderr)


def verdict(report: str, errors: str) -> int:
    """What pip-audit's report means.

    Args:
        report: its JSON; empty where it came to none.
        errors: what it said besides.
    """
    try:
        packages: list[dict[str, Any]] = json.loads(report)["dependencies"]
    except ValueError:
        return skip(_last_line(errors))
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    if len(unknown) == len(packages):
        return skip(packages[0]["skip_reason"] if packages else "nothing is locked")
    findings = [
        f"{package['name']} {package['version']}: {found['id']}, {_mended(found['fix_versions'])}"
        for package in packages
        for found in package.get("vulns", ())
    ]
    # A package that the index has and does not know is one that was taken away: somebody has to look.
    findings += [f"{name}: PyPI does not know it" for name in unknown]
    findings = [*dict.fromkeys(findings)]  # a package may be in several locks
    _say(*findings, f"{len(packages)} packages, {len(findings)} findings")
    return 1 if findings else 0


def skip(reason: str) -> int:
    """Nothing can be known here."""
    _say(f"audit skipped: {reason}")
    return 0


def _install() -> str:
    """Make the environment; why it could not be made, or nothing."""
    venv.create(_ENVIRONMENT, with_pip=True, clear=True)
    options = ("install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--requirement")
    done = subprocess.run(  # noqa: S603  (likewise)
        [_ENVIRONMENT / "bin" / "pip", *options, ROOT / "requirements-audit.lock"],
        capture_output=True,
        text=True,
        check=False,
    )
    return _last_line(done.stderr) if done.returncode else ""


def _mended(versions: Sequence[str]) -> str:
    return f"fixed in {', '.join(versions)}" if versions else "not fixed yet"


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no reason given"])[-1]


def _say(*lines: str) -> None:
    print("\n".join(lines))  # noqa: T201  (the command's answer)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
