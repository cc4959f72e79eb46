"""Scrapes as Prometheus does, from a process of its own, and tells how long each scrape took.

`python -m tools.bench.scraper JSON`, a `Plan`; answers with a `Scraped` on stdout. A latency runs from the
request's first byte to the answer's last. Connections are kept where the server keeps them.
"""

from __future__ import annotations

import http.client
import random
import sys
import threading
import time
from urllib.parse import urlsplit

import msgspec

OK = 200


class Plan(msgspec.Struct):
    """What to do.

    Attributes:
        url: of the server.
        seconds: for how long.
        scrapers: how many at a time.
        every: seconds from one scrape of a scraper to its next, on average; late ones are not made up for.
        gzip: compressed.
    """

    url: str
    seconds: float
    scrapers: int = 1
    every: float = 0.05
    gzip: bool = False


class Scraped(msgspec.Struct):
    """What came of it.

    Attributes:
        seconds: of each scrape.
        size: bytes of the last body.
    """

    seconds: list[float]
    size: int


def main(plan: Plan) -> Scraped:
    """Carry out a plan."""
    scraped = Scraped([], 0)
    until = time.monotonic() + plan.seconds
    threads = [
        threading.Thread(target=_scrape, args=(plan, random.Random(number), until, scraped))  # noqa: S311
        for number in range(plan.scrapers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return scraped


def _scrape(plan: Plan, rng: random.Random, until: float, scraped: Scraped) -> None:
    connection = http.client.HTTPConnection(urlsplit(plan.url).netloc)
    buffer = memoryview(bytearray(2**20))
    headers = {"Accept-Encoding": "gzip" if plan.gzip else "identity"}
    due = time.monotonic() + rng.uniform(0, plan.every)
    while due < until:
        time.sleep(max(0.0, due - time.monotonic()))
        started, size = time.perf_counter(), 0
        connection.request("GET", "/metrics", headers=headers)
        answer = connection.getresponse()
        while read := answer.readinto(buffer):
            size += read
        scraped.seconds.append(time.perf_counter() - started)
        scraped.size = size
        if answer.status != OK:
            raise SystemExit(f"{plan.url} answers {answer.status}")
        due = max(time.monotonic(), due + rng.uniform(0.5, 1.5) * plan.every)
    connection.close()


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(main(msgspec.json.decode(sys.argv[1], type=Plan))))
