"""The web configuration's YAML, read as exporter-toolkit's parser reads it: texts, and what is quoted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from exporter.errors import ConfigurationError, Problem
from exporter.plain_yaml import Mistake, PlainLoader

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
