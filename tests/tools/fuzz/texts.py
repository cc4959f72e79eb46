"""Targets: what stands in a line: quantities, durations, addresses, expressions, moments."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime
from math import isclose, isfinite

import msgspec
from yarl import URL

from exporter.api.quantities import parse_quantity
from exporter.credentials.responses import unix
from exporter.settings.project import Discover
from exporter.settings.types import parse_duration, parse_listen_address, parse_url
from tools.fuzz import reference

_UNITS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}


def quantities(data: bytes) -> None:
    """Any text as a quantity of any resource is what exact fractions make of it, or None where they are."""
    text = data.decode(errors="replace")
    for resource in ("cpu", "memory", "nvidia.com/gpu"):
        ours, exact = parse_quantity(text, resource), reference.amount(text, resource)
        if ours is None or exact is None:
            # Exactly at the limit the two may round to different sides of it.
            assert (ours is None and exact is None) or isclose(float(exact or ours or 0), reference.MOST)
        else:
            assert isfinite(ours)
            assert ours >= 0
            assert isclose(ours, float(exact), rel_tol=1e-15, abs_tol=1e-320)


def durations(data: bytes) -> None:
    """Any text is a finite duration, the sum of its parts, or a ValueError."""
    text = data.decode(errors="replace")
    try:
        seconds = parse_duration(text)
    except ValueError:
        return
    parts = re.findall("([0-9]+)(ms|[dhms])", text)
    assert "".join(map("".join, parts)) == text
    assert isclose(seconds, sum(int(count) * _UNITS[unit] for count, unit in parts) / 1000)


def addresses(data: bytes) -> None:
    """Any text as an address is one that a request or a socket can use, or a ValueError."""
    text = data.decode(errors="replace")
    with suppress(ValueError):
        url = parse_url(text)
        assert URL(f"{url}/v2", encoded=True).host
    with suppress(ValueError):
        address = parse_listen_address(text)
        assert 0 <= address.port <= 65_535
        assert parse_listen_address(str(address)) == address


def expressions(data: bytes) -> None:
    """Any text as the expression of `discover` is one, or a ValueError of pydantic's."""
    with suppress(ValueError):
        Discover.model_validate({"include": data.decode(errors="replace")})


def expiries(data: bytes) -> None:
    """Any text as the moment at which a key ends is a finite moment, or what msgspec raises."""
    with suppress(msgspec.MsgspecError, UnicodeDecodeError):
        assert isfinite(unix(msgspec.json.decode(data, type=datetime)))
