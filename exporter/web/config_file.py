"""The web configuration's YAML, read as exporter-toolkit's parser reads it: texts, and what is quoted.

Single values of the web configuration in Go's notation.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from exporter.common.errors import ConfigurationError, Problem
from exporter.common.yaml import Mistake, PlainLoader

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# PyYAML quotes a tag's handle: an unquoted password that begins with !.
_QUOTED = re.compile(r" '[^'<]{3,}'")


class Plain(str):
    """A scalar without quotes: a number or a truth value where one is asked for, else text as written.

    In Go the key decides what a scalar is, in YAML its look does: `X-XSS-Protection: 0` is a text there.
    """

    __slots__ = ()


def parsed(path: Path) -> Mapping[str, Any]:
    """The file's keys and values; scalars are texts, `Plain` where they stand without quotes, or None.

    Raises:
        ConfigurationError: it cannot be read, or is not what its format says; never with a line of it.
    """
    try:
        content = yaml.load(path.read_bytes(), _Loader)  # noqa: S506  (a SafeLoader)
    except OSError as error:
        raise ConfigurationError(Problem(str(path), f"cannot be read: {error.strerror}")) from error
    except yaml.MarkedYAMLError as error:
        # Not the error's own text: it quotes the line, which may hold a password.
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        problem = _QUOTED.sub("", str(error.problem))
        raise ConfigurationError(Problem(str(path), f"is no proper YAML: {problem}{line}")) from None
    except RecursionError:
        raise ConfigurationError(Problem(str(path), "is nested too deeply")) from None
    except (yaml.YAMLError, ValueError):
        raise ConfigurationError(Problem(str(path), "is no proper YAML")) from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigurationError(Problem(str(path), "must hold keys and values"))
    return content


class _Loader(PlainLoader):
    """Refuses a key that stands twice: which of two passwords of one user holds must not be a guess."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise Mistake("a key stands twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)

    def text(self, node: yaml.ScalarNode) -> str:
        """As it is written."""
        return str(node.value) if node.style else Plain(node.value)


for _kind in ("bool", "int", "float", "timestamp", "str"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_kind}", _Loader.text)

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
