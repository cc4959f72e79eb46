"""`make soak`: one long run, one report on stdout; exit 1 where something is not as it should be."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tools.bench.report import lines
from tools.soak.figures import findings
from tools.soak.plan import Plan
from tools.soak.run import Run


def main() -> int:
    """Run, print; the exit status."""
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="real ones (default: 60, four weeks)")
    parser.add_argument("--quick", action="store_true", help="two minutes")
    parser.add_argument("--seed", type=int, default=1, help="of everything that is drawn")
    parser.add_argument("--folder", type=Path, help="keep configuration, log and state there")
    asked = parser.parse_args()
    plan = Plan(60 * (2.0 if asked.quick else asked.minutes), seed=asked.seed)
    with TemporaryDirectory() as temporary:
        folder = asked.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        course = asyncio.run(Run(plan, folder.resolve()).whole())
    found = findings(course)
    for line in lines(found):
        sys.stdout.write(line + "\n")
    for example in (*course.watch.examples, *course.failed_visits, *course.tracebacks[:3]):
        sys.stdout.write(f"- {example}\n")
    return int(any(verdict.reached != "reached" for verdict in found.verdicts))


if __name__ == "__main__":
    sys.exit(main())
