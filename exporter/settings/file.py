"""The configuration file as nested text; what the text means is for the model to say.

Every scalar stays text, so that a project ID of digits is not a number, `on` is not true, and the file and
the environment are understood by one parser.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from exporter.common.errors import ConfigurationError, Problem
from exporter.common.text import show_key_or_hide
from exporter.common.yaml import Mistake, PlainLoader
from exporter.settings.types import read_file

if TYPE_CHECKING:
    from pathlib import Path

_NULL = "tag:yaml.org,2002:null"
_NULL_ONLY = {
    first: [resolver for resolver in resolvers if resolver[0] == _NULL]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_PLAIN = "tag:yaml.org,2002:str"

# PyYAML quotes this; an unquoted password that starts with ! would be in it.
_TAG_HANDLE = re.compile(r" '!.*'$")


class _TextLoader(PlainLoader):
    """Takes mappings, lists, text and null; finds keys that are given twice."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.yaml_implicit_resolvers = _NULL_ONLY
        self.twice: list[Mistake] = []

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Mappings in which every key is text; PyYAML itself takes the last of equal keys."""
        node = super().compose_mapping_node(anchor)
        lines: dict[str, int] = {}
        for key, _ in node.value:
            if key.tag != _PLAIN:
                raise Mistake("a key must be text", key.start_mark)
            if key.value in lines:
                first = lines[key.value]
                self.twice.append(
                    Mistake(
                        f"'{show_key_or_hide(key.value)}' is given twice, first in line {first}",
                        key.start_mark,
                    )
                )
            lines.setdefault(key.value, key.start_mark.line + 1)
        return node


class Document(NamedTuple):
    """What a configuration file says.

    Attributes:
        content: nested mappings and lists of text; None for a value that is not there.
        problems: keys that are given twice.
    """

    content: dict[str, Any]
    problems: tuple[Problem, ...]


def read_document(path: Path) -> Document:
    """What the file says; an empty file says nothing.

    Raises:
        ConfigurationError: it cannot be read, is not UTF-8, not YAML, or no mapping.
    """
    try:
        content, twice = _loaded(_decoded(read_file(path)))
    except yaml.MarkedYAMLError as error:
        raise ConfigurationError(_problem(path, error)) from None
    except RecursionError:
        raise ConfigurationError(Problem(str(path), "is nested too deeply")) from None
    except ValueError as error:
        raise ConfigurationError(Problem("--config.file", str(error))) from None
    if content is None:
        content = {}
    if not isinstance(content, dict):
        raise ConfigurationError(Problem(str(path), "must be a mapping, like projects: [...]"))
    return Document(content, tuple(_problem(path, mistake) for mistake in twice))


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        mark = _mark_after(content[: error.start].decode("utf-8"))
    raise Mistake("is not text in UTF-8", mark)


def _loaded(text: str) -> tuple[Any, list[Mistake]]:
    try:
        loader = _TextLoader(text)
    except yaml.reader.ReaderError as error:
        what = f"the control character #x{error.character:02x} is not allowed"
        raise Mistake(what, _mark_after(text[: error.position])) from None
    try:
        return loader.get_single_data(), loader.twice
    finally:
        loader.dispose()


def _mark_after(text: str) -> yaml.Mark:
    column = len(text) - text.rfind("\n") - 1
    return yaml.Mark("", len(text), text.count("\n"), column, None, 0)


def _problem(path: Path, error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark
    where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
    return Problem(where, str(error.problem) if isinstance(error, Mistake) else _explained(error))


def _explained(error: yaml.MarkedYAMLError) -> str:
    problem = _TAG_HANDLE.sub("", str(error.problem))
    if problem.startswith("but "):  # PyYAML's sentence began in its context
        problem = f"{error.context} {problem}"
    return f"is not YAML: {problem}; check indentation and quotes"
