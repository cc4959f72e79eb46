"""YAML files of the operator -> plain data: mappings, lists, text and None.

The configuration and the web configuration are read by this one reader. Scalars stay text, because the key
decides what a value is: a project ID of digits is not a number, and `X-XSS-Protection: 0` is text.

PyYAML's safe loader creates no objects, but some input is still dangerous: a few hundred bytes of aliases or
merge keys expand to gigabytes, a tag can select a constructor that raises an unexpected error, and an escape
can produce half of a surrogate pair. Fuzzing found all of these; see tests/tools/fuzz/corpus.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from exporter.common.errors import ConfigurationError, Problem
from exporter.common.files import read_file
from exporter.common.text import show_key_or_hide

if TYPE_CHECKING:
    from pathlib import Path

_FIRST_SURROGATE, _LAST_SURROGATE = "\ud800", "\udfff"

_NULL = "tag:yaml.org,2002:null"
_TEXT = "tag:yaml.org,2002:str"
_NULL_RESOLVERS = {
    first: [resolver for resolver in resolvers if resolver[0] == _NULL]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}

# PyYAML quotes an undefined tag handle, which can be an unquoted password that starts with `!`.
_TAG_HANDLE = re.compile(r" '!.*'$")


_ALIAS = "aliases and anchors are not supported; quote text that starts with * or &"
_NEEDS_QUOTES = re.compile(r"found character '[%@`]'|got '\{'")
_QUOTE = "quote text that contains this character"
_BRACES = "a key must be text; {{ ... }} is not replaced here"


class Unquoted(str):
    """A scalar written without quotes, so it can also be a number or a boolean where one is expected."""

    __slots__ = ()


class Document(NamedTuple):
    """The content of a file.

    Attributes:
        content: nested mappings and lists of text, `Unquoted` where written without quotes; None for null.
        problems: keys that are given twice. `content` has the last value of each.
    """

    content: dict[str, Any]
    problems: tuple[Problem, ...] = ()


def read_yaml(path: Path, *, setting: str) -> Document:
    """Read a file. An empty file is an empty mapping.

    Args:
        path: the file.
        setting: the flag or setting that names the file, for the problem if it cannot be read.

    Raises:
        ConfigurationError: the file cannot be read, is not UTF-8 or not YAML, uses aliases, anchors or tags,
            or is not a mapping. No message contains a value from the file.
    """
    try:
        content, repeated = _load(_decode(read_file(path)))
    except yaml.MarkedYAMLError as error:
        raise ConfigurationError(_problem(path, error)) from None
    except RecursionError:
        raise ConfigurationError(Problem(str(path), "is nested too deeply")) from None
    except ValueError as error:
        raise ConfigurationError(Problem(setting, str(error))) from None
    if content is None:
        content = {}
    if not isinstance(content, dict):
        raise ConfigurationError(Problem(str(path), "must be a mapping of keys to values"))
    return Document(content, tuple(_problem(path, error) for error in repeated))


class _NotAccepted(yaml.MarkedYAMLError):
    """YAML that this reader does not accept; the message is ours, not PyYAML's."""

    def __init__(self, problem: str, mark: yaml.Mark) -> None:
        super().__init__(problem=problem, problem_mark=mark)


class _Loader(yaml.SafeLoader):
    """Accepts mappings, lists and scalars, each written out in full.

    Attributes:
        repeated: an error for each key that is given twice.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.yaml_implicit_resolvers = _NULL_RESOLVERS
        self.repeated: list[_NotAccepted] = []

    def scan_flow_scalar_non_spaces(self, double: bool, start_mark: Any) -> Any:
        r"""Quoted text. PyYAML turns "\ud800" into half of a surrogate pair, and fails on "\UFFFFFFFF"."""
        try:
            chunks = super().scan_flow_scalar_non_spaces(double, start_mark)
        except (ValueError, OverflowError):
            chunks = [_FIRST_SURROGATE]
        if any(_FIRST_SURROGATE <= character <= _LAST_SURROGATE for chunk in chunks for character in chunk):
            raise _NotAccepted("an escape stands for no character", start_mark)
        return chunks

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Any node without alias, anchor or tag; the first two also start an unquoted password."""
        event = self.peek_event()  # type: ignore[no-untyped-call]  # missing in PyYAML's stubs
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _NotAccepted(_ALIAS, event.start_mark)
        if getattr(event, "tag", None):
            raise _NotAccepted("tags are not supported; quote text that starts with !", event.start_mark)
        return super().compose_node(parent, index)

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """A mapping whose keys are text. Keys that are given twice are noted: PyYAML takes the last value."""
        node = super().compose_mapping_node(anchor)
        lines: dict[str, int] = {}
        for key, _ in node.value:
            if key.tag != _TEXT:
                told = _BRACES if isinstance(key, yaml.MappingNode) else "a key must be text"
                raise _NotAccepted(told, key.start_mark)
            if key.value in lines:
                problem = f"'{show_key_or_hide(key.value)}' is given twice, first in line {lines[key.value]}"
                self.repeated.append(_NotAccepted(problem, key.start_mark))
            lines.setdefault(key.value, key.start_mark.line + 1)
        return node

    def construct_text(self, node: yaml.ScalarNode) -> str:
        """A scalar as written."""
        return str(node.value) if node.style else Unquoted(node.value)


_Loader.add_constructor(_TEXT, _Loader.construct_text)


def _decode(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        mark = _mark_after(content[: error.start].decode("utf-8"))
    raise _NotAccepted("is not text in UTF-8", mark)


def _load(text: str) -> tuple[Any, list[_NotAccepted]]:
    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError as error:
        problem = f"the control character #x{error.character:02x} is not allowed"
        raise _NotAccepted(problem, _mark_after(text[: error.position])) from None
    try:
        return loader.get_single_data(), loader.repeated
    finally:
        loader.dispose()


def _mark_after(text: str) -> yaml.Mark:
    column = len(text) - text.rfind("\n") - 1
    return yaml.Mark("", len(text), text.count("\n"), column, None, 0)


def _problem(path: Path, error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark
    where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
    return Problem(where, str(error.problem) if isinstance(error, _NotAccepted) else _explain(error))


def _explain(error: yaml.MarkedYAMLError) -> str:
    if error.context in {"while scanning an alias", "while scanning an anchor"}:
        return _ALIAS
    problem = _TAG_HANDLE.sub("", str(error.problem))
    if problem.startswith("but "):  # PyYAML's sentence starts in its context
        problem = f"{error.context} {problem}"
    advice = _QUOTE if _NEEDS_QUOTES.search(problem) else "check indentation and quotes"
    return f"is not YAML: {problem}; {advice}"
