"""`python -m exporter.cli.healthcheck [URL]`: exit 0 if the exporter is healthy. The image's HEALTHCHECK.

In Python, because a slim image has no curl. It imports little, because it starts every 30 seconds.
"""

from __future__ import annotations

import ssl
import sys
from http import HTTPStatus
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.request import HTTPSHandler, ProxyHandler, build_opener

HEALTHY = "http://127.0.0.1:10310/-/healthy"
_SECONDS = 3


def probe(url: str = HEALTHY) -> int:
    """0 when the exporter behind the URL is healthy, else 1 with the reason on stderr.

    401 counts as healthy: with `basic_auth_users` every path needs a password, which the check of a container
    should not have. An exporter whose polling has died does not respond at all, because its process ends.

    Args:
        url: where to look; other than the default when the exporter listens elsewhere, or with TLS.
    """
    opener = build_opener(
        ProxyHandler({}), HTTPSHandler(context=_any_certificate())
    )  # never by way of a proxy
    try:
        with opener.open(url, timeout=_SECONDS):
            return 0
    except (OSError, HTTPException, ValueError) as error:
        if isinstance(error, HTTPError) and error.code == HTTPStatus.UNAUTHORIZED:
            return 0
        print(f"{url}: {error}", file=sys.stderr)  # noqa: T201  (what the container's inspection shows)
        return 1


def _any_certificate() -> ssl.SSLContext:
    """A context without verification: the certificate is not for 127.0.0.1, and nothing secret is sent."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


if __name__ == "__main__":
    sys.exit(probe(*sys.argv[1:2]))
