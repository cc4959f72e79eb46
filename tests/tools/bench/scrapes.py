"""How long a scrape takes: the exporter's, idle and while it polls, and its peers' with the same series."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from urllib.request import Request, urlopen

import msgspec

from tools.bench import peers
from tools.bench.data import Size
from tools.bench.figures import ABSENT, Findings, Table, Verdict, median, percentile, ratio, shown
from tools.bench.polls import step
from tools.bench.scraper import Plan, Scraped

SIZE = Size(1, 10_000)
ENCODINGS = {"plain": False, "gzip": True}

_DURING_A_POLL = 0.050
_FIFTIETH = 1 / 50
_MANY = 20


def scrape(plan: Plan) -> Scraped:
    """Scrape from another process."""
    command = [sys.executable, "-m", "tools.bench.scraper", msgspec.json.encode(plan).decode()]
    return msgspec.json.decode(
        subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout, type=Scraped
    )


def scraped_once(url: str, *, encoding: str) -> bytes:
    """One scrape from this process."""
    asking = Request(f"{url}/metrics", headers={"Accept-Encoding": encoding})  # noqa: S310  (our own server)
    with urlopen(asking, timeout=60) as answer:  # noqa: S310  (likewise)
        body: bytes = answer.read()
    return body


@dataclass(frozen=True, slots=True)
class Latency:
    """Scrapes of one kind.

    Attributes:
        subject: who was scraped, and doing what.
        encoding: of `ENCODINGS`.
        scrapers: at a time.
        scraped: what came of it.
        stall: the event loop's longest, where that was measured.
    """

    subject: str
    encoding: str
    scrapers: int
    scraped: Scraped
    stall: float | None = None

    @property
    def p50(self) -> float | None:
        """Seconds."""
        return percentile(self.scraped.seconds, 0.50)

    @property
    def p99(self) -> float | None:
        """Seconds."""
        return percentile(self.scraped.seconds, 0.99)

    def row(self) -> tuple[str, ...]:
        """Milliseconds."""
        return (
            self.subject,
            self.encoding,
            str(self.scrapers),
            shown(self.scraped.size, 1e-6),
            str(len(self.scraped.seconds)),
            *(shown(value, 1e3) for value in (self.p50, self.p99, self.stall)),
        )


def measure(series: str, seconds: float, repeats: int) -> Findings:
    """Measure scrapes of 10,000 workloads.

    Args:
        series: which workloads have series of their own.
        seconds: of scraping, for each kind.
        repeats: polls whose longest stall is taken.
    """
    exposition, ours = _exporter(series, seconds, repeats)
    rows = [latency.row() for latency in ours]
    findings = Findings()
    beside: dict[str, list[Latency]] = {}
    starts = {
        "collector": partial(peers.collector, SIZE, series),
        "pushgateway": partial(peers.pushgateway, exposition),
    }
    for name, start in starts.items():
        try:
            with start() as peer:
                beside[name] = [_latency(name, peer.url, encoding, 1, seconds) for encoding in ENCODINGS]
        except peers.DidNotStart as why:
            rows.append((f"{name}: {why}", *(ABSENT,) * 7))
            continue
        rows += [latency.row() for latency in beside[name]]
    findings.tables.append(
        Table(
            f"Scrapes of {SIZE} workloads, series {series}; milliseconds",
            ("", "encoding", "scrapers", "MB", "scrapes", "p50", "p99", "longest stall"),
            rows,
            "Each scraper keeps its connection where the server does. One scraper asks 20 times a second, of "
            "20 each once a second, at random moments. `while polling`: one poll follows the other without a "
            "pause. `longest stall`: of the event loop; for `one poll` the median of single ones, unscraped.",
        )
    )
    findings.verdicts += _verdicts(series, ours, beside)
    return findings


def _exporter(series: str, seconds: float, repeats: int) -> tuple[bytes, list[Latency]]:
    found: list[Latency] = []
    with ExitStack() as running:
        pages = running.enter_context(peers.pages(SIZE))
        pages.control("close")
        exporter = running.enter_context(peers.exporter(pages, SIZE, series, stopwatch=("--heartbeat",)))
        stalls = []
        for _ in range(repeats + 1):
            exporter.figures()
            step(pages, exporter)
            stalls.append(exporter.figures().stall)
        found.append(Latency("exporter, one poll", ABSENT, 0, Scraped([], 0), median(stalls[1:])))
        exposition = scraped_once(exporter.url, encoding="identity")
        for state in ("idle", "while polling"):
            pages.control("close" if state == "idle" else "open")
            for scrapers in (1, _MANY):
                for encoding in ENCODINGS:
                    exporter.figures()
                    latency = _latency(f"exporter, {state}", exporter.url, encoding, scrapers, seconds)
                    stall = exporter.figures().stall
                    found.append(Latency(latency.subject, encoding, scrapers, latency.scraped, stall))
    return exposition, found


def _latency(subject: str, url: str, encoding: str, scrapers: int, seconds: float) -> Latency:
    plan = Plan(url, seconds, scrapers, every=scrapers / 20, gzip=ENCODINGS[encoding])
    return Latency(subject, encoding, scrapers, scrape(plan))


def _verdicts(series: str, ours: list[Latency], beside: dict[str, list[Latency]]) -> list[Verdict]:
    idle = {
        latency.encoding: latency.p50
        for latency in ours
        if latency.subject == "exporter, idle" and latency.scrapers == 1
    }
    verdicts = [
        Verdict(
            f"scrape p50 over the {name}'s, {latency.encoding}, series {series}",
            ratio(idle[latency.encoding], latency.p50),
            _FIFTIETH if name == "collector" else 1.0,
        )
        for name, latencies in beside.items()
        for latency in latencies
    ]
    verdicts += [
        Verdict(
            f"scrape p99 while polling, {latency.encoding}, {latency.scrapers} scrapers, series {series}",
            None if latency.p99 is None else latency.p99 * 1e3,
            _DURING_A_POLL * 1e3,
            " ms",
        )
        for latency in ours
        if latency.subject == "exporter, while polling"
    ]
    return verdicts
