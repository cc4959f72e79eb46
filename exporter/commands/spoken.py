"""Durations for people."""

from __future__ import annotations

_UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def spoken(seconds: float) -> str:
    """`3d 4h`, `5m 12s`, `0s`: the two largest units are enough to act on."""
    rest = round(seconds)
    parts: list[tuple[int, str]] = []
    for unit, size in _UNITS:
        count, rest = divmod(rest, size)
        if count or parts:
            parts.append((count, unit))
    return " ".join(f"{count}{unit}" for count, unit in parts[:2] if count) or "0s"
