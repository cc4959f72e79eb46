"""`python -m exporter.probe [URL]`: exit 0 when the exporter is healthy; the container's HEALTHCHECK.

The image has neither a shell's tools nor curl, so this is Python; it imports nothing heavy.
"""

from __future__ import annotations

import sys
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

HEALTHY = "http://127.0.0.1:10310/-/healthy"
_SECONDS = 3


def probe(url: str = HEALTHY) -> int:
    """0 when the URL answers 200, else 1 with the reason on stderr.

    Args:
        url: where to look; other than the default when the exporter listens elsewhere.
    """
    opener = build_opener(ProxyHandler({}))  # never by way of a proxy
    try:
        with opener.open(url, timeout=_SECONDS):
            return 0
    except (URLError, OSError, ValueError) as error:
        print(f"{url}: {error}", file=sys.stderr)  # noqa: T201  (what the container's inspection shows)
        return 1


if __name__ == "__main__":
    sys.exit(probe(*sys.argv[1:2]))
