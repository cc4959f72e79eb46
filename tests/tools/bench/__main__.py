"""`make bench`: one run, one report on stdout. Without sections on the command line, all of them."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass

from tools.bench import estimates, footprint, many, missed, polls, scrapes
from tools.bench.figures import Findings
from tools.bench.report import lines

SECTIONS = ("polls", "many", "scrapes", "footprint", "missed", "estimates")


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured.

    Attributes:
        polls: of each kind whose median is taken.
        several: also polls of several pools.
        window: seconds to watch a thousand pools for; 0 leaves them out.
        scraping: seconds for each kind of scrape.
        scraped_series: whose scrapes are measured.
        starts: of the exporter.
        hours: that simulated pools are watched for.
    """

    polls: int
    several: bool
    window: float
    scraping: float
    scraped_series: tuple[str, ...]
    starts: int
    hours: float


FULL = Effort(
    polls=5, several=True, window=20.0, scraping=5.0, scraped_series=polls.SERIES, starts=7, hours=8.0
)
QUICK = Effort(polls=3, several=False, window=0.0, scraping=2.0, scraped_series=("all",), starts=3, hours=2.0)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="section", help=", ".join(SECTIONS))
    parser.add_argument("--series", choices=polls.SERIES, help="polls and scrapes with these series only")
    parser.add_argument("--quick", action="store_true", help="fewer repeats, one pool only")
    asked = parser.parse_args()
    if wrong := set(asked.sections) - set(SECTIONS):
        parser.error(f"no such section: {', '.join(sorted(wrong))}; there are {', '.join(SECTIONS)}")
    effort = QUICK if asked.quick else FULL
    sections = tuple(asked.sections) or SECTIONS
    started = time.monotonic()
    for line in lines(measure(sections, effort, (asked.series,) if asked.series else None)):
        sys.stdout.write(line + "\n")
    sys.stdout.write(f"\nMeasured in {time.monotonic() - started:.0f} s.\n")


def measure(sections: tuple[str, ...], effort: Effort, series: tuple[str, ...] | None) -> Findings:
    """Run the sections, in an order that lets later ones use what earlier ones found."""
    found: list[Findings] = []
    costs: list[polls.Cost] = []
    rss: dict[str, int] = {}
    if "polls" in sections:
        _say("polls")
        costs, of_polls = polls.measure(series or polls.SERIES, effort.polls, several=effort.several)
        found.append(of_polls)
    if "many" in sections and effort.window:
        _say("many pools")
        of_many = many.measure(effort.window)
        costs, rss = [*costs, *of_many.costs], of_many.rss
        found.append(of_many.findings)
    if "scrapes" in sections:
        _say("scrapes")
        found += [
            scrapes.measure(which, effort.scraping, effort.polls) for which in series or effort.scraped_series
        ]
    if "footprint" in sections:
        _say("memory and start-up")
        found.append(footprint.measure(rss, effort.starts))
    if "missed" in sections:
        _say("what is missed between two listings")
        found.append(missed.measure(effort.hours))
    if "estimates" in sections:
        _say("estimated starts")
        found.append(estimates.measure(effort.hours))
    findings = Findings([polls.table(costs)])
    for one in found:
        findings.tables += one.tables
        findings.verdicts += one.verdicts
    return findings


def _say(what: str) -> None:
    """Minutes pass; stdout is for the results."""
    sys.stderr.write(f"measuring {what}\n")


if __name__ == "__main__":
    main()
