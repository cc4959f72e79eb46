"""YAML with nothing in it that could surprise: what both of the operator's files are read with.

PyYAML's safe loader makes no objects, but a few hundred bytes of aliases or merge keys stand for gigabytes,
tags choose constructors that raise anything for a value that is not theirs, and an escape may stand for no
character. All of it found by fuzzing; the inputs are in tests/tools/fuzz/corpus.
"""

from __future__ import annotations

from typing import Any

import yaml

_FIRST_HALF, _LAST_HALF = "\ud800", "\udfff"


class Mistake(yaml.MarkedYAMLError):
    """YAML that is not taken here."""

    def __init__(self, problem: str, mark: yaml.Mark) -> None:
        super().__init__(problem=problem, problem_mark=mark)


class PlainLoader(yaml.SafeLoader):
    """Takes mappings, lists and scalars, each written out. Deep nesting is a RecursionError all the same."""

    def scan_flow_scalar_non_spaces(self, double: bool, start_mark: Any) -> Any:
        r"""Quoted text; PyYAML makes half characters of "\ud800", and raises anything for "\UFFFFFFFF"."""
        try:
            chunks = super().scan_flow_scalar_non_spaces(double, start_mark)
        except (ValueError, OverflowError):
            chunks = [_FIRST_HALF]
        if any(_FIRST_HALF <= character <= _LAST_HALF for chunk in chunks for character in chunk):
            raise Mistake("an escape stands for no character", start_mark)
        return chunks

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Without aliases: a few of them can stand for gigabytes, and a password may start with * or &."""
        event = self.peek_event()  # type: ignore[no-untyped-call]  # PyYAML's stubs leave it out
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise Mistake(
                "aliases and anchors are not supported; quote text that starts with * or &", event.start_mark
            )
        if getattr(event, "tag", None):
            raise Mistake("tags are not supported; quote text that starts with !", event.start_mark)
        return super().compose_node(parent, index)

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Mappings whose keys are scalars: others cannot be looked up."""
        node = super().compose_mapping_node(anchor)
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise Mistake("a key must be text", key.start_mark)
        return node
