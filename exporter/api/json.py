"""Decodes the cloud's JSON within limits: a hostile body costs little, and a bad item affects no other.

Every failure is a BadResponse.
"""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import msgspec

from exporter.api.schema import KINDS, WireItem, WireList
from exporter.common.errors import BadResponse
from exporter.transport.http import DECODE_ERRORS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Shape = TypeVar("Shape")

MAX_VALUES = 1_000_000
"""JSON values in one body. 500 workloads have 13,000; a million take up to 200 MB once decoded."""

MAX_ITEMS = 10_000
"""Pools, or nodes, in one answer."""

_MAX_CURSOR = 4096
"""Characters. The cursor becomes part of a URL, and servers accept no longer ones."""

MIXED_UP = "a gateway or proxy mixes answers up: if it stays, report it to those who run it"
"""What to do about an answer to another request."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}", re.ASCII)
"""A superset of Kubernetes' names. A name becomes part of URLs and a label value."""

_SURROGATE = re.compile("[\ud800-\udfff]")


class ListPage(NamedTuple):
    """One answer of a list.

    Attributes:
        items: by `metadata.name`; items without a usable name are left out.
        next: the cursor of the next answer; empty at the end.
    """

    items: dict[str, WireItem]
    next: str


def decode_list(body: bytes, *, what: str, kind: str, where: str) -> ListPage:
    """Decode one answer of a list of pools or nodes.

    Args:
        body: the answer's bytes.
        what: what the list holds, for the error.
        kind: the list's `kind`. Another one is accepted, unless it is that of another list.
        where: the request, for the error.

    Raises:
        BadResponse: it is not a list or another one, is too long, or none of its items has a usable name.
    """
    answer = decode(body, WireList, what=f"a list of {what}", where=where)
    if isinstance(answer.kind, str) and answer.kind in KINDS - {kind}:
        raise BadResponse(
            f"the answer is a {answer.kind}, not a list of {what}",
            where=where,
            status=HTTPStatus.OK,
            advice=MIXED_UP,
        )
    cursor = (answer.metadata.next if answer.metadata else None) or ""
    if len(answer.items) > MAX_ITEMS or len(cursor) > _MAX_CURSOR:
        raise BadResponse(
            f"the list of {what} has {len(answer.items):,} items and a cursor of {len(cursor):,} "
            f"characters; at most {MAX_ITEMS:,} and {_MAX_CURSOR:,} are accepted",
            where=where,
            status=HTTPStatus.OK,
            advice="check that the endpoint is ModelArts",
        )
    named = [item for item in _decoded_items(answer.items) if _NAME.fullmatch(item.metadata.name)]
    if answer.items and not named:
        # An empty list would mean that every pool has been deleted.
        raise BadResponse(
            f"none of the {len(answer.items):,} items in the list of {what} has a name",
            where=where,
            status=HTTPStatus.OK,
            advice="check that the endpoint is ModelArts, and that no proxy changes its answers",
        )
    return ListPage({item.metadata.name: item for item in named}, cursor)


def decode(body: bytes, shape: type[Shape], *, what: str, where: str, strict: bool = True) -> Shape:
    """Decode an answer in its documented shape.

    Args:
        body: the answer's bytes.
        shape: a msgspec.Struct.
        what: what the answer should be, for the error.
        where: the request, for the error.
        strict: whether a number in quotes is another shape.

    Raises:
        BadResponse: it has another shape, or too many values.
    """
    try:
        return msgspec.json.decode(bounded(body, where), type=shape, strict=strict)
    except DECODE_ERRORS as error:
        try:
            return msgspec.json.decode(without_surrogates(body), type=shape, strict=strict)
        except (*DECODE_ERRORS, ValueError):
            raise BadResponse(
                f"the answer is not {what} in JSON: {error}",
                where=where,
                status=HTTPStatus.OK,
                advice="check that the endpoint is ModelArts",
            ) from error


def json_object(raw: msgspec.Raw) -> Mapping[str, Any]:
    """The fields of a part of an item; empty if the part is not an object or cannot be decoded."""
    try:
        found = msgspec.json.decode(raw)
    except DECODE_ERRORS:
        return {}
    return found if isinstance(found, dict) else {}


def bounded(body: bytes, where: str) -> bytes:
    """The body itself, unless it holds too many values: a small body can fill the memory once decoded.

    Values are counted without decoding: each but the first follows a bracket or a comma.

    Raises:
        BadResponse: it holds more than `MAX_VALUES`.
    """
    if len(body) > MAX_VALUES and sum(map(body.count, (b",", b"{", b"["))) > MAX_VALUES:
        raise BadResponse(
            f"the answer holds more than {MAX_VALUES:,} values",
            where=where,
            status=HTTPStatus.OK,
            advice="check that the endpoint is ModelArts",
        )
    return body


def without_surrogates(body: bytes) -> bytes:
    r"""The same JSON with lone surrogates written out as text: `\ud800`, six characters.

    JSON can spell them, but UTF-8, and so a label value, cannot hold them. Written out, two uids that differ
    in a surrogate still differ.

    Raises:
        ValueError: it is not JSON.
        RecursionError: it is nested too deeply.
    """
    if b"\\ud" not in body.lower():
        return body
    text = json.dumps(json.loads(body), ensure_ascii=False)
    return _SURROGATE.sub(lambda match: rf"\\u{ord(match[0]):x}", text).encode()


def _decoded_items(items: list[msgspec.Raw]) -> Iterator[WireItem]:
    for item in items:
        try:
            yield msgspec.json.decode(item, type=WireItem)
        except DECODE_ERRORS:
            continue
