"""Unmistakable secrets, and where they turn up."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterator

END = 12
"""Characters of a secret that nobody may show, at its begin or end."""

AK = "HPUACANARY7AK7QZXW42"
SK = "cAnArYsK9fQzXw3vB7nM1kJ5hG2dS8aPoI6uYtRe"
SECURITY_TOKEN = "ggpjbi1ub3J0aC00canaryTOKEN+/7xKqVw==" + "tOkEn5xZ" * 12
PASSWORD = 'c4nary-P4ssw0rd+/"q&z%7\\end'
IAM_TOKEN = "MIIcanaryIAM" + "7bQ9xW2-" * 20
POD_TOKEN = "eyJcanaryPOD." + "kLm3Nq8r" * 12 + ".sIgNaTuRe7"
METADATA_TOKEN = "mEtAdAtAcAnArY9Kf3Zq7Lw1"
PROXY_PASSWORD = "pr0xyC4naryXw81Zq5"
NETRC_PASSWORD = "n3trcC4naryUv27Yp6"
WEB_PASSWORD = "w3bC4naryGh64Jk9s"
CANARIES = {
    "AK": AK,
    "SK": SK,
    "security token": SECURITY_TOKEN,
    "password": PASSWORD,
    "IAM token": IAM_TOKEN,
    "pod identity token": POD_TOKEN,
    "metadata token": METADATA_TOKEN,
    "proxy password": PROXY_PASSWORD,
    "netrc password": NETRC_PASSWORD,
    "web password": WEB_PASSWORD,
}


def found_in(text: str | bytes, more: dict[str, str] | None = None) -> list[str]:
    """Which secrets a text holds, whole, in part or encoded, with what stands around them."""
    haystack = text.decode(errors="replace") if isinstance(text, bytes) else text
    lowered = haystack.lower()
    found = []
    for name, secret in {**CANARIES, **(more or {})}.items():
        for form in _forms(secret):
            place = lowered.find(form.lower())
            if place >= 0:
                found.append(f"{name}: {haystack[max(0, place - 60) : place + 60]!r}")
                break
    return found


def _forms(secret: str) -> Iterator[str]:
    raw = secret.encode()
    yield from (secret[:END], secret[-END:])
    for encoded in (quote(secret, safe=""), json.dumps(secret)[1:-1], raw.hex()):
        yield from (encoded[:END], encoded[-END:])
    for shift in range(3):
        yield base64.b64encode(b"-" * shift + raw).decode()[4 : 4 + END]
