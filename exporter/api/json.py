"""The answers that list pools or nodes; one item that is odd costs nobody else his place.

How much JSON is looked at: a small body can be made to fill the memory once it is decoded.

Half characters, which JSON can spell and no UTF-8 can hold.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import msgspec

from exporter.api.schema import WireItem, WireList
from exporter.common.errors import BadResponse
from exporter.transport.http import DECODE_ERRORS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Shape = TypeVar("Shape")

MAX_ITEMS = 10_000
"""Pools, or nodes, in one answer."""

_LONGEST_CURSOR = 4096
"""Characters. It goes into an address, and no server takes longer ones."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}", re.ASCII)
"""What Kubernetes lets a name be, and some more; it becomes a part of addresses and a label's value."""


class ListPage(NamedTuple):
    """One answer of a list.

    Attributes:
        items: those that can be identified, by `metadata.name`; others are left out.
        next: the cursor of the next answer; empty at the end.
    """

    items: dict[str, WireItem]
    next: str


def decode_list(body: bytes, *, what: str, where: str) -> ListPage:
    """Understand one answer.

    Args:
        body: the answer's bytes.
        what: what it should list, for the error.
        where: what was asked, for the error.

    Raises:
        BadResponse: it is no list of anything, of too much, or of items none of which can be identified.
    """
    answer = decode(body, WireList, what=f"list of {what}", where=where)
    cursor = (answer.metadata.next if answer.metadata else None) or ""
    if len(answer.items) > MAX_ITEMS or len(cursor) > _LONGEST_CURSOR:
        raise BadResponse(
            f"the list of {what} has {len(answer.items):,} items and goes on at a cursor of {len(cursor):,} "
            f"characters; {MAX_ITEMS:,} and {_LONGEST_CURSOR:,} are the most that is taken",
            where=where,
            status=200,
            advice="nobody has so much; check that the endpoint is ModelArts",
        )
    named = [item for item in _decoded_items(answer.items) if _NAME.fullmatch(item.metadata.name)]
    if answer.items and not named:
        # As an empty list it would say that every pool is gone.
        raise BadResponse(
            f"none of the {len(answer.items):,} items in the list of {what} has a name",
            where=where,
            status=200,
            advice="check that the endpoint is ModelArts, and nothing in between changes its answers",
        )
    return ListPage({item.metadata.name: item for item in named}, cursor)


def json_object(raw: msgspec.Raw) -> Mapping[str, Any]:
    """A part of an item that should be an object; empty where it is none, or cannot be read."""
    try:
        found = msgspec.json.decode(raw)
    except DECODE_ERRORS:
        return {}
    return found if isinstance(found, dict) else {}


def decode(body: bytes, shape: type[Shape], *, what: str, where: str) -> Shape:
    """The answer in its documented shape.

    Raises:
        BadResponse: it has another.
    """
    try:
        return msgspec.json.decode(bounded(body, where), type=shape)
    except DECODE_ERRORS as error:
        try:
            return msgspec.json.decode(without_surrogates(body), type=shape)
        except (*DECODE_ERRORS, ValueError):
            raise BadResponse(
                f"the answer is no readable JSON {what}: {error}",
                where=where,
                status=200,
                advice="check that the endpoint is ModelArts",
            ) from error


def _decoded_items(items: list[msgspec.Raw]) -> Iterator[WireItem]:
    for item in items:
        try:
            yield msgspec.json.decode(item, type=WireItem)
        except DECODE_ERRORS:
            continue


MAX_VALUES = 1_000_000
"""Values in one body. 500 workloads have 13,000; as many as this take up to 200 MB decoded."""


def bounded(body: bytes, where: str) -> bytes:
    """The body itself, unless it holds too many values.

    Every value but the first stands behind a bracket or a comma. A shorter body cannot hold so many.

    Raises:
        BadResponse: it does.
    """
    if len(body) > MAX_VALUES and sum(map(body.count, (b",", b"{", b"["))) > MAX_VALUES:
        raise BadResponse(
            f"the answer holds more than {MAX_VALUES:,} values",
            where=where,
            status=200,
            advice="nobody has so much; check that the endpoint is ModelArts",
        )
    return body


_HALF = re.compile("[\ud800-\udfff]")


def without_surrogates(body: bytes) -> bytes:
    r"""The same JSON with half characters as the text that spells them: `\ud800`, six characters.

    So two uids that differ stay two.

    Raises:
        ValueError: it is no JSON.
        RecursionError: it is nested too deeply.
    """
    if b"\\ud" not in body.lower():
        return body
    whole = json.dumps(json.loads(body), ensure_ascii=False)
    return _HALF.sub(lambda half: rf"\\u{ord(half[0]):x}", whole).encode()
