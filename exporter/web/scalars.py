"""Single values of the web configuration in Go's notation."""

from __future__ import annotations

import re

from exporter.web.yaml_file import Plain

_TRUE = {"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"}
_FALSE = {"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"}

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_DURATION = re.compile(rf"([+-]?)((?:{_PART.pattern})+)", re.ASCII)
_LONGEST = 2**63 / 1e9
"""Seconds. Go counts nanoseconds in 64 bits."""


def truth(value: object) -> object:
    """A truth value in the words of YAML 1.1."""
    if isinstance(value, Plain) and value in _TRUE | _FALSE:
        return value in _TRUE
    raise ValueError("must be true or false")


def whole(value: object) -> object:
    """A whole number."""
    try:
        if isinstance(value, Plain):
            return int(value, 0)
    except ValueError:
        pass
    raise ValueError("must be a whole number")


def seconds(value: object) -> object:
    """A duration as Go's ParseDuration takes it (`1h30m`, `1.5s`, `200ms`), in seconds."""
    if not isinstance(value, str):
        raise ValueError("must be a duration like 1s")  # noqa: TRY004  (pydantic reports ValueErrors)
    if re.fullmatch(r"[+-]?0+", value):
        return 0.0
    if re.fullmatch(r"[+-]?\d+", value):
        raise ValueError(f"{value} has no unit, so Go takes it for nanoseconds; write it like 1s")
    found = _DURATION.fullmatch(value)
    if found is None:
        raise ValueError("must be a duration like 1s")
    length = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(found[2]))
    if length > _LONGEST:
        raise ValueError("is longer than Go can count")
    if found[1] == "-" and length:
        raise ValueError("must not be negative; leave rate_limit out for no limit")
    return length
